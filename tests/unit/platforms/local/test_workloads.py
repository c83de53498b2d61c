"""Objects become instances and rows in a stable order, with the ports that are really bound."""

import pytest

from pidalio.api.local_workload import LocalWorkload, WorkloadPort
from pidalio.api.object import Meta, Object
from pidalio.errors import UsageError
from pidalio.model import Health, Locality, ObjectRef
from pidalio.platforms.local.addresses import Subnet, placement, subnets
from pidalio.platforms.local.workloads import instances, planned_workloads

SUBNET = Subnet(prefix="127.9.8")


def workload(name: str, namespace: str = "default", **changes) -> Object:
    return Object("LocalWorkload", "pidalio.dev/v1", Meta(namespace, name), LocalWorkload(**changes))


def test_replicas_are_numbered_and_ordered():
    objects = [workload("b", replicas=11), workload("a", "other"), workload("a", replicas=0), workload("c")]
    names = [f"{one.namespace}/{one.name}" for one in instances(objects)]
    assert names == [*(f"default/b-{index}" for index in range(11)), "default/c-0", "other/a-0"]


def test_row_says_what_the_object_says():
    ports = (WorkloadPort(name="http", port=9080), WorkloadPort(port=9090))
    source = workload(
        "a", labels=(("version", "v1"), ("app", "a")), ports=ports, locality="eu/one/x", service_account="sa"
    )
    (row,) = planned_workloads([source], SUBNET).workloads
    assert (row.name, row.namespace, row.address) == ("a-0", "default", "127.9.8.1")
    assert row.labels == (("app", "a"), ("version", "v1"))
    assert row.named_ports == (("http", 9080),)
    assert (row.ports, row.moved_ports) == ((), ())
    assert row.locality == Locality("eu", "one", "x")
    assert row.health is Health.HEALTHY
    assert row.object == ObjectRef("LocalWorkload", "default", "a")


def test_order_of_objects_does_not_matter():
    objects = [workload(name, replicas=3) for name in "bca"]
    assert planned_workloads(objects, SUBNET) == planned_workloads(objects[::-1], SUBNET)


def test_privileged_ports_are_moved_and_the_row_says_where():
    source = workload("a", ports=(WorkloadPort(name="http", port=80), WorkloadPort(name="tls", port=8443)))
    (row,) = planned_workloads([source], SUBNET).workloads
    assert row.moved_ports == ((80, 8080),)
    assert row.named_ports == (("http", 80), ("tls", 8443))
    (row,) = planned_workloads([source], Subnet(prefix="127.9.8", lowest_port=1)).workloads
    assert row.moved_ports == ()


def test_too_many_are_left_out_and_reported():
    planned = planned_workloads([workload("a", replicas=254), workload("b")], SUBNET)
    assert len(planned.workloads) == 254
    (report,) = planned.reports
    assert report.code == "too-many-instances"
    assert report.object == ObjectRef("LocalWorkload", "default", "b")


def test_subnets_differ_by_mesh_and_avoid_addresses_with_owners():
    found = [subnet.prefix for mesh in ("/a", "/b", "/c") for subnet in subnets(mesh)]
    assert len(set(found)) > 150
    assert not any(prefix.startswith(("127.0.", "127.1.", "127.255.")) for prefix in found)


def test_blocks_of_ports_never_overlap():
    places = [placement(Subnet(first_port=10000, lowest_port=1), position, [80, 443]) for position in range(254)]
    ports = [port for each in places for _, port in each.ports]
    ports += [int(each.outbound.rpartition(":")[2]) for each in places]
    assert len(ports) == len(set(ports))
    assert all(10000 <= port < 10000 + 4096 for port in ports)


def test_more_ports_than_a_block_holds_are_refused():
    with pytest.raises(UsageError, match="at most 15 ports"):
        placement(Subnet(first_port=10000), 0, range(1, 17))
