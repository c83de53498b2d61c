"""What a proxyless gRPC client may ask for, what it gets of rules, and what it is told that it cannot do."""

import pytest
from tests.unit.rules.world import document, entry, rule, service

from pidalio.ir import (
    ClaimMatch,
    ClusterPlan,
    ConnectionPoolPlan,
    CorsPlan,
    DirectResponsePlan,
    Discovery,
    EndpointPlan,
    FaultPlan,
    ForwardPlan,
    GrpcOutlierPlan,
    GrpcRetryPlan,
    HashKind,
    HashPlan,
    HeaderEdits,
    HeaderMatch,
    LoadBalancing,
    LocalityPlan,
    MatchKind,
    MatchPlan,
    MirrorPlan,
    OutlierPlan,
    PathKind,
    PathMatch,
    ProxyProtocolVersion,
    QueryMatch,
    RedirectPlan,
    RegexRewrite,
    RetryBudgetPlan,
    RetryPlan,
    RoutePlan,
    SourceKey,
    StickyPlan,
    StringPattern,
    VirtualHostPlan,
    WarmupPlan,
    WeightedCluster,
    ZoneAwarePlan,
)
from pidalio.ir.cluster import AssignmentPlan
from pidalio.model import Delivery, ObjectRef, Origin, Proxy, ProxyType
from pidalio.pipeline import groups_of, members, resource_of
from pidalio.rules.grpc_clusters import grpc_assignment, grpc_cluster
from pidalio.rules.grpc_lacks import cluster_lacks, table_lacks
from pidalio.rules.grpc_routes import grpc_table, matches
from pidalio.server.offline import OfflineMesh
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE

AT = Origin(ObjectRef("VirtualService", "default", "reviews"), "http[0]")
ELSEWHERE = Origin(ObjectRef("DestinationRule", "default", "reviews"), "trafficPolicy")
PRESENT = StringPattern(MatchKind.PRESENT)
ONE = (WeightedCluster("c", 1),)
CLIENT = Proxy(ProxyType.SIDECAR, "10.0.0.1", "web", "default", delivery=Delivery.GRPC)


def exact(value: str) -> StringPattern:
    return StringPattern(MatchKind.EXACT, value)


def forward(**changes) -> ForwardPlan:
    return ForwardPlan(changes.pop("clusters", ONE), **changes)


def route(action=None, **changes) -> RoutePlan:
    return RoutePlan(changes.pop("match", MatchPlan()), action or forward(), origin=AT, **changes)


def table(*routes: RoutePlan, otherwise: str = ""):
    return grpc_table("t", VirtualHostPlan("v", ("a:80",), routes), otherwise)


def lost(*routes: RoutePlan) -> list[str]:
    return [lack.what for lack in table_lacks(VirtualHostPlan("v", ("a:80",), routes))]


class TestNames:
    def names(self, *objects: str, proxy: Proxy = CLIENT) -> dict[str, set[str]]:
        mesh = OfflineMesh.from_text("---\n".join(objects))
        found: dict[str, set[str]] = {}
        for group in groups_of(mesh.world, proxy):
            for name, key in members(mesh.world, group):
                resource = resource_of(mesh.world, key)
                if resource is not None:
                    assert resource.name == name
                    found.setdefault(resource.type_url, set()).add(name)
        return found

    def test_every_name_of_a_host_leads_to_its_one_table(self):
        found = self.names(service("reviews", ports="80"))
        full = "reviews.default.svc.cluster.local"
        assert {full, f"{full}:80", "reviews", "reviews:80", "reviews.default:80"} <= found[LISTENER]
        assert found[ROUTE] == found[CLUSTER] == found[ENDPOINT] == {f"outbound|80||{full}"}

    def test_ports_of_connections_are_called_too_and_hosts_of_many_are_not(self):
        found = self.names(
            service("db", ports="5432/tcp"), entry("all", "'*.example.com'", rest="resolution: NONE", ports="443/tls")
        )
        assert "db:5432" in found[LISTENER]
        assert not [name for name in found[LISTENER] if "example" in name]

    def test_a_scope_bounds_what_may_be_asked_for(self):
        narrow = document("Sidecar", "default", "{egress: [{hosts: ['./*']}]}")
        found = self.names(service("near"), service("far", "elsewhere"), narrow)
        assert found[ROUTE] == {"outbound|80||near.default.svc.cluster.local"}

    def test_a_rule_for_some_callers_holds_for_them_only(self):
        only = "[{match: [{sourceNamespace: other}], route: [{destination: {host: nowhere}}]}]"
        mesh = OfflineMesh.from_text("---\n".join((service("reviews"), rule("reviews", "reviews", only))))
        (tables,) = [group for group in groups_of(mesh.world, CLIENT) if group.kind.value == "tables"]
        ((_, key),) = members(mesh.world, tables)
        assert b"nowhere" not in resource_of(mesh.world, key).body


class TestMatches:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            (PathMatch(), PathMatch()),
            (PathMatch(PathKind.EXACT, "/a/b", True), PathMatch(PathKind.EXACT, "/a/b", True)),
            (PathMatch(PathKind.REGEX, "/a.*"), PathMatch(PathKind.REGEX, "/a.*")),
            (PathMatch(PathKind.SEGMENTS, "/"), PathMatch(PathKind.PREFIX, "/")),
            (PathMatch(PathKind.SEGMENTS, "/a"), PathMatch(PathKind.PREFIX, "/a/")),
            (PathMatch(PathKind.SEGMENTS, "/a/"), PathMatch(PathKind.PREFIX, "/a/")),
            (PathMatch(PathKind.SEGMENTS, "/a/b"), PathMatch(PathKind.EXACT, "/a/b")),
            (PathMatch(PathKind.SEGMENTS, "/a/b/c"), None),
        ],
    )
    def test_paths(self, path, expected):
        assert [one.path for one in matches(MatchPlan(path))] == ([expected] if expected else [])

    @pytest.mark.parametrize(
        "plan",
        [
            MatchPlan(query=(QueryMatch("a", exact("b")),)),
            MatchPlan(claims=(ClaimMatch(("a",), exact("b")),)),
            MatchPlan(connect=True),
            MatchPlan(headers=(HeaderMatch(":method", exact("GET")),)),
            MatchPlan(headers=(HeaderMatch(":method", exact("POST"), invert=True),)),
            MatchPlan(headers=(HeaderMatch(":authority", exact("a")),)),
            MatchPlan(headers=(HeaderMatch("user-agent", PRESENT, invert=True),)),
        ],
    )
    def test_what_holds_for_no_call(self, plan):
        assert list(matches(plan)) == []

    def test_the_method_is_known(self):
        post = StringPattern(MatchKind.REGEX, "P.*")
        assert list(matches(MatchPlan(headers=(HeaderMatch(":method", post),)))) == [MatchPlan()]

    def test_an_absent_header_is_said_by_routes_of_their_own(self):
        one = HeaderMatch("a", exact("x"), invert=True, missing_as_empty=True)
        two = HeaderMatch("b", exact("y"), invert=True, missing_as_empty=True)
        found = {
            tuple((each.name, each.pattern) for each in plan.headers) for plan in matches(MatchPlan(headers=(one, two)))
        }
        assert found == {(("a", a), ("b", b)) for a in (PRESENT, exact("x")) for b in (PRESENT, exact("y"))}
        assert all(
            each.invert and not each.missing_as_empty
            for plan in matches(MatchPlan(headers=(one, two)))
            for each in plan.headers
        )

    def test_a_pattern_that_takes_the_empty_text_takes_absence(self):
        header = HeaderMatch("a", StringPattern(MatchKind.REGEX, "x*"), invert=True, missing_as_empty=True)
        ((only,),) = [plan.headers for plan in matches(MatchPlan(headers=(header,)))]
        assert only == HeaderMatch("a", header.pattern, invert=True)

    def test_too_many_absent_headers_are_told(self):
        headers = tuple(HeaderMatch(f"h{n}", exact("x"), invert=True, missing_as_empty=True) for n in range(6))
        assert list(matches(MatchPlan(headers=headers))) == []
        assert lost(route(match=MatchPlan(headers=headers))) == ["match on more than 5 headers of withoutHeaders"]


class TestRoutes:
    def test_weights_timeouts_hashes_and_faults_are_kept(self):
        shares = (WeightedCluster("a", 3), WeightedCluster("b", 0), WeightedCluster("c", 1))
        fault = FaultPlan()
        hashes = (HashPlan(HashKind.HEADER, "user"), HashPlan(HashKind.COOKIE, "c"))
        ((made,)) = table(route(forward(clusters=shares, timeout=5, hashes=hashes), fault=fault)).routes
        assert (made.clusters, made.timeout, made.hash_headers, made.fault) == (
            (("a", 3), ("c", 1)),
            5,
            ("user",),
            fault,
        )

    def test_a_single_destination_needs_no_weight(self):
        (made,) = table(route(forward(clusters=(WeightedCluster("a", 0),)))).routes
        assert made.clusters == (("a", 1),)

    @pytest.mark.parametrize(
        ("plan", "expected"),
        [
            (
                RetryPlan(2, ("connect-failure", "unavailable", "cancelled")),
                GrpcRetryPlan(2, ("unavailable", "cancelled")),
            ),
            (RetryPlan(1, ("internal",), backoff=25), GrpcRetryPlan(1, ("internal",), 25)),
            # Every call is a POST, of which below the profile safe no status is repeated.
            (RetryPlan(1, ("unavailable",), unsafe_retry_on=("connect-failure",)), None),
            (RetryPlan(3, ("5xx", "reset")), None),
        ],
    )
    def test_retries(self, plan, expected):
        assert table(route(forward(retry=plan))).routes[0].retry == expected

    @pytest.mark.parametrize(
        "action", [RedirectPlan(), DirectResponsePlan(200), DirectResponsePlan(503, reason="gone")]
    )
    def test_what_is_answered_by_the_proxy_fails_here(self, action):
        (made, after) = table(route(action), route()).routes
        assert (made.clusters, after.clusters) == ((), (("c", 1),))

    def test_tunnels_are_calls_to_the_cluster(self):
        tunnel = route(match=MatchPlan(connect=True))
        assert [each.clusters for each in table(tunnel, otherwise="own").routes] == [(("own", 1),)]
        assert [each.clusters for each in table(route(), tunnel, otherwise="own").routes] == [(("c", 1),)]
        assert table(otherwise="").routes == ()


EDITS = HeaderEdits(set=(("a", "b"),))
ROUTE_LACKS = [
    (route(RedirectPlan()), "redirect"),
    (route(DirectResponsePlan(200)), "answer by itself"),
    (route(forward(prefix_rewrite="/")), "rewrite paths"),
    (route(forward(regex_rewrite=RegexRewrite("a", "b"))), "rewrite paths"),
    (route(forward(host_rewrite="a")), "rewrite the authority"),
    (route(forward(clusters=(WeightedCluster("c", 1, host_rewrite="a"),))), "rewrite the authority"),
    (route(forward(mirrors=(MirrorPlan("c"),))), "mirror"),
    (route(forward(sticky=StickyPlan(SourceKey(), "", ()))), "keep users with a version"),
    (route(forward(hashes=(HashPlan(HashKind.SOURCE_IP),))), "hash by source_ip"),
    (route(forward(retry=RetryPlan(1, ("5xx", "unavailable"), origin=AT))), "retry on 5xx"),
    (route(forward(retry=RetryPlan(1, ("unavailable",), (503,), origin=AT))), "retry on HTTP status codes"),
    (route(forward(retry=RetryPlan(1, ("unavailable",), per_try_timeout=5, origin=AT))), "limit each try"),
    (route(request_headers=EDITS), "change headers"),
    (route(response_headers=EDITS), "change headers"),
    (route(forward(clusters=(WeightedCluster("c", 1, request_headers=EDITS),))), "change headers"),
    (route(forward(clusters=(WeightedCluster("c", 1, response_headers=EDITS),))), "change headers"),
    (route(match=MatchPlan(headers=(HeaderMatch(":scheme", exact("http")),))), "match on :scheme"),
    (route(match=MatchPlan(claims=(ClaimMatch(("a",), exact("b")),))), "match on claims of a token"),
]
CLUSTER_LACKS = [
    ({"discovery": Discovery.DYNAMIC_FORWARD_PROXY}, "look up any name for h"),
    ({"discovery": Discovery.STRICT_DNS}, "look up several names for h"),
    ({"load_balancing": LoadBalancing.LEAST_REQUEST, "lb_origin": ELSEWHERE}, "balance by least request"),
    ({"load_balancing": LoadBalancing.RANDOM, "lb_origin": ELSEWHERE}, "balance by random"),
    ({"load_balancing": LoadBalancing.MAGLEV, "lb_origin": ELSEWHERE}, "hash by Maglev"),
    ({"warmup": WarmupPlan(5)}, "warm up instances"),
    ({"pool": ConnectionPoolPlan(max_connections=5, max_requests=1)}, "limit connections or their age"),
    ({"retry_budget": RetryBudgetPlan()}, "keep a retry budget"),
    ({"zone_aware": ZoneAwarePlan()}, "balance zones"),
    ({"proxy_protocol": ProxyProtocolVersion.V1}, "begin connections with a PROXY header"),
    ({"instance_ca": "PEM"}, "ask each instance for a name of its own"),
]


class TestLacks:
    @pytest.mark.parametrize(
        ("plan", "what"), ROUTE_LACKS, ids=[f"{what}-{n}" for n, (_, what) in enumerate(ROUTE_LACKS)]
    )
    def test_of_routes(self, plan, what):
        assert lost(plan) == [what]

    @pytest.mark.parametrize(("changes", "what"), CLUSTER_LACKS, ids=[what for _, what in CLUSTER_LACKS])
    def test_of_clusters(self, changes, what):
        plan = ClusterPlan("c", changes.pop("discovery", Discovery.EDS), host="h", origin=ELSEWHERE, **changes)
        assert [lack.what for lack in cluster_lacks(plan)] == [what]

    @pytest.mark.parametrize(
        "plan",
        [
            route(),
            route(DirectResponsePlan(503, reason="a missing destination is told elsewhere")),
            route(forward(retry=RetryPlan(2, ("reset", "unavailable")))),
            route(forward(retry=RetryPlan(2, ("connect-failure", "unavailable"), origin=AT))),
            route(cors=CorsPlan(())),
            route(match=MatchPlan(query=(QueryMatch("a", exact("b")),))),
            RoutePlan(MatchPlan(connect=True), forward(prefix_rewrite="/"), origin=AT),
            RoutePlan(MatchPlan(), forward(prefix_rewrite="/")),
        ],
    )
    def test_nothing_is_told_of_what_means_the_same(self, plan):
        assert lost(plan) == []

    def test_every_field_is_followed_meaningless_or_told(self):
        """A new field of a plan must be thought of here: extend `grpc_routes` or `grpc_lacks`, and then the list."""
        known = {
            RoutePlan: "match action fault request_headers response_headers origin",
            ForwardPlan: "clusters timeout timeout_origin retry prefix_rewrite regex_rewrite host_rewrite mirrors sticky"
            " hashes",
            WeightedCluster: "cluster weight request_headers response_headers host_rewrite origin",
            RetryPlan: "attempts retry_on unsafe_retry_on status_codes per_try_timeout backoff origin",
            MatchPlan: "path headers query claims connect",
            ClusterPlan: "name discovery load_balancing lb_origin table_size warmup pool retry_budget proxy_protocol outlier health_check assignment"
            " zone_aware host service origin instance_ca",
        }
        # Without meaning for calls of gRPC, or for people only.
        other = {
            RoutePlan: "name cors stat_prefix root",
            ForwardPlan: "dynamic tells_host idle_timeout max_duration tunnel deaf retry_off",
            WeightedCluster: "campaign",
            RetryPlan: "avoid_previous_hosts remote_localities host_selection_attempts conditions_origin"
            " profile_origin",
            MatchPlan: "",
            ClusterPlan: "connect_timeout connect_timeout_origin protocol dns_refresh healthy_panic_threshold namespace"
            " port subset called_port locality_weighted bind stat_name buffer_limit keeps_case",
        }
        for plan, fields in known.items():
            assert {*fields.split(), *other[plan].split()} == set(plan.__struct_fields__), plan


class TestClusters:
    def test_least_request_is_round_robin_and_hashing_a_ring(self):
        def ring(balancing: LoadBalancing, size: int = 0) -> int:
            return grpc_cluster(ClusterPlan("c", Discovery.EDS, load_balancing=balancing, table_size=size)).ring_size

        assert ring(LoadBalancing.LEAST_REQUEST) == ring(LoadBalancing.RANDOM) == 0
        assert ring(LoadBalancing.RING_HASH, 4096) == 4096
        assert ring(LoadBalancing.RING_HASH) == ring(LoadBalancing.MAGLEV, 65537) == 1024

    @pytest.mark.parametrize(
        ("plan", "expected"),
        [
            (OutlierPlan(), GrpcOutlierPlan(5)),
            (OutlierPlan(consecutive_5xx=7, consecutive_gateway=3), GrpcOutlierPlan(3)),
            (OutlierPlan(consecutive_5xx=0, consecutive_gateway=4), GrpcOutlierPlan(4)),
            (OutlierPlan(consecutive_5xx=9, consecutive_local=2), GrpcOutlierPlan(9)),
            (OutlierPlan(consecutive_5xx=9, consecutive_local=2, split_local=True), GrpcOutlierPlan(2)),
            (OutlierPlan(3, interval=1, base_ejection_time=2, max_ejection_percent=50), GrpcOutlierPlan(3, 1, 2, 50)),
            (OutlierPlan(consecutive_5xx=0), None),
        ],
    )
    def test_errors_in_a_row_become_calls_of_which_all_failed(self, plan, expected):
        assert grpc_cluster(ClusterPlan("c", Discovery.EDS, outlier=plan)).outlier == expected

    def test_one_name_is_looked_up(self):
        def named(*hosts: str) -> AssignmentPlan:
            return AssignmentPlan("c", (LocalityPlan(tuple(EndpointPlan(host, 443) for host in hosts)),))

        assert grpc_cluster(ClusterPlan("c", Discovery.STRICT_DNS, assignment=named("a"))).dns == ("a", 443)
        assert grpc_cluster(ClusterPlan("c", Discovery.STRICT_DNS, assignment=named("a", "b"))) is None

    def test_an_address_stands_once_in_an_assignment(self):
        def place(*ports: int, **changes) -> LocalityPlan:
            return LocalityPlan(tuple(EndpointPlan("10.0.0.1", port, weight=2) for port in ports), **changes)

        found = (place(1, 2), place(2, 3), place(1, priority=1), place(4, priority=2, weight=7))
        made = grpc_assignment(AssignmentPlan("c", found)).assignment
        assert [[one.port for one in each.endpoints] for each in made.localities] == [[1, 2], [3], [4]]
        assert [(each.weight, each.priority) for each in made.localities] == [(4, 0), (2, 0), (7, 1)]

    def test_instances_that_speak_tls_are_left_out(self):
        found = (EndpointPlan("10.0.0.1", 1, tls_name="guid"), EndpointPlan("10.0.0.2", 2))
        made = grpc_assignment(AssignmentPlan("c", (LocalityPlan(found),))).assignment
        assert [one.address for each in made.localities for one in each.endpoints] == ["10.0.0.2"]
