"""What Eureka's answers mean, without a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.platforms.eureka.registry import applications, instance

from pidalio.errors import PlatformUnavailable
from pidalio.model import Health, Protocol, Resolution
from pidalio.platforms.eureka.mapping import offers
from pidalio.platforms.eureka.registry import Known, answer, hash_of
from pidalio.platforms.eureka.settings import EurekaSettings

SETTINGS = EurekaSettings(address="http://127.0.0.1:1/eureka")


def read(*instances, settings=SETTINGS):
    found = answer(applications(*instances))
    return {one.hostname: one for one in offers((each for _, each in found.entries), settings)}


def only(*instances, settings=SETTINGS):
    (offer,) = read(*instances, settings=settings).values()
    return offer


def test_an_instance_is_an_endpoint_of_its_vip():
    offer = only(instance("WEB", 1))
    assert (offer.hostname, offer.namespace) == ("web.eureka", "default")
    assert [(port.number, port.protocol) for port in offer.ports] == [(80, Protocol.HTTP)]
    (one,) = offer.endpoints
    assert (one.address, one.port, one.service_port, one.workload) == ("10.0.0.1", 8080, 80, "h1:web:8080")
    assert dict(one.labels) == {"app": "web", "version": "v1", "zone": "z1"}
    assert one.locality.zone == "z1"


def test_instances_on_different_ports_share_the_port_of_callers():
    offer = only(instance("WEB", 1), instance("WEB", 2, port={"$": "9999", "@enabled": "true"}))
    assert [one.port for one in offer.endpoints] == [8080, 9999]
    assert [port.number for port in offer.ports] == [80]


def test_instances_that_only_have_a_name_are_looked_up_by_who_calls_them():
    assert only(instance("WEB", 1)).resolution is Resolution.STATIC
    assert only(instance("WEB", 1), instance("WEB", 2, ipAddr="", hostName="web-2.shop")).resolution is Resolution.DNS


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("UP", Health.HEALTHY),
        ("DOWN", Health.UNHEALTHY),
        ("STARTING", Health.UNHEALTHY),
        ("UNKNOWN", Health.UNHEALTHY),
        ("OUT_OF_SERVICE", Health.DRAINING),
    ],
)
def test_states(status, health):
    assert [one.health for one in only(instance("WEB", 1, status=status)).endpoints] == [health]


def test_secure_ports_are_connections_told_apart_by_server_name():
    tree = instance("WEB", 1, securePort={"$": 8443, "@enabled": "true"})
    offer = only(tree)
    assert [(port.number, port.protocol) for port in offer.ports] == [(80, Protocol.HTTP), (443, Protocol.HTTPS)]
    assert [(one.service_port, one.port) for one in offer.endpoints] == [(80, 8080), (443, 8443)]


def test_metadata_names_the_protocol_and_is_no_label():
    offer = only(instance("WEB", 1, metadata={"istio.protocol": "grpc", "@class": "x"}))
    assert offer.ports[0].protocol is Protocol.GRPC
    assert dict(offer.endpoints[0].labels) == {"app": "web"}


def test_several_vips_are_several_services_and_none_is_the_application():
    found = read(instance("WEB", 1, vipAddress="web.example.com, shop"), instance("API", 2, vipAddress=None))
    assert sorted(found) == ["api.eureka", "shop.eureka", "web.example.com"]
    by_app = EurekaSettings(address="http://127.0.0.1:1", by="app", hostname="{app}.shop.svc.cluster.local")
    assert list(read(instance("WEB", 1, vipAddress="a,b"), settings=by_app)) == ["web.shop.svc.cluster.local"]


def test_an_amazon_zone_counts_before_metadata():
    info = {"name": "Amazon", "metadata": {"availability-zone": "us-east-1c"}}
    offer = only(instance("WEB", 1, dataCenterInfo=info, metadata={"region": "us-east-1", "zone": "other"}))
    assert str(offer.endpoints[0].locality) == "us-east-1/us-east-1c"


@pytest.mark.parametrize(
    "body",
    [
        b'{"applications":{"versions__delta":"1","apps__hashcode":""}}',
        b'{"applications":{"application":null}}',
        b'{"applications":{"application":[]}}',
    ],
)
def test_an_empty_registry_is_empty(body):
    found = answer(body)
    assert (found.entries, found.malformed) == ((), ())


def test_an_old_codec_writes_one_as_itself():
    one = instance("WEB", 1, port=8080)
    import json

    body = json.dumps({"applications": {"application": {"name": "WEB", "instance": one}}}).encode()
    assert [each.port for _, each in answer(body).entries] == [8080]


@pytest.mark.parametrize("body", [b"<applications/>", b"[]", b'{"applications":"none"}', b"", b"\xff"])
def test_what_is_no_answer_is_an_error_and_not_empty(body):
    with pytest.raises(PlatformUnavailable):
        answer(body)


@pytest.mark.parametrize("port", ["http", "70000", -1, None, [], 0])
def test_a_port_that_is_none_spoils_its_instance_only(port):
    found = answer(applications(instance("WEB", 1, port={"$": port, "@enabled": "true"}), instance("WEB", 2)))
    assert [one.id for _, one in found.entries] == ["h2:web:8080"]
    (bad,) = found.malformed
    assert bad.key == ("WEB", "h1:web:8080")
    assert "not a port: register it with a number from 1 to 65535" in bad.why


STATES = st.sampled_from(["UP", "DOWN", "STARTING", "OUT_OF_SERVICE"])


@given(st.dictionaries(st.integers(1, 30), STATES), st.dictionaries(st.integers(1, 30), st.none() | STATES))
def test_a_delta_leads_where_a_full_answer_does(before, changes):
    def entries(states):
        return {
            one.key: one
            for _, one in answer(applications(*(instance("WEB", n, status=s) for n, s in states.items()))).entries
        }

    after = {number: state for number, state in {**before, **changes}.items() if state}
    delta = [
        instance("WEB", number, status=state or "UP", actionType="MODIFIED" if state else "DELETED")
        for number, state in changes.items()
    ]
    now = Known(entries(before)).after(answer(applications(*delta))).instances
    assert now == entries(after)
    assert hash_of(now.values()) == hash_of(entries(after).values())


def test_the_hash_is_that_of_eureka():
    found = answer(applications(instance("A", 1), instance("B", 2), instance("B", 3, status="DOWN")))
    assert hash_of(one for _, one in found.entries) == "DOWN_1_UP_2_"


def at(time: int, number: int = 1, action: str = "MODIFIED", **changes):
    return instance("WEB", number, lastUpdatedTimestamp=str(time), actionType=action, **changes)


def known(*instances) -> Known:
    return Known({one.key: one for _, one in answer(applications(*instances)).entries})


def ports(found: Known) -> list[int]:
    return [one.port for one in found.instances.values()]


def test_a_delta_from_before_takes_nothing_away_and_changes_nothing():
    now = known(at(5, port=8085))
    assert ports(now.after(answer(applications(at(4, action="DELETED"))))) == [8085]
    assert ports(now.after(answer(applications(at(4, port=8084))))) == [8085]
    assert ports(now.after(answer(applications(at(5, port=8086))))) == [8086]
    assert ports(now.after(answer(applications(at(6, action="DELETED"))))) == []


def test_a_delta_from_before_brings_nothing_back():
    after_delta = known(at(5)).after(answer(applications(at(6, action="DELETED"))))
    after_all = known(at(5), at(9, 2)).replaced(known(at(9, 2)).instances)
    for now in (after_delta, after_all):
        before = len(now.instances)
        assert len(now.after(answer(applications(at(5)))).instances) == before
        assert len(now.after(answer(applications(at(7)))).instances) == before + 1


def test_a_server_that_says_no_times_is_believed_as_it_speaks():
    for nothing in (None, "", "soon", -1, {}):
        assert ports(
            known(at(5)).after(answer(applications({**at(0, port=8086), "lastUpdatedTimestamp": nothing})))
        ) == [8086]


def test_what_is_gone_is_remembered_for_as_long_as_deltas_tell_of_it():
    one = known(at(1_000)).after(answer(applications(at(2_000, action="DELETED"))))
    two = one.after(answer(applications(at(1_000_000, 2, "DELETED"))))
    assert sorted(one.gone.values()) == [2_000]
    assert sorted(two.gone.values()) == [1_000_000]
