"""Who stays in which zone, and who is like a caller (reference §1.2, §2.9)."""

import msgspec
import pytest
from tests.unit.rules.test_locality import NAME, order, proxy, shop
from tests.unit.rules.world import document, mesh, mesh_config, plans, router

from pidalio.ir import Discovery, LoadBalancing, ZoneAwarePlan
from pidalio.model import Delivery, Health, Locality, ObjectRef, Origin
from pidalio.pipeline import groups_of, members, resource_of
from pidalio.rules.local_cluster import LocalCluster, local_cluster_of

ON = "zoneAwareLbSetting: {enabled: true}"
AT = Origin(ObjectRef("DestinationRule", "default", "shop"), "trafficPolicy.loadBalancer.zoneAwareLbSetting")


def rule(balancer: str = ON, more: str = "") -> str:
    return document(
        "DestinationRule", "shop", f"{{host: shop.com, trafficPolicy: {{loadBalancer: {{{balancer}}}{more}}}}}"
    )


def zones(*documents: str, where=None) -> ZoneAwarePlan | None:
    return plans(mesh(*documents), where or proxy()).cluster(NAME).zone_aware


def pod(name: str, place: str, address: str, app: str = "web", ready: str = "True") -> str:
    status = f"status: {{podIP: {address}, conditions: [{{type: Ready, status: '{ready}'}}]}}\n"
    more = f"labels: {{app: {app}, tier: x, istio-locality: {place}}}"
    return document("Pod", name, status, more=more)


def service(name: str, selector: str, ports: str = "{port: 80, name: http}") -> str:
    return document("Service", name, f"{{selector: {selector}, ports: [{ports}]}}")


CALLERS = (
    service("web", "{app: web}", "{port: 80, name: http}, {port: 90, name: grpc}"),
    pod("a", "eu.w.1", "10.1.0.1"),
    pod("b", "eu.x.1", "10.1.0.2", ready="False"),
    pod("c", "us.y.1", "10.1.0.3"),
    pod("d", "eu.w.1", "10.1.0.4", app="other"),
)


def local(*documents: str, where=None) -> dict[str, list[str]] | None:
    """Return the addresses of the local cluster by place, those of ill instances in brackets."""
    found = plans(mesh(*documents), where or proxy(app="web")).local
    return found and {
        str(group.locality): [
            f"({one.address})" if one.health is Health.UNHEALTHY else one.address for one in group.endpoints
        ]
        for group in found.localities
    }


class TestWhichSettingHolds:
    @pytest.mark.parametrize(
        ("documents", "expected"),
        [
            ((), None),
            ((rule(),), ZoneAwarePlan(6, AT)),
            ((rule("zoneAwareLbSetting: {}"),), ZoneAwarePlan(6, AT)),
            ((rule("zoneAwareLbSetting: {minClusterSize: 2}"),), ZoneAwarePlan(2, AT)),
            ((rule("zoneAwareLbSetting: {enabled: false, minClusterSize: 2}"),), None),
            ((rule("simple: RANDOM"), mesh_config("{zoneAwareLbSetting: {}}")), "mesh"),
            ((mesh_config("{zoneAwareLbSetting: {}, localityLbSetting: {enabled: true}}"),), "mesh"),
            ((mesh_config("{zoneAwareLbSetting: {enabled: false}}"),), None),
            ((mesh_config("{zoneAwareLbSetting: {enabled: false}}"), rule()), ZoneAwarePlan(6, AT)),
            ((mesh_config("{zoneAwareLbSetting: {}}"), rule("zoneAwareLbSetting: {enabled: false}")), None),
            ((mesh_config("{zoneAwareLbSetting: {}}"), rule("localityLbSetting: {enabled: true}")), None),
            ((mesh_config("{zoneAwareLbSetting: {}}"), rule("localityLbSetting: {enabled: false}")), None),
        ],
    )
    def test_of_rule_and_mesh(self, documents, expected):
        if expected == "mesh":
            expected = ZoneAwarePlan(6, Origin(ObjectRef("MeshConfig", "", "mesh"), "zoneAwareLbSetting"))
        assert zones(shop(), *documents) == expected

    def test_what_is_switched_off_by_rule_orders_nothing(self):
        off = rule("zoneAwareLbSetting: {enabled: false}", ", outlierDetection: {}")
        assert order(mesh(shop(), off)) == "abcde"

    def test_what_is_switched_off_by_the_mesh_leaves_nearness(self):
        off = mesh_config("{zoneAwareLbSetting: {enabled: false}, defaultTrafficPolicy: {outlierDetection: {}}}")
        assert order(mesh(shop(), off)) == "a b c de"

    @pytest.mark.parametrize(
        "hashed",
        ["consistentHash: {httpHeaderName: user}", "consistentHash: {httpHeaderName: user, maglev: {}}"],
    )
    def test_a_hash_decides_instead_but_regions_stay_in_order(self, hashed):
        found = mesh(shop(), rule(f"{hashed}, {ON}"))
        assert plans(found, proxy()).cluster(NAME).zone_aware is None
        assert order(found) == "abc de"

    def test_where_names_are_looked_up_zones_count_too(self):
        plan = plans(mesh(shop(resolution="DNS"), rule()), proxy()).cluster(NAME)
        assert (plan.discovery, plan.zone_aware) == (Discovery.STRICT_DNS, ZoneAwarePlan(6, AT))

    def test_it_is_among_what_shaped_the_cluster(self):
        assert AT in plans(mesh(shop(), rule()), proxy()).cluster(NAME).origins

    def test_localities_have_no_shares_of_their_own(self):
        found = plans(mesh(shop(), rule(f"simple: RANDOM, {ON}")), proxy()).cluster(NAME)
        assert (found.locality_weighted, found.load_balancing) == (False, LoadBalancing.RANDOM)


class TestRegions:
    @pytest.mark.parametrize(
        ("setting", "place", "expected"),
        [
            ("", "eu/w/1", "abc de"),
            ("", "us/q/1", "d abce"),
            ("", "af/q/1", "abcde"),
            ("", "", "abcde"),
            ("failover: [{from: eu, to: as}]", "eu/x/1", "abc e d"),
            ("failover: [{from: us, to: as}]", "eu/x/1", "abc de"),
            ("failover: [{from: eu, to: as}], failoverPriority: ['version=v2']", "eu/w/1", "c e d ab"),
            ("failoverPriority: ['version=v1']", "eu/w/1", "ab c de"),
            ("failoverPriority: ['version=v2']", "", "cde ab"),
        ],
    )
    def test_they_are_tiers(self, setting, place, expected):
        found = mesh(shop(), rule(f"zoneAwareLbSetting: {{{setting}}}"))
        assert order(found, proxy(place)) == expected

    def test_of_a_place_only_the_region_counts(self):
        found = mesh(shop(), rule())
        keys = [
            {key for group in groups_of(found.world, proxy(place))[:2] for _, key in members(found.world, group)}
            for place in ("eu/w/1", "eu/x/1", "us/y/1")
        ]
        assert keys[0] == keys[1] != keys[2]


class TestTheLocalCluster:
    def test_is_who_calls_as_the_proxy_does_in_its_region(self):
        assert local(*CALLERS, shop(), rule(), where=proxy(app="web")) == {
            "eu/w/1": ["10.1.0.1"],
            "eu/x/1": ["(10.1.0.2)"],
        }

    def test_counts_an_instance_of_two_services_once(self):
        assert local(*CALLERS, service("all", "{tier: x}"), shop(), rule(), where=proxy(app="web", tier="x")) == {
            "eu/w/1": ["10.1.0.1", "10.1.0.4"],
            "eu/x/1": ["(10.1.0.2)"],
        }

    def test_is_known_by_address_where_nothing_selects(self):
        listed = ", ".join(f"{{address: 10.1.0.{n}, locality: {place}}}" for n, place in ((1, "eu/w/1"), (2, "eu/x/1")))
        entry = document(
            "ServiceEntry",
            "own",
            f"{{hosts: [own.com], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: STATIC, endpoints: [{listed}]}}",
        )
        where = msgspec.structs.replace(proxy(), address="10.1.0.1")
        assert local(entry, shop(), rule(), where=where) == {"eu/w/1": ["10.1.0.1"], "eu/x/1": ["10.1.0.2"]}

    @pytest.mark.parametrize(
        ("documents", "where"),
        [
            ((), proxy(app="web")),
            ((rule("zoneAwareLbSetting: {enabled: false}"),), proxy(app="web")),
            ((mesh_config("{zoneAwareLbSetting: {enabled: false}}"),), proxy(app="web")),
            ((rule(),), proxy("", app="web")),
            ((rule(),), proxy(app="unknown")),
        ],
        ids=["nobody asks", "rule says no", "mesh says no", "no locality", "no service"],
    )
    def test_is_empty(self, documents, where):
        found = mesh(*CALLERS, shop(), *documents)
        assert local_cluster_of(found.world, where) == LocalCluster()
        assert plans(found, where).local.localities == ()

    def test_every_envoy_has_one_by_the_same_name(self):
        found = mesh(*CALLERS, shop(), rule())
        edge = msgspec.structs.replace(router(app="web"), locality=Locality("eu", "w", "1"))
        for where in (proxy(app="web"), edge, msgspec.structs.replace(proxy(app="web"), delivery=Delivery.TABLES)):
            (key,) = [
                key
                for group in groups_of(found.world, where)
                for name, key in members(found.world, group)
                if name == "local_cluster"
            ]
            assert key == LocalCluster((("web.default.svc.cluster.local", "default"),), "eu")
            assert resource_of(found.world, key).name == "local_cluster"

    def test_a_grpc_client_has_none(self):
        found = mesh(*CALLERS, shop(), rule())
        client = msgspec.structs.replace(proxy(app="web"), delivery=Delivery.GRPC)
        names = [name for group in groups_of(found.world, client) for name, _ in members(found.world, group)]
        assert "local_cluster" not in names
        assert names
