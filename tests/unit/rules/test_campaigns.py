"""Which destinations a fault campaign concerns, and which proxies are lent its shares."""

import pytest
from tests.unit.rules.world import action, document, mesh, plans, router, rule, service, sidecar

from pidalio.ir import CampaignPlan, SharesPlan
from pidalio.model import ObjectRef, Origin, Proxy
from pidalio.rules import names
from pidalio.rules.campaigns import shares_plan
from pidalio.server.offline import OfflineMesh
from pidalio.store import tables
from pidalio.store.campaigns import Campaign

REVIEWS = "reviews.default.svc.cluster.local"
RATINGS = "ratings.default.svc.cluster.local"
VHOST = f"{REVIEWS}:80"


def campaign(name: str = "storm", host: str = REVIEWS, **rest) -> Campaign:
    rest = {"abort_share": 1000, "delay_share": 2000} | rest
    origin = Origin(ObjectRef("FaultCampaign", "", name))
    return Campaign(CampaignPlan(name, delay=10, http_status=503, origin=origin), host, **rest)


def running(found: OfflineMesh, *campaigns: Campaign) -> OfflineMesh:
    rows = {tables.CAMPAIGNS: {one.name: one for one in campaigns}}
    found.world.apply(found.catalog.feed("faults", rows).edits)
    return found


def struck(found: OfflineMesh, host: str = VHOST, proxy: Proxy | None = None) -> dict[str, str]:
    """Return by destination the campaign that concerns it."""
    return {one.cluster: one.campaign.name for one in action(found, host, proxy).clusters if one.campaign}


def test_a_destination_may_be_named_back():
    assert names.outbound_destination("outbound|80|v1|a.b") == ("a.b", 80, "v1")
    assert names.outbound_destination("outbound|80||*.a.b") == ("*.a.b", 80, "")
    for other in ("inbound|80||", "PassthroughCluster", "BlackHoleCluster"):
        assert names.outbound_destination(other) is None


def test_a_service_without_rule_is_concerned():
    assert struck(running(mesh(service("reviews")), campaign())) == {f"outbound|80||{REVIEWS}": "storm"}


@pytest.mark.parametrize(
    ("where", "clusters"),
    [
        ({}, ["v1", "v2"]),
        ({"subset": "v1"}, ["v1"]),
        ({"port": 80}, ["v1", "v2"]),
        ({"port": 81}, []),
        ({"host": RATINGS}, ["ratings"]),
    ],
)
def test_of_a_split_only_what_leads_there_is(where, clusters):
    split = (
        "[{route: [{destination: {host: reviews, subset: v1}, weight: 60},"
        " {destination: {host: reviews, subset: v2}, weight: 30}, {destination: {host: ratings}, weight: 10}]}]"
    )
    found = mesh(service("reviews"), service("ratings"), rule("reviews", "reviews", split))
    named = {"v1": f"outbound|80|v1|{REVIEWS}", "v2": f"outbound|80|v2|{REVIEWS}", "ratings": f"outbound|80||{RATINGS}"}
    assert struck(running(found, campaign(**where))) == {named[one]: "storm" for one in clusters}


def test_a_gateway_is_a_caller_too():
    edge = document(
        "Gateway",
        "edge",
        "{selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
    )
    hung = rule("reviews", "a.com", "[{route: [{destination: {host: reviews}}]}]", rest="gateways: [edge]")
    found = running(mesh(service("reviews"), edge, hung), campaign())
    assert struck(found, "a.com:80", router()) == {f"outbound|80||{REVIEWS}": "storm"}
    assert len(plans(found, router()).shares) == 2


@pytest.mark.parametrize(
    ("sources", "proxy", "is_lent"),
    [
        ({}, sidecar(), True),
        ({"namespace": "default"}, sidecar(), True),
        ({"namespace": "shop"}, sidecar(), False),
        ({"labels": (("app", "web"),)}, sidecar(app="web", version="v1"), True),
        ({"labels": (("app", "web"),)}, sidecar(app="other"), False),
    ],
)
def test_shares_are_lent_to_its_sources_and_routes_are_alike(sources, proxy, is_lent):
    found = running(mesh(service("reviews")), campaign(**sources))
    shares = (("pidalio.fault.storm.delay", 2000), ("pidalio.fault.storm.abort", 1000))
    assert plans(found, proxy).shares == (shares if is_lent else ())
    assert struck(found, proxy=proxy)


def test_who_does_not_see_the_host_is_lent_nothing():
    narrow = document("Sidecar", "default", "{egress: [{hosts: [./ratings.default.svc.cluster.local]}]}")
    found = running(mesh(service("reviews"), service("ratings"), narrow), campaign())
    assert plans(found).shares == ()


def test_several_are_one_layer_for_the_shortest_lease():
    rows = (campaign(lease=9000), campaign("other", RATINGS, lease=3000, delay_share=0))
    found = running(mesh(service("reviews"), service("ratings")), *rows)
    plan = shares_plan(found.world, ("other", "storm"))
    assert isinstance(plan, SharesPlan)
    assert plan.ttl == 3000
    assert [key for key, _ in plan.shares] == [
        "pidalio.fault.other.abort",
        "pidalio.fault.storm.delay",
        "pidalio.fault.storm.abort",
    ]
    assert [str(one) for one in plan.origins] == ["FaultCampaign other", "FaultCampaign storm"]
    assert shares_plan(found.world, ("gone",)) is None


def test_a_tunnel_has_none():
    found = running(mesh(service("reviews", ports="80 5432/tcp")), campaign())
    table = plans(found).tables[0]
    (tunnel,) = [
        one
        for host in table.virtual_hosts
        if host.name == f"{REVIEWS}:5432"
        for one in host.routes
        if one.match.connect
    ]
    assert not any(one.campaign for one in tunnel.action.clusters)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ({}, {}, True),
        ({"subset": "v1"}, {"subset": "v2"}, False),
        ({"subset": "v1"}, {}, True),
        ({"port": 80}, {"port": 81}, False),
        ({"port": 80}, {"subset": "v1"}, True),
        ({}, {"host": RATINGS}, False),
    ],
)
def test_overlap(one, other, overlap):
    assert campaign(**one).overlaps(campaign(**other)) is overlap
    assert campaign(**other).overlaps(campaign(**one)) is overlap
