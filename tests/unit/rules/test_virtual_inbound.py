"""The one listener to which connections to a workload are redirected (reference §2.13)."""

import msgspec
import pytest
from tests.unit.rules.world import document, mesh, mesh_config, plans, sidecar

from pidalio.ir import Direction, Discovery, Inspector, ListenerPlan, ProxyPlans
from pidalio.model import Interception

_SERVICE = document(
    "Service",
    "web",
    "{selector: {app: web}, ports: [{port: 80, name: http, targetPort: 8080}, {port: 81, name: tcp}, "
    "{port: 82, name: any}]}",
)


def compiled(settings: str = "", mode: Interception = Interception.REDIRECT, address: str = "10.9.9.9") -> ProxyPlans:
    proxy = msgspec.structs.replace(sidecar(app="web", address=address), interception=mode)
    return plans(mesh(_SERVICE, *((mesh_config(settings),) if settings else ())), proxy)


def inbound(found: ProxyPlans) -> ListenerPlan:
    (one,) = (one for one in found.listeners if one.direction is Direction.INBOUND)
    return one


def test_its_chains():
    one = inbound(compiled())
    assert (one.name, one.address, one.port, one.bind) == ("virtualInbound", "0.0.0.0", 15006, True)
    assert [(each.name, each.match.destination_port, each.match.application_protocols) for each in one.chains] == [
        ("virtualInbound-blackhole", 15006, ()),
        ("0.0.0.0_81", 81, ()),
        ("0.0.0.0_82", 82, ("http/1.1", "h2c")),
        ("0.0.0.0_82-tcp", 82, ()),
        ("0.0.0.0_8080", 8080, ()),
        ("virtualInbound-catchall-http", 0, ("http/1.1", "h2c")),
        ("virtualInbound", 0, ()),
    ]
    assert one.inspectors == (Inspector.ORIGINAL_DST, Inspector.HTTP)
    assert one.uninspected == (15006, 81, 8080)


def test_its_port_and_its_wait_are_the_meshs():
    one = inbound(compiled("{proxyInboundListenPort: 16006, protocolDetectionTimeout: 3s}"))
    assert (one.port, one.chains[0].match.destination_port, one.inspection_timeout) == (16006, 16006, 3000)


@pytest.mark.parametrize(
    ("settings", "kind", "bind"),
    [
        ("", Discovery.ORIGINAL_DST, "127.0.0.6"),
        ("{inboundTrafficPolicy: {mode: PASSTHROUGH}}", Discovery.ORIGINAL_DST, "127.0.0.6"),
        ("{inboundTrafficPolicy: {mode: LOCALHOST}}", Discovery.STATIC, ""),
    ],
)
def test_where_connections_go(settings, kind, bind):
    found = compiled(settings)
    ways = {one.name: one for one in found.clusters if one.name.startswith("inbound|")}
    assert {(one.discovery, one.bind) for one in ways.values()} == {(kind, bind)}
    (rest,) = (one for one in found.clusters if one.name == "InboundPassthroughCluster")
    assert (rest.discovery, rest.bind) == (Discovery.ORIGINAL_DST, "127.0.0.6")


def test_ipv6():
    found = compiled(address="2001:db8::1")
    assert {one.bind for one in found.clusters if one.name.startswith(("inbound|", "Inbound"))} == {"::6"}


def test_tproxy_keeps_the_callers_address():
    one = inbound(compiled(mode=Interception.TPROXY))
    assert one.inspectors == (Inspector.ORIGINAL_DST, Inspector.ORIGINAL_SRC, Inspector.HTTP)
    assert one.transparent


def test_explicit_proxies_have_none_of_it():
    found = compiled(mode=Interception.NONE)
    assert {one.name for one in found.listeners if one.direction is Direction.INBOUND} == {
        "10.9.9.9_81",
        "10.9.9.9_82",
        "10.9.9.9_8080",
    }
    assert not [one for one in found.clusters if one.name == "InboundPassthroughCluster"]
