"""What a service's platform wants of its clusters: turns, which a rule decides otherwise, and whom to believe."""

import pytest
from tests.unit.rules.world import document, mesh, plans

from pidalio.ir import LoadBalancing
from pidalio.model import Endpoint, ObjectRef, Port, Protocol, Service
from pidalio.store import tables

KEY = ("shop.example", "default", "platform/shop")
RULE = document("DestinationRule", "shop", "{host: shop.example, trafficPolicy: {%s}}")


@pytest.mark.parametrize(
    ("in_turn", "policy", "wanted"),
    [
        (False, "", LoadBalancing.LEAST_REQUEST),
        (True, "", LoadBalancing.ROUND_ROBIN),
        (True, "connectionPool: {http: {http2MaxRequests: 5}}", LoadBalancing.ROUND_ROBIN),
        (True, "loadBalancer: {simple: LEAST_REQUEST}", LoadBalancing.LEAST_REQUEST),
        (True, "loadBalancer: {simple: RANDOM}", LoadBalancing.RANDOM),
    ],
)
def test_a_rule_counts_before_the_platform(in_turn, policy, wanted):
    found = mesh(*([RULE % policy] if policy else []))
    ports = (Port(80, "http", Protocol.HTTP),)
    service = Service(*KEY[:2], ports, "Test", ObjectRef("Test", "default", "shop"), round_robin=in_turn)
    rows = {tables.SERVICES: {KEY: service}, tables.ENDPOINTS: {KEY: (Endpoint("10.0.0.1", 1, 80),)}}
    found.world.apply(found.catalog.feed("platform", rows).edits)
    (plan,) = (one for one in plans(found).clusters if one.name == "outbound|80||shop.example")
    assert plan.load_balancing is wanted


def test_of_several_platforms_that_declare_a_host_each_is_believed():
    found = mesh()
    ports = (Port(80, "http", Protocol.HTTP),)
    rows = {
        (*KEY[:2], name): Service(
            *KEY[:2], ports, "Test", ObjectRef("Test", "default", name), rank=rank, instance_ca=ca
        )
        for rank, (name, ca) in enumerate({"a": "", "b": "CA-1\n", "c": "CA-1\n", "d": "CA-2\n"}.items(), 1)
    }
    found.world.apply(found.catalog.feed("platform", {tables.SERVICES: rows}).edits)
    (plan,) = (one for one in plans(found).clusters if one.name == "outbound|80||shop.example")
    assert plan.instance_ca == "CA-1\nCA-2\n"
    assert plan.service.name == "a"
