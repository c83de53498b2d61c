"""What becomes of a proxy's node and its group, without any network."""

import msgspec
import pytest

from pidalio.api.load import load
from pidalio.model import Health, Locality, Proxy, Source, Workload, labels_of
from pidalio.platforms.vm import Bound, Entry
from pidalio.platforms.vm.grouped import account_objection, entry_name, entry_of, group_named, is_checked

GROUP = """
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: reviews, namespace: shop}
spec:
  metadata: {labels: {version: v1, tier: meta}%s}
  template:
    labels: {app: reviews, version: v0, tier: template}
    ports: {http: 9080}
    serviceAccount: reviews
    weight: 3
    network: vms
    locality: eu/one
  %s
"""


def group(annotations: str = "", more: str = ""):
    (parsed,) = load(GROUP % (annotations, more), "group.yaml").parsed
    assert parsed.object is not None
    return parsed.object


def proxy(address: str = "10.0.0.7", **labels: str) -> Proxy:
    named = Proxy.from_id(f"sidecar~{address}~vm-1.shop~shop.svc.cluster.local")
    return msgspec.structs.replace(named, labels=labels_of(labels))


def test_the_whole_entry():
    found = entry_of(proxy(tier="own"), {"AUTO_REGISTER_GROUP": "reviews"}, Locality(), group(), "spiffe://m/ns/shop")
    assert found == Entry(
        workload=Workload(
            name="reviews-10.0.0.7-vms",
            namespace="shop",
            address="10.0.0.7",
            labels=(("app", "reviews"), ("tier", "own"), ("version", "v1")),
            ports=(("http", 9080),),
            weight=3,
            locality=Locality("eu", "one"),
            health=Health.HEALTHY,
            service_account="reviews",
            network="vms",
            source=Source.AGENT,
        ),
        holder="spiffe://m/ns/shop",
        bound=Bound.STREAM,
        group="reviews",
    )


@pytest.mark.parametrize(
    ("metadata", "locality", "address", "network", "place"),
    [
        ({}, Locality("us", "two"), "10.0.0.7", "vms", "us/two"),
        ({"NETWORK": "own"}, Locality(), "10.0.0.7", "own", "eu/one"),
        ({"INSTANCE_IPS": "192.0.2.9,10.0.0.7"}, Locality(), "192.0.2.9", "vms", "eu/one"),
        ({"INSTANCE_IPS": "nonsense"}, Locality(), "10.0.0.7", "vms", "eu/one"),
        ({"INSTANCE_IPS": 5, "NETWORK": ["x"]}, Locality(), "10.0.0.7", "vms", "eu/one"),
    ],
)
def test_what_the_node_says_wins(metadata, locality, address, network, place):
    row = entry_of(proxy(), metadata, locality, group(), "").workload
    assert (row.address, row.network, str(row.locality)) == (address, network, place)


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("web", "10.0.0.1"), "web-10.0.0.1"),
        (("web", "10.0.0.1", "net"), "web-10.0.0.1-net"),
        (("web", "2001:db8::1"), "web-2001-db8--1"),
        (("w" * 300, "10.0.0.1"), "w" * 244 + "-10.0.0.1"),
    ],
)
def test_names(parts, name):
    assert entry_name(*parts) == name


@pytest.mark.parametrize(
    ("annotations", "more", "checked"),
    [
        ("", "", False),
        ("", "probe: {httpGet: {port: 9080}}", True),
        (', annotations: {proxy.istio.io/health-checks-enabled: "true"}', "", True),
        (', annotations: {proxy.istio.io/health-checks-enabled: "false"}', "", False),
    ],
)
def test_health_counts_where_the_group_says_so(annotations, more, checked):
    assert is_checked(group(annotations, more).spec) is checked


@pytest.mark.parametrize(
    ("identities", "objects"),
    [
        ((), False),
        (("agent.example.com",), False),
        (("spiffe://mesh/ns/shop/sa/reviews",), False),
        (("spiffe://mesh/ns/shop/sa/other", "agent"), True),
    ],
)
def test_the_account_of_a_group(identities, objects):
    assert bool(account_objection(identities, group())) is objects


def test_a_node_that_names_no_group_is_no_guest():
    assert [group_named(one) for one in ({}, {"AUTO_REGISTER_GROUP": 5}, {"AUTO_REGISTER_GROUP": "g"})] == ["", "", "g"]
