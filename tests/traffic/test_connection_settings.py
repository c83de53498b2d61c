"""Connections that are not HTTP last as long as the destination's rule says, and callers keep their instance (§1.2)."""

import re
import socket

import pytest
from tests.traffic.case import GATEWAY, SIDECAR, Case
from tests.traffic.client import told
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import instance_at, rule, service, subsets
from tests.traffic.run import compiled

pytestmark = pytest.mark.envoy

_NAMES = {"idle": 9000, "lasting": 9001, "kept": 9002, "routed": 9003, "plain": 9004}
_IDLE = "{connectionPool: {tcp: {idleTimeout: 0.4s}}}"
_LASTING = "{connectionPool: {tcp: {maxConnectionDuration: 0.4s}}}"
_KEPT = "{loadBalancer: {consistentHash: {useSourceIp: true}}}"
_WORLD = (
    service("idle", ports="9000/tcp", extra="addresses: [10.7.0.1]")
    + subsets("idle", "v1", policy=_IDLE)
    + service("lasting", ports="9001/tcp", extra="addresses: [10.7.0.2]")
    + subsets("lasting", "v1", policy=_LASTING)
    + service("kept", "v1*4", ports="9002/tcp", extra="addresses: [10.7.0.3]")
    + subsets("kept", "v1", policy=_KEPT)
    + service("routed", ports="9003/tcp", extra="addresses: [10.7.0.4]")
    + service("plain", "v1*4", ports="9004/tcp", extra="addresses: [10.7.0.5]")
    + rule("routed", "hosts: [routed]\ntcp: [{route: [{destination: {host: kept, port: {number: 9002}}}]}]")
)
_EDGE = rule(
    "edge",
    "selector: {istio: ingress}\nservers:\n"
    + "".join(f"- {{port: {{number: {one}, name: p{one}, protocol: TCP}}, hosts: ['*']}}\n" for one in _NAMES.values()),
    kind="Gateway",
) + rule(
    "edge",
    "hosts: [any.test]\ngateways: [edge]\ntcp:\n"
    + "".join(
        f"- {{match: [{{port: {port}}}], route: [{{destination: {{host: {'kept' if name == 'routed' else name}}}}}]}}\n"
        for name, port in _NAMES.items()
    ),
)


class Door:
    """An Envoy by which every service can be called as bytes."""

    def __init__(self, kind: str, port: int) -> None:
        proxy, labels = (GATEWAY, (("istio", "ingress"),)) if kind == "gateway" else (SIDECAR, ())
        mode = "transparent" if kind == "transparent" else "explicit"
        case = Case(id=kind, intent="", config=_WORLD + _EDGE, calls=(), proxy=proxy, labels=labels, mode=mode)
        self.kind = kind
        self.envoy = RunningEnvoy(compiled(case, port)).start()

    def opened(self, name: str, source: str = "127.0.0.1") -> socket.socket:
        """Return a connection from `source` to a service."""
        listeners, port = self.envoy.plans.listeners, _NAMES[name]
        if self.kind == "gateway":
            door = next(one for one in listeners if one.requested_port == port)
        else:
            door = next(one for one in listeners if one.explicit_proxy or one.hands_off)
        client = socket.create_connection((door.address, door.port), timeout=30, source_address=(source, 0))
        if self.kind == "transparent":
            address = f"10.7.0.{list(_NAMES).index(name) + 1}:{port}"
            client.sendall(told(f"{source}:{client.getsockname()[1]}", address))
        elif self.kind == "explicit":
            client.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        return client

    def reached(self, name: str, source: str) -> str:
        """Return which instance takes a new connection from `source`."""
        with self.opened(name, source) as client:
            return said(client)


def said(client: socket.socket) -> str:
    """Ask the other end who it is."""
    client.sendall(b"GET / HTTP/1.1\r\nHost: any\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = client.recv(4096)
        assert part, "closed before an answer"
        answer += part
    found = re.search(rb"x-from: (\S+)", answer)
    assert found
    return instance_at(found[1].decode())


@pytest.fixture(scope="module", params=["gateway", "explicit", "transparent"])
def door(request, backend):
    opened = Door(request.param, backend.port)
    yield opened
    opened.envoy.stop()


@pytest.mark.parametrize("name", ["idle", "lasting"])
def test_connections_end_when_the_rule_says(door, name):
    with door.opened(name) as client:
        assert said(client) == f"{name} v1 #1"
        while client.recv(65536):  # what is left of the answer, then the end
            pass


def test_a_caller_keeps_its_instance(door):
    for name in ("kept", "routed"):
        sources = [f"127.44.1.{number}" for number in range(1, 21)]
        first = [door.reached(name, one) for one in sources]
        assert len(set(first)) > 1
        assert [door.reached(name, one) for one in sources] == first


def test_without_a_rule_it_does_not(door):
    assert len({door.reached("plain", "127.44.1.1") for _ in range(60)}) > 1
