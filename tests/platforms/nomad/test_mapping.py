"""What Nomad's registrations and events mean, without a server."""

import json

import msgspec
import pytest
from tests.platforms.nomad.server import registration

from pidalio.errors import PlatformUnavailable, UsageError
from pidalio.model import Health, Protocol, Resolution
from pidalio.platforms.installed import from_option
from pidalio.platforms.nomad import NomadSettings
from pidalio.platforms.nomad.mapping import Node, Registration, fault_of, offers
from pidalio.platforms.nomad.stream import Deregistered, NodeSeen, Registered, Unread, events

SETTINGS = NomadSettings(address="http://127.0.0.1:4646")


def read(*trees, nodes=(), unwell=(), settings=SETTINGS):
    found = [msgspec.convert(tree, Registration) for tree in trees]
    return {one.hostname: one for one in offers(found, {one.id: one for one in nodes}, unwell, settings)}


def test_a_registration_is_an_endpoint_behind_the_port_of_callers():
    offer = read(registration("web", 1))["web.default.nomad"]
    assert [(port.number, port.protocol) for port in offer.ports] == [(80, Protocol.HTTP)]
    (one,) = offer.endpoints
    assert (one.address, one.port, one.service_port) == ("10.0.0.1", 20001, 80)
    assert dict(one.labels) == {"job": "shop", "version": "v1"}
    assert str(one.locality) == "global/dc1"
    assert (one.workload, one.node) == ("_nomad-task-1-web-http", "node-1")


def test_tags_that_are_pairs_are_labels_and_one_names_the_protocol():
    tags = ["version|v2", "env=prod", "canary", "=x", "protocol=grpc"]
    offer = read(registration("web", 1, Tags=tags))["web.default.nomad"]
    assert offer.ports[0].protocol is Protocol.GRPC
    assert dict(offer.endpoints[0].labels) == {"job": "shop", "version": "v2", "env": "prod"}


def test_null_tags_are_none():
    assert read(registration("web", 1, Tags=None))


def test_services_of_namespaces_are_different_ones_unless_the_form_says_otherwise():
    two = (registration("web", 1), registration("web", 2, Namespace="shop"))
    assert sorted(read(*two)) == ["web.default.nomad", "web.shop.nomad"]
    moved = NomadSettings(address="http://n", hostname="{name}.{namespace}.svc.cluster.local")
    assert sorted(read(*two, settings=moved)) == ["web.default.svc.cluster.local", "web.shop.svc.cluster.local"]


@pytest.mark.parametrize("status", ["down", "disconnected"])
def test_instances_of_a_node_that_nobody_hears_of_are_unwell(status):
    found = read(
        registration("web", 1), registration("web", 2), nodes=[Node("node-1", status), Node("node-2", "ready")]
    )
    healths = {one.address: one.health for one in found["web.default.nomad"].endpoints}
    assert healths == {"10.0.0.1": Health.UNHEALTHY, "10.0.0.2": Health.HEALTHY}


def test_a_failing_check_concerns_its_service_only():
    two = (registration("web", 1), registration("admin", 1))
    found = read(*two, unwell=[("alloc-1", "web")])
    assert found["web.default.nomad"].endpoints[0].health is Health.UNHEALTHY
    assert found["admin.default.nomad"].endpoints[0].health is Health.HEALTHY


def test_instances_whose_address_is_a_name_are_looked_up_by_who_calls_them():
    two = (registration("web", 1), registration("web", 2, Address="ec2-2.compute.example"))
    assert read(*two)["web.default.nomad"].resolution is Resolution.DNS
    assert read(two[0])["web.default.nomad"].resolution is Resolution.STATIC


@pytest.mark.parametrize("changes", [{"Port": 0}, {"Address": ""}, {"Port": 70000}])
def test_what_cannot_be_called_is_a_fault(changes):
    assert fault_of(msgspec.convert(registration("web", 1, **changes), Registration))


def line(*found, index=7) -> bytes:
    return json.dumps({"Index": index, "Events": [*found]}).encode()


def test_lines_are_events():
    one = {
        "Topic": "Service",
        "Type": "ServiceRegistration",
        "Key": "k",
        "Payload": {"Service": registration("web", 1)},
    }
    gone = {**one, "Type": "ServiceDeregistration"}
    node = {"Topic": "Node", "Type": "NodeDrain", "Key": "n", "Payload": {"Node": {"ID": "n", "Status": "ready"}}}
    other = {"Topic": "Job", "Type": "JobRegistered", "Key": "j", "Payload": {}}
    found = events(line(one, gone, node, other))
    assert [type(each) for each in found] == [Registered, Deregistered, NodeSeen]
    assert {each.index for each in found} == {7}


def test_a_heartbeat_tells_nothing():
    assert events(b"{}") == ()


def test_an_event_that_makes_no_sense_spoils_nothing_else():
    bad = {"Topic": "Service", "Type": "ServiceRegistration", "Key": "web", "Payload": {"Service": {"Port": "http"}}}
    good = {
        "Topic": "Service",
        "Type": "ServiceRegistration",
        "Key": "k",
        "Payload": {"Service": registration("web", 1)},
    }
    found = events(line(bad, good))
    assert [type(each) for each in found] == [Unread, Registered]


@pytest.mark.parametrize("text", [b"<html>", b"[]", b'{"Index":"seven"}', b"\xff"])
def test_what_is_no_event_ends_the_stream(text):
    with pytest.raises(PlatformUnavailable):
        events(text)


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("nomad=127.0.0.1:4646", "address: '127.0.0.1:4646' is not a URL"),
        ("nomad?port=0", "port: a number from 1 to 65535"),
        ("nomad?protocol=SPDY", "protocol: 'SPDY' is not known"),
        ("nomad?checkInterval=0", "checkInterval: at least 0.1 seconds"),
        ("nomad?interval=3", "no field 'interval'"),
        ("nomad?hostname={alloc}.x", "hostname: '{alloc}.x' has no part {alloc} to fill in"),
    ],
)
def test_mistakes_in_settings_are_one_line(option, why):
    with pytest.raises(UsageError) as told:
        from_option(option)
    assert str(told.value).startswith(f"--platform {option}: nomad: {why}")


def test_nomads_own_environment_counts(monkeypatch):
    monkeypatch.setenv("NOMAD_ADDR", "https://nomad.example:4646")
    monkeypatch.setenv("NOMAD_TOKEN", "secret")
    settings = from_option("nomad").settings
    assert (settings.address, settings.secret()) == ("https://nomad.example:4646", "secret")
