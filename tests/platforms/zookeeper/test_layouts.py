"""What nodes mean by each layout, without a server."""

import json

import pytest
from tests.platforms.zookeeper.tree import curator

from pidalio.errors import UsageError
from pidalio.model import Health, Protocol, Resolution
from pidalio.platforms.installed import from_option
from pidalio.platforms.zookeeper.layouts import is_member, member, offer

SETTINGS = from_option("zookeeper=127.0.0.1:2181/discovery").settings


def read(layout: str, tree, name: str = "n1"):
    return member(layout, name, json.dumps(tree).encode())


def only(layout: str, tree):
    return offer("web", [read(layout, tree)], SETTINGS)


def test_curator():
    made = only("curator", curator("web", "10.0.0.1", 8080, version="v1", zone="eu/a", protocol="grpc"))
    assert (made.hostname, made.namespace) == ("web.zookeeper", "default")
    assert [(port.number, port.protocol) for port in made.ports] == [(80, Protocol.GRPC)]
    (one,) = made.endpoints
    assert (one.address, one.port, one.service_port, one.workload) == ("10.0.0.1", 8080, 80, "web-10.0.0.1")
    assert dict(one.labels) == {"version": "v1"}
    assert str(one.locality) == "eu/a"


def test_curators_secure_port_is_one_of_its_own_and_a_disabled_instance_drains():
    tree = {**curator("web", "10.0.0.1", 8080), "sslPort": 8443, "enabled": False}
    made = only("curator", tree)
    assert [(one.service_port, one.port, one.health) for one in made.endpoints] == [
        (80, 8080, Health.DRAINING),
        (443, 8443, Health.DRAINING),
    ]


def test_a_payload_that_is_no_map_is_no_label():
    assert only("curator", {**curator("web", "10.0.0.1", 8080), "payload": "opaque"}).endpoints[0].labels == ()


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("ALIVE", Health.HEALTHY),
        ("WARNING", Health.HEALTHY),
        ("STOPPING", Health.DRAINING),
        ("STARTING", Health.UNHEALTHY),
        ("DEAD", Health.UNHEALTHY),
    ],
)
def test_serversets(status, health):
    tree = {
        "serviceEndpoint": {"host": "10.0.0.1", "port": 8080},
        "additionalEndpoints": {"admin": {"host": "10.0.0.1", "port": 9990}},
        "status": status,
        "shard": 3,
    }
    (one,) = only("serverset", tree).endpoints
    assert (one.address, one.port, one.health, dict(one.labels)) == ("10.0.0.1", 8080, health, {"shard": "3"})


def test_instances_whose_address_is_a_name_are_looked_up_by_who_calls_them():
    tree = {"serviceEndpoint": {"host": "web-1.shop.example", "port": 8080}, "status": "ALIVE"}
    assert only("serverset", tree).resolution is Resolution.DNS
    tree["serviceEndpoint"]["host"] = "10.0.0.1"
    assert only("serverset", tree).resolution is Resolution.STATIC


def test_only_members_of_a_serverset_are_instances():
    assert is_member("serverset", "member_0000000001")
    assert not is_member("serverset", "lock")
    assert is_member("json", "anything")


def test_plain_json():
    tree = {
        "address": "10.0.0.1",
        "port": 8080,
        "labels": {"version": "v2"},
        "protocol": "tcp",
        "zone": "eu/b",
        "weight": 3,
        "healthy": False,
    }
    made = only("json", tree)
    assert made.ports[0].protocol is Protocol.TCP
    (one,) = made.endpoints
    assert (one.weight, one.health, str(one.locality)) == (3, Health.UNHEALTHY, "eu/b")


def test_a_service_without_instances_keeps_its_port():
    made = offer("web", [], SETTINGS)
    assert [port.number for port in made.ports] == [80]


@pytest.mark.parametrize(
    ("layout", "data", "why"),
    [
        ("curator", b"", "it holds no JSON"),
        ("curator", b"\xff", "it holds no JSON"),
        ("json", b"[]", "it holds no JSON object"),
        ("json", b'{"port": 80}', "it has no address"),
        ("json", b'{"address": "a", "port": "80"}', "port is '80', not a port: write a number from 1 to 65535"),
        ("json", b'{"address": "a", "port": true}', "port is True, not a port"),
        ("json", b'{"address": "a", "port": 80, "weight": -1}', "weight is -1: write a whole number"),
        ("curator", b'{"address": "a"}', "it has neither port nor sslPort"),
        ("serverset", b"{}", "it has no serviceEndpoint"),
        ("serverset", b'{"serviceEndpoint": {"port": 80}}', "it has no host"),
    ],
)
def test_what_is_no_instance_is_one_line(layout, data, why):
    with pytest.raises(ValueError) as told:
        member(layout, "n1", data)
    assert str(told.value).startswith(why)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("zookeeper", "hosts: '': write HOST:PORT[,HOST:PORT]/PATH"),
        ("zookeeper=127.0.0.1/discovery", "hosts: '127.0.0.1/discovery': write HOST:PORT[,HOST:PORT]/PATH"),
        ("zookeeper=127.0.0.1:2181", "hosts: '127.0.0.1:2181': say below which PATH the services are"),
        ("zookeeper=127.0.0.1:2181/d?layout=dubbo", "layout: Invalid enum value 'dubbo'"),
        ("zookeeper=127.0.0.1:2181/d?protocol=SPDY", "protocol: 'SPDY' is not known"),
    ],
)
def test_mistakes_in_settings_are_one_line(option, why):
    with pytest.raises(UsageError) as told:
        from_option(option)
    assert str(told.value).startswith(f"--platform {option}: zookeeper: {why}")
