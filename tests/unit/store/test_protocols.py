"""Which protocol a port speaks (reference §2.3)."""

import pytest

from pidalio.model import Protocol
from pidalio.store.protocols import port_protocol, protocol_named


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("http", Protocol.HTTP),
        ("http-web", Protocol.HTTP),
        ("HTTP-Web", Protocol.HTTP),
        ("http2-api", Protocol.HTTP2),
        ("grpc", Protocol.GRPC),
        ("grpc-web", Protocol.GRPC_WEB),
        ("grpc-web-front", Protocol.GRPC_WEB),
        ("https", Protocol.HTTPS),
        ("tls-x", Protocol.TLS),
        ("tcp", Protocol.TCP),
        ("mongo", Protocol.MONGO),
        ("redis", Protocol.REDIS),
        ("mysql", Protocol.MYSQL),
        ("http_proxy", Protocol.HTTP),
        ("udp-x", Protocol.UNSUPPORTED),
        ("web", Protocol.UNSUPPORTED),
        ("httpx", Protocol.UNSUPPORTED),
        ("", Protocol.UNSUPPORTED),
    ],
)
def test_a_ports_name_declares_up_to_its_first_hyphen(name, protocol):
    assert port_protocol(80, name) is protocol


@pytest.mark.parametrize("number", [25, 53, 3306, 27017])
def test_where_servers_speak_first_undeclared_ports_are_bytes(number):
    assert port_protocol(number, "") is Protocol.TCP
    assert port_protocol(number, "http") is Protocol.HTTP


@pytest.mark.parametrize(
    ("declared", "protocol"),
    [
        ("http", Protocol.HTTP),
        ("GRPC", Protocol.GRPC),
        ("kubernetes.io/h2c", Protocol.HTTP2),
        ("kubernetes.io/ws", Protocol.HTTP),
        ("kubernetes.io/wss", Protocol.HTTPS),
    ],
)
def test_the_applications_protocol_comes_before_the_name(declared, protocol):
    assert port_protocol(80, "tcp-x", declared) is protocol


def test_the_transport_comes_before_all():
    assert port_protocol(53, "http", "http", "UDP") is Protocol.UDP


@pytest.mark.parametrize(
    ("written", "protocol"),
    [
        ("HTTP", Protocol.HTTP),
        ("grpc-Web", Protocol.GRPC_WEB),
        ("UDP", Protocol.UDP),
        ("x", None),
        ("UNSUPPORTED", None),
    ],
)
def test_protocols_of_entries(written, protocol):
    assert protocol_named(written) is protocol


@pytest.mark.parametrize(
    ("declared", "number", "protocol"),
    [
        ("acme.example/own", 80, Protocol.UNSUPPORTED),
        ("acme.example/own", 3306, Protocol.TCP),
        ("http-or-so", 80, Protocol.HTTP),
        ("GRPC-Web", 80, Protocol.GRPC_WEB),
    ],
)
def test_a_name_counts_only_where_nothing_is_declared(declared, number, protocol):
    assert port_protocol(number, "grpc-x", declared) is protocol
