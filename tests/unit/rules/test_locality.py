"""Which localities are preferred, by whom, and when (reference §2.9)."""

import msgspec
import pytest
from tests.unit.rules.world import clusters, document, mesh, mesh_config, plans, sidecar

from pidalio.envoy.endpoint import load_assignment
from pidalio.model import Locality, ObjectRef, Origin
from pidalio.pipeline import groups_of, members

PLACES = {"a": "eu/w/1", "b": "eu/w/2", "c": "eu/x/1", "d": "us/y/1", "e": "as/z/1"}
NAME = "outbound|80||shop.com"
EJECTS = "outlierDetection: {}"


def shop(places=PLACES, more: str = "", resolution: str = "STATIC") -> str:
    listed = ", ".join(
        f"{{address: {f'{name}.shop.com' if resolution == 'DNS' else f'10.0.0.{number}'}, locality: {place!r}{more}, "
        f"labels: {{name: {name}, version: {'v1' if name in 'ab' else 'v2'}}}}}"
        for number, (name, place) in enumerate(places.items(), 1)
    )
    return document(
        "ServiceEntry",
        "shop",
        f"{{hosts: [shop.com], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: {resolution}, "
        f"endpoints: [{listed}]}}",
    )


def rule(locality: str = "", more: str = EJECTS) -> str:
    balancer = f"loadBalancer: {{localityLbSetting: {{{locality}}}}}" if locality else ""
    policy = ", ".join(part for part in (balancer, more) if part)
    return document("DestinationRule", "shop", f"{{host: shop.com, trafficPolicy: {{{policy}}}}}")


def proxy(place: str = "eu/w/1", **labels: str):
    return msgspec.structs.replace(sidecar(**labels), locality=Locality(*place.split("/")))


def assignment(found, where=None, name=NAME):
    compiled = plans(found, where or proxy())
    return compiled.cluster(name).assignment or compiled.assignment(name)


def order(found, where=None, name=NAME) -> str:
    """Return the instances by priority: `a bc d`."""
    levels: dict[int, str] = {}
    for group in assignment(found, where, name).localities:
        for one in group.endpoints:
            levels[group.priority] = levels.get(group.priority, "") + dict(one.labels)["name"]
    assert sorted(levels) == list(range(len(levels))), "priorities have gaps"
    return " ".join("".join(sorted(levels[level])) for level in sorted(levels))


def weights(found, where=None) -> dict[str, int]:
    return {
        "".join(dict(one.labels)["name"] for one in group.endpoints): group.weight
        for group in assignment(found, where).localities
    }


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("eu/w/1", "a b c de"),
        ("eu/x/1", "c ab de"),
        ("eu/w/9", "ab c de"),
        ("eu/q/1", "abc de"),
        ("af/q/1", "abcde"),
        ("", "abcde"),
    ],
)
def test_the_nearest_first(place, expected):
    assert order(mesh(shop(), rule()), proxy(place)) == expected


@pytest.mark.parametrize(
    ("wide", "own", "expected"),
    [
        ("", "", "abcde"),
        ("", EJECTS, "a b c de"),
        ("localityLbSetting: {enabled: false}", EJECTS, "abcde"),
        ("localityLbSetting: {}", EJECTS, "a b c de"),
        ("defaultTrafficPolicy: {outlierDetection: {}}", "", "a b c de"),
        ("localityLbSetting: {failover: [{from: eu, to: as}]}", EJECTS, "a b c e d"),
    ],
)
def test_the_mesh_prefers_near_ones_where_instances_can_be_ejected(wide, own, expected):
    rules = [rule(more=own)] if own else []
    assert order(mesh(shop(), *rules, *([mesh_config(f"{{{wide}}}")] if wide else []))) == expected


@pytest.mark.parametrize(
    ("setting", "place", "expected"),
    [
        ("failover: [{from: eu, to: us}]", "eu/w/1", "a b c d e"),
        ("failover: [{from: us, to: as}]", "eu/w/1", "a b c de"),
        ("failover: [{from: us, to: as}]", "us/y/1", "d e abc"),
        ("enabled: false", "eu/w/1", "abcde"),
        ("enabled: true", "eu/w/1", "a b c de"),
    ],
)
def test_failover_leads_to_another_region(setting, place, expected):
    assert order(mesh(shop(), rule(setting)), proxy(place)) == expected


def test_a_rule_takes_the_place_of_the_meshs():
    wide = mesh_config("{localityLbSetting: {failover: [{from: eu, to: as}]}}")
    assert order(mesh(shop(), rule("failover: [{from: eu, to: us}]"), wide)) == "a b c d e"
    assert order(mesh(shop(), rule("enabled: true"), wide)) == "a b c de"


@pytest.mark.parametrize(
    ("entries", "labels", "expected"),
    [
        ("[version]", {"version": "v1"}, "ab cde"),
        ("[version]", {"version": "v2"}, "cde ab"),
        ("[version]", {}, "abcde"),
        ("['version=v2']", {"version": "v1"}, "cde ab"),
        ("[topology.kubernetes.io/region]", {}, "abc de"),
        ("[topology.kubernetes.io/region, topology.kubernetes.io/zone]", {}, "ab c de"),
        ("[topology.kubernetes.io/region, version]", {"version": "v2"}, "c ab de"),
        ("[topology.istio.io/subzone]", {}, "acde b"),
        ("['topology.istio.io/network=n1']", {}, "abcde"),
    ],
)
def test_labels_in_common_order_instances(entries, labels, expected):
    more = ", network: n1" if "network" in entries else ""
    assert order(mesh(shop(more=more), rule(f"failoverPriority: {entries}")), proxy(**labels)) == expected


def test_labels_come_before_regions():
    setting = "failoverPriority: [version], failover: [{from: eu, to: us}]"
    assert order(mesh(shop(), rule(setting)), proxy(version="v1")) == "a b c d e"
    assert order(mesh(shop(), rule(setting)), proxy(version="v2")) == "c d e a b"


@pytest.mark.parametrize(
    ("to", "place", "expected"),
    [
        ("{eu/w/1: 70, us/y/1: 30}", "eu/w/1", {"a": 70, "d": 30}),
        ("{'eu/*': 80, us: 20}", "eu/w/1", {"a": 27, "b": 27, "c": 27, "d": 20}),
        ("{'*': 100}", "eu/w/1", {"a": 20, "b": 20, "c": 20, "d": 20, "e": 20}),
        ("{'eu/*': 80, us: 20}", "us/y/1", {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}),
    ],
)
def test_distribute_gives_shares_and_takes_the_rest_away(to, place, expected):
    found = mesh(shop(), rule(f"distribute: [{{from: eu/w/*, to: {to}}}]", more=""))
    assert weights(found, proxy(place)) == expected
    assert order(found, proxy(place)).count(" ") == 0


@pytest.mark.parametrize(
    ("setting", "more", "expected"),
    [
        ("", EJECTS, False),
        ("enabled: true", EJECTS, False),
        ("failover: [{from: eu, to: us}]", EJECTS, True),
        ("failover: [{from: eu, to: us}]", "", False),
        ("failoverPriority: [version]", EJECTS, True),
        ("distribute: [{from: '*', to: {'*': 100}}]", "", True),
    ],
)
def test_localities_are_weighted_where_a_setting_says_more_than_nearness(setting, more, expected):
    found = mesh(shop(), *([rule(setting, more)] if setting or more else []))
    assert clusters(found, proxy())[NAME].locality_weighted is expected


def test_the_order_names_the_setting():
    found = assignment(mesh(shop(), rule("failover: [{from: eu, to: us}]")))
    assert found.origin == Origin(
        ObjectRef("DestinationRule", "default", "shop"), "trafficPolicy.loadBalancer.localityLbSetting"
    )
    assert assignment(mesh(shop())).origin is None


def test_instances_found_by_name_are_ordered_too():
    assert order(mesh(shop(resolution="DNS"), rule())) == "a b c de"


WEB = "outbound|80||web.default.svc.cluster.local"


def web(prefers: str) -> list[str]:
    """Return a service of instances a to e, each on a node of its name, and the caller's pod on node b."""
    pods = [
        document(
            "Pod",
            f"web-{name}",
            f"spec: {{nodeName: {name}}}\nstatus: {{podIP: 10.0.1.{number}, "
            "conditions: [{type: Ready, status: 'True'}]}\n",
            more=f"labels: {{app: web, name: {name}, istio-locality: {place.replace('/', '.')}}}",
        )
        for number, (name, place) in enumerate(PLACES.items(), 1)
    ]
    client = document("Pod", "client", "spec: {nodeName: b}\nstatus: {podIP: 10.9.9.9}\n")
    spec = f"{{selector: {{app: web}}, ports: [{{port: 80, name: http}}], trafficDistribution: {prefers}}}"
    return [document("Service", "web", spec), *pods, client]


class TestServicesThatPreferNearInstances:
    @pytest.mark.parametrize(
        ("prefers", "place", "expected"),
        [
            ("PreferClose", "eu/w/1", "ab c de"),
            ("PreferSameZone", "eu/w/1", "ab c de"),
            ("PreferSameNode", "eu/w/1", "a b c de"),
            ("PreferSameNode", "eu/w/2", "b a c de"),
            ("PreferClose", "eu/q/1", "abc de"),
            ("PreferClose", "", "abcde"),
            ("''", "eu/w/1", "abcde"),
        ],
    )
    def test_without_ejection_too(self, prefers, place, expected):
        assert order(mesh(*web(prefers)), proxy(place), WEB) == expected

    def test_of_one_subzone_the_own_node_comes_first(self):
        near = [text.replace("eu.w.2", "eu.w.1") for text in web("PreferSameNode")]
        assert order(mesh(*near), proxy("eu/w/1"), WEB) == "b a c de"

    @pytest.mark.parametrize(
        ("setting", "expected"),
        [
            ("localityLbSetting: {enabled: false}", "abcde"),
            ("localityLbSetting: {enabled: true}", "abcde"),
            ("localityLbSetting: {failoverPriority: [name]}}, outlierDetection: {", "abcde"),
            ("simple: RANDOM", "ab c de"),
        ],
    )
    def test_a_rule_with_a_setting_takes_its_place(self, setting, expected):
        ruled = document("DestinationRule", "web", f"{{host: web, trafficPolicy: {{loadBalancer: {{{setting}}}}}}}")
        assert order(mesh(*web("PreferClose"), ruled), proxy(), WEB) == expected

    def test_it_comes_before_the_meshs(self):
        wide = mesh_config("{localityLbSetting: {enabled: false}, defaultTrafficPolicy: {outlierDetection: {}}}")
        assert order(mesh(*web("PreferClose"), wide), proxy(), WEB) == "ab c de"

    def test_the_order_names_the_service(self):
        found = assignment(mesh(*web("PreferClose")), proxy(), WEB)
        assert found.origin == Origin(ObjectRef("Service", "default", "web"), "trafficDistribution")

    def test_others_do_not_tell_callers_apart(self):
        found = mesh(*web("PreferClose"), shop())
        near, far = (plans(found, proxy(place)) for place in ("eu/w/1", "us/y/1"))
        assert near.assignment(NAME) == far.assignment(NAME)
        assert near.assignment(WEB) != far.assignment(WEB)
        differing = TestSharing.keys(found, proxy()) ^ TestSharing.keys(found, proxy("us/y/1"))
        assert {one.cluster.host for one in differing} == {"web.default.svc.cluster.local"}


class TestSharing:
    """Proxies in different places share what no rule makes different."""

    @staticmethod
    def keys(found, where) -> set[object]:
        return {key for group in groups_of(found.world, where)[:2] for _, key in members(found.world, group)}

    def test_without_ejection_place_makes_no_difference(self):
        found = mesh(shop(), rule(more="connectionPool: {tcp: {maxConnections: 1}}"))
        assert groups_of(found.world, proxy())[:2] == groups_of(found.world, proxy("us/y/1"))[:2]

    def test_only_endpoints_of_the_service_with_ejection_differ(self):
        other = document(
            "ServiceEntry",
            "other",
            "{hosts: [other.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, "
            "endpoints: [{address: 10.0.0.9}]}",
        )
        found = mesh(shop(), other, rule())
        differing = self.keys(found, proxy()) ^ self.keys(found, proxy("us/y/1"))
        assert {(type(one).__name__, one.cluster.host) for one in differing} == {("Assignment", "shop.com")}

    def test_labels_that_no_rule_names_make_no_difference(self):
        found = mesh(shop(), rule("failoverPriority: [version]"))
        assert self.keys(found, proxy(app="x")) == self.keys(found, proxy(app="y"))
        assert self.keys(found, proxy(version="v1")) != self.keys(found, proxy(version="v2"))


@pytest.mark.parametrize("places", [PLACES, dict.fromkeys("abc", "")])
def test_weights_fit_into_an_envoy_however_heavy_they_are(places):
    found = assignment(mesh(shop(places, ", weight: 4294967295")))
    assert sum(group.weight for group in found.localities) < 2**32
    assert {one.weight for group in found.localities for one in group.endpoints} == {(2**32 - 1) // len(places)}
    assert load_assignment(found).endpoints
