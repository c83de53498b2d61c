import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pidalio.envoy import messages as pb
from pidalio.envoy import resource
from pidalio.envoy.cluster import cluster
from pidalio.envoy.virtual_host import virtual_host
from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Discovery,
    EndpointPlan,
    ForwardPlan,
    LocalityPlan,
    MatchPlan,
    MirrorPlan,
    ProxyPlans,
    RetryPlan,
    RoutePlan,
    RouteTablePlan,
    UpstreamProtocol,
    VirtualHostPlan,
    WeightedCluster,
)
from pidalio.model import ObjectRef, Origin

RULE = ObjectRef("VirtualService", "default", "reviews")


def at(path: str) -> Origin:
    return Origin(RULE, path)


@given(st.lists(st.text(min_size=1, max_size=300), max_size=4, unique=True), st.integers(0, 40))
def test_a_response_is_the_join_of_bodies(names: list[str], endpoints: int) -> None:
    locality = LocalityPlan(tuple(EndpointPlan(f"10.0.0.{number}", 80) for number in range(endpoints)))
    sent = [resource.load_assignment_resource(AssignmentPlan(name, (locality,))) for name in names]
    response = pb.DeltaDiscoveryResponse.FromString(b"".join(each.body for each in sent))
    assert [each.name for each in response.resources] == names
    assert [each.version for each in response.resources] == [each.version for each in sent]
    for each, read in zip(sent, response.resources, strict=True):
        assert read.resource.type_url == resource.LOAD_ASSIGNMENT == each.type_url
        assert resource.content_of(each).cluster_name == each.name
    state = pb.DiscoveryResponse.FromString(b"".join(map(resource.state_entry, sent)))
    assert list(state.resources) == [each.resource for each in response.resources]


def test_equal_plans_give_equal_resources_and_others_another_version(everything: ProxyPlans) -> None:
    copy = msgspec.structs.replace(everything.tables[0])
    assert resource.route_resource(everything.tables[0]) == resource.route_resource(copy)
    plan = ClusterPlan("c", Discovery.EDS)
    changed = msgspec.structs.replace(plan, protocol=UpstreamProtocol.HTTP2)
    assert resource.cluster_resource(plan).version != resource.cluster_resource(changed).version


def test_a_virtual_host_bears_its_resources_name() -> None:
    sent = resource.virtual_host_resource("80", VirtualHostPlan("reviews:80", ("reviews",), ()))
    assert sent.name == "80/reviews:80"
    assert resource.content_of(sent) == virtual_host(VirtualHostPlan("80/reviews:80", ("reviews",), ()))


def test_the_placeholder_matches_no_request() -> None:
    sent = resource.placeholder_resource("80")
    message = resource.content_of(sent)
    assert sent.name == message.name == "80/~"
    assert [domain.rpartition(".")[2] for domain in message.domains] == ["invalid"]
    assert not message.routes


def test_a_whole_table_is_blamed_on_what_is_new_in_it() -> None:
    def host(name: str, path: str, *domains: str) -> resource.Resource:
        return resource.virtual_host_resource("80", VirtualHostPlan(name, (name, *domains), (), origin=at(path)))

    shell = RouteTablePlan("80", (VirtualHostPlan("*", ("*",), (), origin=at("last")),), delta=True)
    before = resource.whole_table_resource(shell, [host("a", "http[0]"), host("b", "http[1]")])
    after = resource.whole_table_resource(shell, [host("a", "http[0]"), host("b", "http[1]", "b.example")])
    assert [each.path for each in after.origins] == ["http[0]", "http[1]", "last"]
    assert [each.path for each in after.blame(before)] == ["http[1]"]
    assert after.blame(None) == after.origins
    message = resource.content_of(after)
    assert [each.name for each in message.virtual_hosts] == ["*", "80/a", "80/b"]
    assert not message.HasField("vhds")


def test_origins_name_every_part_once() -> None:
    forward = ForwardPlan(
        (WeightedCluster("a", 1, origin=at("http[0].route[0]")), WeightedCluster("b", 1, origin=at("http[0]"))),
        timeout_origin=at("http[0].timeout"),
        retry=RetryPlan(1, (), origin=at("http[0].retries")),
        mirrors=(MirrorPlan("m", origin=at("http[0].mirror")),),
    )
    plan = VirtualHostPlan("v", ("v",), (RoutePlan(MatchPlan(), forward, origin=at("http[0]")),), origin=at(""))
    expected = ["http[0]", "http[0].route[0]", "http[0].mirror", "http[0].retries", "http[0].timeout", ""]
    assert [each.path for each in resource.virtual_host_resource("80", plan).origins] == expected
    assert resource.route_resource(RouteTablePlan("80", (plan,))).origins[0] == at("http[0]")


def test_content_is_what_was_built(everything: ProxyPlans) -> None:
    for plan in everything.clusters:
        assert resource.content_of(resource.cluster_resource(plan)) == cluster(plan)
    for each in everything.listeners:
        assert resource.listener_resource(each).name == each.name
