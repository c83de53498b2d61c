"""Sticky weights in the compiler: who goes by what, and that a layout belongs to the rule that says so."""

import msgspec
import pytest
from tests.unit.rules.world import action, document, mesh, mesh_config, plans, router, routes, rule, service, told

from pidalio.api.load import load
from pidalio.ir import BucketRange, CookieKey, ForwardPlan, HeaderKey, RoutePlan, SourceKey, StickyPlan
from pidalio.server.offline import OfflineMesh
from pidalio.store import tables

SUBSETS = ", ".join(f"{{name: {one}, labels: {{version: {one}}}}}" for one in ("v1", "v2", "v3"))
SHOP = (service("shop"), document("DestinationRule", "shop", f"{{host: shop, subsets: [{SUBSETS}]}}"))
EDGE = document(
    "Gateway",
    "edge",
    "{selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.test]}]}",
)


def to(*versions: str) -> str:
    """Return destinations; a version is written `v1=90`."""
    pairs = (one.split("=") for one in versions)
    return ", ".join(f"{{destination: {{host: shop, subset: {name}}}, weight: {weight}}}" for name, weight in pairs)


def sticky(by: str, *versions: str, more: str = "") -> str:
    return f"[{{sticky: {by}, route: [{to(*versions)}]{more}}}]"


def plan(by: str, *versions: str, more: str = "") -> StickyPlan:
    found = action(
        mesh(*SHOP, rule("shop", "shop", sticky(by, *versions, more=more))), "shop.default.svc.cluster.local:80"
    )
    assert found.sticky is not None
    return found.sticky


@pytest.mark.parametrize(
    ("by", "key"),
    [
        ("{cookie: {}}", CookieKey("pidalio-user")),
        ("{cookie: {name: u, path: /a, ttl: 90s}}", CookieKey("u", "/a", 90)),
        ("{header: X-User}", HeaderKey("x-user")),
    ],
)
def test_what_tells_users_apart(by, key):
    assert plan(by, "v1=1", "v2=1").key == key


def test_shares_are_buckets_and_their_owners_are_told_by_position():
    found = action(
        mesh(*SHOP, rule("shop", "shop", sticky("{header: u}", "v2=1", "v3=0", "v1=3"))),
        "shop.default.svc.cluster.local:80",
    )
    assert [(one.cluster.split("|")[2], one.weight) for one in found.clusters] == [("v2", 2500), ("v1", 7500)]
    assert found.sticky.ranges == (BucketRange(0, 7500, 1), BucketRange(7500, 10000, 0))


def test_sidecars_do_not_go_by_addresses_and_gateways_do():
    text = rule(
        "shop", "shop, shop.test", sticky("{sourceAddress: true}", "v1=1", "v2=1"), rest="gateways: [mesh, edge]"
    )
    found = mesh(*SHOP, EDGE, text)
    assert action(found, "shop.default.svc.cluster.local:80").sticky is None
    (table,) = plans(found, router()).tables
    (route,) = (one for host in table.virtual_hosts if "shop.test" in host.domains for one in host.routes)
    assert isinstance(route.action, ForwardPlan)
    assert route.action.sticky is not None
    assert route.action.sticky.key == SourceKey()
    assert told(found, "sticky-at-gateways-only") == [
        ("sticky-at-gateways-only", "VirtualService default/shop", "spec.http[0].sticky.sourceAddress")
    ]


def test_a_rule_of_gateways_alone_is_not_reported():
    text = rule("shop", "shop.test", sticky("{sourceAddress: true}", "v1=1", "v2=1"), rest="gateways: [edge]")
    assert told(mesh(*SHOP, EDGE, text), "sticky-at-gateways-only") == []


@pytest.mark.parametrize(
    ("by", "settings", "is_told"),
    [
        pytest.param("{cookie: {}}", "{requestId: {disabled: true}}", True, id="a cookie that nobody makes"),
        pytest.param("{cookie: {}}", "{requestId: {disabled: false}}", False, id="ids are made"),
        pytest.param("{cookie: {}}", "{}", False, id="nothing is said"),
        pytest.param("{header: u}", "{requestId: {disabled: true}}", False, id="a header needs none"),
    ],
)
def test_without_request_ids_no_cookie_is_made(by, settings, is_told):
    stated = mesh_config(f"{{defaultConfig: {{proxyHeaders: {settings}}}}}")
    found = mesh(*SHOP, rule("shop", "shop", sticky(by, "v1=1", "v2=1")), stated)
    place = ("sticky-makes-no-cookie", "VirtualService default/shop", "spec.http[0].sticky.cookie")
    assert told(found, "sticky-makes-no-cookie") == ([place] if is_told else [])


def change(found: OfflineMesh, *documents: str) -> None:
    text = "\n---\n".join(documents)
    found.world.apply(found.catalog.replace_all("files", {"mesh.yaml": load(text, "mesh.yaml")}).edits)


def owner(route: RoutePlan, bucket: int) -> str:
    assert isinstance(route.action, ForwardPlan)
    assert route.action.sticky is not None
    position = next(one.destination for one in route.action.sticky.ranges if one.start <= bucket < one.end)
    return route.action.clusters[position].cluster.split("|")[2]


def test_a_change_of_weights_goes_on_from_the_layout_before():
    host = "shop.default.svc.cluster.local:80"
    found = mesh(*SHOP, rule("shop", "shop", sticky("{header: u}", "v1=1", "v2=1")))
    before = routes(found, host)[0]
    change(found, *SHOP, rule("shop", "shop", sticky("{header: u}", "v2=1", "v3=1")))
    after = routes(found, host)[0]
    assert all(owner(after, one) == ("v2" if owner(before, one) == "v2" else "v3") for one in range(0, 10_000, 100))


def test_a_delegate_keeps_its_users_whoever_delegates_to_it():
    delegate = document("VirtualService", "inner", f"{{http: {sticky('{header: u}', 'v1=1', 'v2=1')}}}")
    roots = [
        rule(
            f"root{number}",
            f"{number}.test",
            f"[{{name: r{number}, match: [{{uri: {{prefix: /{number}}}}}], delegate: {{name: inner}}}}]",
        )
        for number in (1, 2)
    ]
    found = mesh(*SHOP, delegate, *roots)
    (one,), (other,) = routes(found, "1.test:80"), routes(found, "2.test:80")
    assert isinstance(one.action, ForwardPlan)
    assert one.action.sticky is not None
    assert one.action == other.action
    assert str(one.action.sticky.origin) == "VirtualService default/inner http[0].sticky"
    change(found, *SHOP, delegate.replace("subset: v1", "subset: v3"), *roots)
    (moved,) = routes(found, "1.test:80")
    assert [owner(moved, bucket) for bucket in (0, 9999)] == ["v3", "v2"]


def test_a_world_without_layouts_has_those_of_a_first_release():
    text = rule("shop", "shop", sticky("{header: u}", "v1=1", "v2=1"))
    found, bare = mesh(*SHOP, text), mesh(*SHOP, text)
    bare.world.apply({tables.LAYOUTS: {("default", "shop"): None}})
    host = "shop.default.svc.cluster.local:80"
    assert routes(found, host) == routes(bare, host)


def test_weights_that_change_without_their_object_move_as_few_users():
    host = "shop.default.svc.cluster.local:80"
    found = mesh(*SHOP, rule("shop", "shop", sticky("{header: u}", "v1=9", "v2=1")))
    row = tables.VIRTUAL_SERVICES.get(found.world, ("default", "shop"))
    assert row is not None
    (http,) = row.spec.http
    heavier = tuple(msgspec.structs.replace(one, weight=weight) for one, weight in zip(http.route, (8, 2), strict=True))
    spec = msgspec.structs.replace(row.spec, http=(msgspec.structs.replace(http, route=heavier),))
    found.world.apply({tables.VIRTUAL_SERVICES: {("default", "shop"): msgspec.structs.replace(row, spec=spec)}})
    (route,) = routes(found, host)
    assert [owner(route, bucket) for bucket in (0, 7999, 8000, 9999)] == ["v1", "v1", "v2", "v2"]
