"""What keys and values mean, without any network."""

import json

import pytest

from pidalio.errors import UsageError
from pidalio.model import Endpoint, Health, Locality, Port, Protocol
from pidalio.platforms.etcd.gateway import end_of
from pidalio.platforms.etcd.mapping import Value, key_of, offers, value_of
from pidalio.platforms.etcd.settings import EtcdSettings
from pidalio.platforms.installed import from_option

SETTINGS = EtcdSettings()


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("/services/web/i-1", ("web", "i-1")),
        ("/services/web", None),
        ("/services/web/", None),
        ("/services//i-1", None),
        ("/services/web/a/b", None),
        ("/services-old/web/i-1", None),
    ],
)
def test_keys(key, meant):
    assert key_of(key, SETTINGS.root()) == meant


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"address": "10.0.0.1", "port": 8080}', Value("10.0.0.1", 8080)),
        (b'{"address": "::1", "port": 8080, "more": [1]}', Value("::1", 8080)),
        (b'{"Addr": "10.0.0.1:8080", "Op": 0, "Metadata": null}', Value("10.0.0.1", 8080)),
        (b" 10.0.0.1:8080\n", Value("10.0.0.1", 8080)),
        (b"[::1]:8080", Value("::1", 8080)),
        (
            b'{"address": "10.0.0.1", "port": 80, "zone": "eu/a", "healthy": false}',
            Value("10.0.0.1", 80, zone="eu/a", healthy=False),
        ),
        (b'{"address": "10.0.0.1", "ports": {"grpc": 9}}', Value("10.0.0.1", ports={"grpc": 9})),
    ],
)
def test_values(data, value):
    assert value_of(data) == value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither JSON nor ADDRESS:PORT"),
        (b"{", "the JSON cannot be read: "),
        (b'{"address": "10.0.0.1", "port": "http"}', "Expected `int`, got `str` - at `$.port`"),
        (b'{"address": "10.0.0.1"}', "port: 0 is not a port"),
        (b'{"address": "10.0.0.1", "port": 70000}', "port: 70000 is not a port"),
        (b'{"address": "10.0.0.1", "ports": {"a": 0}}', "port: 0 is not a port"),
        (b'{"address": "web.example.com", "port": 80}', "address: 'web.example.com' is no IP address"),
        (b'{"port": 80}', "address: '' is no IP address"),
        (b'{"address": "10.0.0.1", "port": 80, "health": "fine"}', "health: 'fine' is none of"),
        (b'{"address": "10.0.0.1", "port": 80, "protocol": "smoke"}', "protocol: 'smoke' is not known"),
        (b"\xff\xfe", "neither JSON"),
    ],
)
def test_what_is_no_value(data, why):
    with pytest.raises(ValueError) as error:
        value_of(data)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_a_service_with_all_that_can_be_said():
    whole = {
        "address": "10.0.0.1",
        "ports": {"http": 8080, "grpc-admin": 9090},
        "labels": {"version": "v1"},
        "weight": 3,
        "locality": "eu/one",
        "health": "draining",
        "identity": "spiffe://mesh/ns/default/sa/web",
    }
    values = {("web", "a"): value_of(json.dumps(whole).encode()), ("web", "b"): value_of(b"10.0.0.2:8081")}
    (offer,) = offers(values, EtcdSettings(port=8000))
    assert (offer.kind, offer.name, offer.hostname, offer.namespace) == ("EtcdService", "web", "web.etcd", "default")
    assert offer.ports == (
        Port(8000, "http-8000", Protocol.HTTP),
        Port(8080, "http", Protocol.HTTP),
        Port(9090, "grpc-admin", Protocol.GRPC),
    )
    shared = {
        "labels": (("version", "v1"),),
        "weight": 3,
        "locality": Locality("eu", "one"),
        "health": Health.DRAINING,
        "workload": "a",
        "identity": "spiffe://mesh/ns/default/sa/web",
    }
    assert offer.endpoints == (
        Endpoint("10.0.0.1", 8080, 8080, **shared),
        Endpoint("10.0.0.1", 9090, 9090, **shared),
        Endpoint("10.0.0.2", 8081, 8000, workload="b"),
    )


def test_words_that_zookeepers_json_has_too():
    (offer,) = offers({("web", "a"): Value("10.0.0.1", 80, zone="eu/a", healthy=False)}, SETTINGS)
    (one,) = offer.endpoints
    assert (one.locality, one.health) == (Locality("eu", "a"), Health.UNHEALTHY)


def test_a_protocol_is_of_the_only_port():
    (offer,) = offers({("db", "a"): Value("10.0.0.1", 5432, protocol="tcp")}, EtcdSettings(port=5432))
    assert offer.ports == (Port(5432, "tcp", Protocol.TCP),)


def test_the_lowest_number_of_a_named_port_is_the_services():
    values = {("web", "a"): Value("10.0.0.1", ports={"http": 81}), ("web", "b"): Value("10.0.0.2", ports={"http": 80})}
    (offer,) = offers(values, SETTINGS)
    assert [(one.port, one.service_port) for one in offer.endpoints] == [(81, 80), (80, 80)]


def test_hostnames_take_the_form_of_settings():
    form = EtcdSettings(hostname="{name}.shop.svc.cluster.local", namespace="shop")
    assert [one.hostname for one in offers({("web", "a"): Value("10.0.0.1", 80)}, form)] == [
        "web.shop.svc.cluster.local"
    ]


@pytest.mark.parametrize(("prefix", "end"), [("/a/", b"/a0"), ("a\xff", b"a\xc3\xc0"), ("", b"\0")])
def test_the_end_of_a_prefix(prefix, end):
    assert end_of(prefix) == end


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("etcd=127.0.0.1:2379", "address: '127.0.0.1:2379' is not a URL"),
        ("etcd=http://a:1,b:2", "address: 'b:2' is not a URL"),
        ("etcd=http://a:1?user=me", "user and password (or passwordFile) go together"),
        ("etcd=http://a:1?user=me&password=x&passwordFile=y", "password and passwordFile exclude each other"),
        ("etcd=http://a:1?token=x", "etcd makes tokens itself: say user and password, or cert and key"),
        ("etcd=http://a:1?prefix=/", "prefix: name the part of etcd where services are"),
        ("etcd=http://a:1?port=0", "port: 0 is not a port"),
        ("etcd=http://a:1?cert=x", "cert and key go together"),
        ("etcd=http://a:1?hostname={app}.x", "hostname: '{app}.x' has no part {app} to fill in"),
    ],
)
def test_settings_that_make_no_sense(option, why):
    with pytest.raises(UsageError) as error:
        from_option(option)
    assert why in str(error.value)
    assert "\n" not in str(error.value)
