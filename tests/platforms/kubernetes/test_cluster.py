"""What Kubernetes' objects mean to the mesh: one case for each rule, without a network."""

import json

import pytest

from pidalio.model import Health, Locality
from pidalio.platforms.kubernetes.cluster import Cluster
from pidalio.platforms.kubernetes.messages import EndpointSlice, Pod, decoded
from pidalio.platforms.kubernetes.settings import Origin
from pidalio.store import tables

from .fake_api import member, pod, slice_


def cluster(**settings) -> Cluster:
    return Cluster(Origin("east", **settings))


def put_pod(known, said):
    read = decoded(json.dumps(said).encode(), Pod)
    key = read.metadata.namespace, read.metadata.name
    return known.put_pod(key, known.instance(read))[tables.WORKLOADS][(*key, "east/Pod")]


def put_slice(known, said):
    read = decoded(json.dumps(said).encode(), EndpointSlice)
    key = read.metadata.namespace, read.metadata.name
    known.put_slice(key, known.made(key, known.slice(read)))
    return known.slices[key].row


def remade(known):
    while known.stale:
        known.remake()
    (one,) = known.slices.values()
    return one.row


def test_an_instance_has_what_its_slice_and_its_pod_say():
    known = cluster(trust_domain="example.org")
    put_pod(known, pod("web-1", "10.0.0.1"))
    (one,) = put_slice(known, slice_("web-a", member("web-1", "10.0.0.1", zone="z1")))
    assert (one.address, one.port, one.port_name, one.service_port) == ("10.0.0.1", 8080, "http", 0)
    assert one.labels == (("app", "web"), ("version", "v1"))
    assert one.locality == Locality("", "z1")
    assert one.identity == "spiffe://example.org/ns/shop/sa/web"
    assert (one.workload, one.node, one.health) == ("web-1", "node-a", Health.HEALTHY)


def test_a_pod_is_a_workload_with_its_place_and_account():
    known = cluster(network="n1")
    known.put_node("node-a", {"topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "z"})
    ports = [{"ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 9090}]}]
    row = put_pod(known, pod("web-1", "10.0.0.1", containers=ports))
    assert (row.address, row.node, row.service_account, row.network) == ("10.0.0.1", "node-a", "web", "n1")
    assert row.locality == Locality("r", "z")
    assert row.named_ports == (("http", 8080),)


@pytest.mark.parametrize("first", ["pod", "slice"])
def test_an_endpoint_waits_for_its_pod_whatever_comes_first(first):
    known = cluster()
    said = slice_("web-a", member("web-1", "10.0.0.1"))
    if first == "pod":
        put_pod(known, pod("web-1", "10.0.0.1"))
        assert len(put_slice(known, said)) == 1
        return
    assert put_slice(known, said) == ()
    put_pod(known, pod("web-1", "10.0.0.1"))
    (one,) = remade(known)
    assert dict(one.labels)["version"] == "v1"


def test_where_pods_may_not_be_read_nobody_waits_for_them():
    known = cluster()
    assert put_slice(known, slice_("web-a", member("web-1", "10.0.0.1"))) == ()
    known.set_parking(False)
    (one,) = remade(known)
    assert (one.address, one.labels) == ("10.0.0.1", ())


def test_labels_follow_the_pod():
    known = cluster()
    put_pod(known, pod("web-1", "10.0.0.1"))
    put_slice(known, slice_("web-a", member("web-1", "10.0.0.1")))
    put_pod(known, pod("web-1", "10.0.0.1", labels={"version": "v2"}))
    (one,) = remade(known)
    assert one.labels == (("version", "v2"),)


def test_readiness_of_a_pod_makes_no_slice_anew():
    known = cluster()
    put_pod(known, pod("web-1", "10.0.0.1"))
    put_slice(known, slice_("web-a", member("web-1", "10.0.0.1")))
    said = pod("web-1", "10.0.0.1")
    said["status"]["conditions"][0]["status"] = "False"
    assert put_pod(known, said).health is Health.UNHEALTHY
    assert not known.stale


def test_another_pod_of_the_same_name_is_another_one():
    known = cluster()
    put_pod(known, pod("web-0", "10.0.0.1", uid="old"))
    put_slice(known, slice_("web-a", member("web-0", "10.0.0.1", uid="old")))
    put_pod(known, pod("web-0", "10.0.0.2", uid="new", labels={"version": "v2"}))
    assert remade(known) == ()  # the old one is gone, and the slice does not know the new one yet
    (one,) = put_slice(known, slice_("web-a", member("web-0", "10.0.0.2", uid="new")))
    assert (one.address, dict(one.labels)["version"]) == ("10.0.0.2", "v2")


def test_an_address_that_goes_from_one_pod_to_another_has_the_labels_of_the_new_one():
    known = cluster()
    put_pod(known, pod("web-1", "10.0.0.1"))
    put_slice(known, slice_("web-a", member("web-1", "10.0.0.1")))
    known.put_pod(("shop", "web-1"), None)
    put_pod(known, pod("web-2", "10.0.0.1", labels={"version": "v2"}))
    (one,) = put_slice(known, slice_("web-a", member("web-2", "10.0.0.1")))
    assert dict(one.labels)["version"] == "v2"


def test_a_pod_that_is_gone_leaves_its_endpoints_to_its_slice():
    known = cluster()
    put_pod(known, pod("web-1", "10.0.0.1"))
    said = slice_("web-a", member("web-1", "10.0.0.1"))
    before = put_slice(known, said)
    known.put_pod(("shop", "web-1"), None)
    assert put_slice(known, said) == before
    assert put_slice(known, slice_("web-a")) == ()
    assert not known.pods


def test_a_pod_that_has_ended_is_no_instance():
    known = cluster()
    said = pod("job-1", "10.0.0.1")
    said["status"]["phase"] = "Succeeded"
    assert known.instance(decoded(json.dumps(said).encode(), Pod)) is None


@pytest.mark.parametrize(
    ("conditions", "health"),
    [
        ({}, Health.HEALTHY),
        ({"ready": None}, Health.HEALTHY),
        ({"ready": True, "serving": True, "terminating": False}, Health.HEALTHY),
        ({"ready": False, "serving": False, "terminating": False}, Health.UNHEALTHY),
        ({"ready": False, "serving": True, "terminating": True}, Health.DRAINING),
        ({"ready": False, "serving": False, "terminating": True}, Health.UNHEALTHY),
        ({"ready": True, "serving": True, "terminating": True}, Health.HEALTHY),  # publishNotReadyAddresses
    ],
)
def test_what_conditions_mean(conditions, health):
    known = cluster()
    put_pod(known, pod("web-1", "10.0.0.1"))
    (one,) = put_slice(known, slice_("web-a", member("web-1", "10.0.0.1", conditions=conditions)))
    assert one.health is health


@pytest.mark.parametrize(
    ("labels", "node", "zone", "expected"),
    [
        ({}, {}, "z1", Locality("", "z1")),
        ({}, {"topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "z1"}, "z1", Locality("r", "z1")),
        ({}, {"failure-domain.beta.kubernetes.io/region": "r"}, "z1", Locality("r", "z1")),
        ({"topology.kubernetes.io/region": "p", "topology.kubernetes.io/zone": "q"}, {}, "z1", Locality("p", "q")),
        (
            {"topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "q"},
            {
                "topology.kubernetes.io/region": "r",
                "topology.kubernetes.io/zone": "q",
                "topology.istio.io/subzone": "s",
            },
            "",
            Locality("r", "q", "s"),
        ),
        ({"istio-locality": "a.b.c"}, {"topology.kubernetes.io/region": "r"}, "z1", Locality("a", "b", "c")),
    ],
)
def test_where_an_instance_is(labels, node, zone, expected):
    known = cluster()
    known.put_node("node-a", node)
    put_pod(known, pod("web-1", "10.0.0.1", labels=labels))
    (one,) = put_slice(known, slice_("web-a", member("web-1", "10.0.0.1", zone=zone)))
    assert one.locality == expected


def test_a_node_that_comes_late_moves_its_pods():
    known = cluster()
    put_pod(known, pod("web-1", "10.0.0.1"))
    put_slice(known, slice_("web-a", member("web-1", "10.0.0.1")))
    rows = known.put_node("node-a", {"topology.kubernetes.io/region": "r"})
    assert rows[tables.WORKLOADS]["shop", "web-1", "east/Pod"].locality == Locality("r")
    (one,) = remade(known)
    assert one.locality == Locality("r")


def test_a_node_that_comes_while_pods_are_judged_moves_those_that_are_there_afterwards():
    known = cluster()
    put_pod(known, pod("web-1", "10.0.0.1"))
    put_pod(known, pod("web-2", "10.0.0.2"))
    with known.judged():
        assert known.put_node("node-a", {"topology.kubernetes.io/zone": "z"}) == {tables.WORKLOADS: {}}
        assert not known.is_to_be_remade
        known.put_pod(("shop", "web-2"), None)
    made: dict = {}
    while known.is_to_be_remade:
        made |= known.remake()[tables.WORKLOADS]
    assert {key[1]: row.locality.zone for key, row in made.items()} == {"web-1": "z"}


@pytest.mark.parametrize(
    ("settings", "labels", "namespace", "expected"),
    [
        ({}, {}, "", ""),
        ({}, {}, "n2", "n2"),
        ({"network": "n1"}, {}, "n2", "n1"),
        ({}, {"topology.istio.io/network": "n3"}, "n2", "n3"),
    ],
)
def test_in_which_network_an_instance_is(settings, labels, namespace, expected):
    known = cluster(**settings)
    known.put_network(namespace)
    put_pod(known, pod("web-1", "10.0.0.1", labels=labels))
    (one,) = put_slice(known, slice_("web-a", member("web-1", "10.0.0.1")))
    assert one.network == expected


def test_slices_written_by_hand_are_taken_as_they_are():
    known = cluster()
    (one,) = put_slice(known, slice_("db-a", {"addresses": ["192.0.2.7"]}, of="db", port=5432))
    assert (one.address, one.port, one.labels, one.workload, one.identity) == ("192.0.2.7", 5432, (), "", "")


def test_names_as_addresses_are_passed_over():
    assert put_slice(cluster(), slice_("db-a", {"addresses": ["db.example.com"]}, addressType="FQDN")) == ()


def test_a_slice_without_a_service_is_none():
    said = slice_("web-a")
    said["metadata"]["labels"] = {}
    assert cluster().slice(decoded(json.dumps(said).encode(), EndpointSlice)) is None


def test_lists_that_are_null_are_empty():
    assert put_slice(cluster(), {**slice_("web-a"), "endpoints": None, "ports": None}) == ()


def test_several_slices_of_one_service_stand_side_by_side_in_a_domain_of_its_own():
    known = cluster(domain="example.internal")
    for name in ("web-a", "web-b"):
        put_slice(known, slice_(name, {"addresses": ["10.0.0.1"]}))
    keys = {known.endpoints_key(key, one.service) for key, one in known.slices.items()}
    assert keys == {
        ("web.shop.svc.example.internal", "shop", "east/EndpointSlice web-a"),
        ("web.shop.svc.example.internal", "shop", "east/EndpointSlice web-b"),
    }


def test_a_pod_with_two_addresses_counts_once_by_the_first_family_of_its_service():
    known = cluster()
    said = pod("web-1", "10.0.0.1")
    said["status"]["podIPs"].append({"ip": "fd00::1"})
    put_pod(known, said)
    six = slice_("web-6", member("web-1", "fd00::1"), addressType="IPv6")
    (one,) = put_slice(known, six)  # a service of IPv6 alone
    assert one.address == "fd00::1"
    known.put_families(("shop", "web"), ("IPv4", "IPv6"))
    assert remade(known) == ()
    known.put_families(("shop", "web"), ("IPv6",))
    assert len(remade(known)) == 1


def test_a_slice_that_goes_takes_its_row_along():
    known = cluster()
    put_slice(known, slice_("web-a", {"addresses": ["10.0.0.1"]}))
    rows = known.put_slice(("shop", "web-a"), None)
    assert rows == {tables.ENDPOINTS: {("web.shop.svc.cluster.local", "shop", "east/EndpointSlice web-a"): None}}
