"""What Consul's answers are in the mesh: tables, without a network."""

import json
from typing import Any

import pytest

from pidalio.model import Health, Locality, Protocol, Resolution
from pidalio.platforms.consul.directory import Directory
from pidalio.platforms.consul.earlier import earlier
from pidalio.platforms.consul.instances import Seen, seen
from pidalio.platforms.consul.offering import offered_as
from pidalio.platforms.consul.settings import ConsulSettings
from pidalio.platforms.consul.words import entries
from pidalio.platforms.offers import Offer, offered

PLAIN = ConsulSettings()
CHECKS = {
    "serf": {"CheckID": "serfHealth", "Status": "passing"},
    "own": {"CheckID": "service:web-1", "Status": "passing"},
}


def entry(*, node: Any = None, checks: Any = None, **service: Any) -> dict[str, Any]:
    """Return an entry as Consul writes one; `service` and `node` replace its fields."""
    return {
        "Node": {"ID": "40e4", "Node": "n1", "Address": "10.0.0.5", "Datacenter": "dc1", "Meta": None, **(node or {})},
        "Service": {"ID": "web-1", "Service": "web", "Tags": None, "Address": "", "Meta": None, "Port": 8080}
        | {
            "Weights": {"Passing": 1, "Warning": 1},
            "Kind": "",
            "Proxy": {},
            "Connect": {},
            "CreateIndex": 12,
            **service,
        },
        "Checks": list((CHECKS if checks is None else checks).values()),
    }


def read(*trees: Any, tagged: str = "") -> list[Seen | str]:
    found = entries(json.dumps(trees).encode())
    return [one if isinstance(one, str) else seen(one, "dc1", tagged) for one in found]


def one(tree: Any, tagged: str = "") -> Seen:
    (found,) = read(tree, tagged=tagged)
    assert isinstance(found, Seen)
    return found


def offer(*trees: Any, settings: ConsulSettings = PLAIN, protocol: str = "", name: str = "web"):
    return offered_as(name, [each for each in read(*trees) if isinstance(each, Seen)], settings, protocol)


def passing(**changed: str) -> dict[str, dict[str, str]]:
    """Return all checks passing, but for those named: their status."""
    return CHECKS | {name: {"CheckID": name, "Status": status} for name, status in changed.items()}


@pytest.mark.parametrize(
    ("checks", "health", "weight"),
    [
        pytest.param({}, Health.HEALTHY, 10, id="no checks"),
        pytest.param(passing(), Health.HEALTHY, 10, id="all pass"),
        pytest.param(passing(slow="warning"), Health.HEALTHY, 3, id="one warns"),
        pytest.param(passing(dead="critical", slow="warning"), Health.UNHEALTHY, 10, id="one is critical"),
        pytest.param(passing(serf="critical"), Health.UNHEALTHY, 10, id="the node is gone"),
        pytest.param(passing(_node_maintenance="critical"), Health.DRAINING, 10, id="node in maintenance"),
        pytest.param(
            {"m": {"CheckID": "_service_maintenance:web-1", "Status": "critical"}}, Health.DRAINING, 10, id="own"
        ),
    ],
)
def test_health_and_weight(checks, health, weight):
    found = one(entry(checks=checks, Weights={"Passing": 10, "Warning": 3}))
    assert (found.health, found.weight) == (health, weight)


def test_no_share_while_it_warns_is_no_traffic():
    found = one(entry(checks=passing(slow="warning"), Weights={"Passing": 1, "Warning": 0}))
    assert found.health is Health.UNHEALTHY


@pytest.mark.parametrize(
    ("fields", "node", "tagged", "wanted"),
    [
        pytest.param({}, {}, "", ("10.0.0.5", 8080), id="the node's"),
        pytest.param({"Address": "10.0.0.9"}, {}, "", ("10.0.0.9", 8080), id="the service's own"),
        pytest.param(
            {"TaggedAddresses": {"wan": {"address": "1.2.3.4", "port": 443}}}, {}, "wan", ("1.2.3.4", 443), id="tagged"
        ),
        pytest.param(
            {"TaggedAddresses": {"lan": {"address": "1.2.3.4", "port": 0}}}, {}, "lan", ("1.2.3.4", 8080), id="no port"
        ),
        pytest.param({}, {"TaggedAddresses": {"wan": "5.6.7.8"}}, "wan", ("5.6.7.8", 8080), id="the node's tagged"),
        pytest.param({"Address": "10.0.0.9"}, {}, "wan", ("10.0.0.9", 8080), id="one that it does not have"),
    ],
)
def test_address(fields, node, tagged, wanted):
    found = one(entry(node=node, **fields), tagged)
    assert (found.address, found.port) == wanted


@pytest.mark.parametrize(
    ("fields", "node", "wanted"),
    [
        pytest.param({}, {}, Locality("dc1"), id="datacenter"),
        pytest.param({}, {"Meta": {"zone": "a", "rack": "r1"}}, Locality("dc1", "a", "r1"), id="the node's meta"),
        pytest.param({"Meta": {"zone": "b"}}, {"Meta": {"zone": "a"}}, Locality("dc1", "b"), id="its own first"),
        pytest.param({}, {"Locality": {"Region": "eu", "Zone": "eu-1"}}, Locality("eu", "eu-1"), id="newer Consuls"),
    ],
)
def test_locality(fields, node, wanted):
    assert one(entry(node=node, **fields)).locality == wanted


def test_labels_are_meta_and_tags_that_have_a_value():
    tree = entry(Tags=["version|v2", "team=shop", "plain", "env=a=b", "version=v3"], Meta={"team": "cart", "tier": "1"})
    assert dict(one(tree).labels) == {"version": "v2", "team": "cart", "env": "a=b", "tier": "1"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"Port": "http"}, "instance web-1 of node n1 cannot be read and is left out: ", id="port is text"),
        pytest.param({"Port": 0}, "instance web-1 of node n1 has no port (0) and is left out", id="no port"),
        pytest.param(
            {"node": {"Address": ""}}, "instance web-1 of node n1 has no address and is left out", id="address"
        ),
        pytest.param({"Meta": []}, "instance web-1 of node n1 cannot be read and is left out: ", id="meta is a list"),
    ],
)
def test_one_bad_instance_is_told_and_the_others_count(changed, said):
    bad, good = read(entry(**changed), entry(ID="web-2"))
    assert isinstance(bad, str)
    assert bad.startswith(said)
    assert isinstance(good, Seen)


def port_of(found) -> int:
    (port,) = found.offer.ports
    return port.number


def codes(found) -> list[str]:
    return [report.code for report in found.reports]


TWO = (entry(ID="a", Port=8081, CreateIndex=30), entry(ID="b", Port=8080, CreateIndex=20, Address="10.0.0.6"))


@pytest.mark.parametrize(
    ("trees", "settings", "number", "told"),
    [
        pytest.param((entry(),), PLAIN, 8080, [], id="what all have"),
        pytest.param(TWO, PLAIN, 8080, ["consul-ports-differ"], id="different: the oldest"),
        pytest.param(TWO, ConsulSettings(port=80), 80, [], id="stated for the platform"),
        pytest.param(
            (entry(Meta={"service-port": "9000"}), *TWO), ConsulSettings(port=80), 9000, [], id="stated by it"
        ),
        pytest.param((entry(Meta={"service-port": "http"}),), PLAIN, 8080, ["consul-bad-meta"], id="stated nonsense"),
        pytest.param((entry(Meta={"service-port": "70000"}),), PLAIN, 8080, ["consul-bad-meta"], id="beyond all ports"),
    ],
)
def test_one_port_for_callers(trees, settings, number, told):
    found = offer(*trees, settings=settings)
    assert port_of(found) == number
    assert codes(found) == told
    assert {each.service_port for each in found.offer.endpoints} == {number}
    assert {each.port for each in found.offer.endpoints} == {tree["Service"]["Port"] for tree in trees}


@pytest.mark.parametrize(
    ("meta", "node", "central", "setting", "wanted", "told"),
    [
        pytest.param({}, {}, "", "", Protocol.UNSUPPORTED, [], id="nobody says: sniffed"),
        pytest.param({}, {}, "", "http", Protocol.HTTP, [], id="the platform's setting"),
        pytest.param({}, {"protocol": "tcp"}, "", "http", Protocol.TCP, [], id="the node's meta"),
        pytest.param({}, {"protocol": "tcp"}, "http2", "", Protocol.HTTP2, [], id="service-defaults"),
        pytest.param({"protocol": "grpc"}, {}, "http2", "", Protocol.GRPC, [], id="the service's meta"),
        pytest.param({"protocol": "htttp"}, {}, "http", "", Protocol.HTTP, ["consul-bad-meta"], id="nonsense is told"),
    ],
)
def test_protocol(meta, node, central, setting, wanted, told):
    settings = ConsulSettings(protocol=setting)
    found = offer(entry(node={"Meta": node}, Meta=meta), settings=settings, protocol=central)
    assert found.offer.ports[0].protocol is wanted
    assert codes(found) == told


def test_a_port_where_servers_speak_first_is_not_sniffed():
    assert offer(entry(Port=3306)).offer.ports[0].protocol is Protocol.TCP


def test_where_instances_state_different_protocols_the_oldest_counts():
    trees = (entry(ID="a", Meta={"protocol": "tcp"}, CreateIndex=9), entry(ID="b", Meta={"protocol": "http"}))
    found = offer(*trees)
    assert found.offer.ports[0].protocol is Protocol.TCP
    assert codes(found) == ["consul-protocols-differ"]


def test_hostname_and_whose_it_is():
    assert offer(entry()).offer.hostname == "web.service.consul"
    moved = ConsulSettings(hostname="{name}.shop.svc.cluster.local", namespace="shop")
    found = offer(entry(), settings=moved).offer
    assert (found.hostname, found.namespace) == ("web.shop.svc.cluster.local", "shop")


def test_a_name_that_makes_no_host_is_told_and_left_out():
    found = offer(entry(), name="~~~")
    assert found.offer is None
    assert codes(found) == ["consul-no-hostname"]


def test_an_address_that_is_a_name_is_looked_up_by_callers():
    found = offer(entry(Address="web.example.org"), entry(ID="web-2")).offer
    assert found.resolution is Resolution.DNS


def test_external_and_virtual_addresses():
    virtual = {"consul-virtual": {"address": "240.0.0.1", "port": 8080}}
    found = offer(entry(Meta={"external": "true"}, TaggedAddresses=virtual)).offer
    assert found.external
    assert found.addresses == ("240.0.0.1",)
    assert not offer(entry(Meta={"external": "false"})).offer.external


def test_the_same_id_on_two_nodes_is_two_instances():
    trees = (entry(), entry(node={"Node": "n2", "Address": "10.0.0.6"}))
    assert [each.key for each in read(*trees)] == [("n1", "web-1"), ("n2", "web-1")]


def directory(*found: tuple[str, str, tuple[Seen, ...]]) -> Directory:
    made = Directory(PLAIN, "consul")
    for datacenter, name, instances in found:
        made.put(datacenter, name, instances)
    return made


def virtual(address: str) -> dict[str, Any]:
    return {"TaggedAddresses": {"virtual": {"Address": address, "Port": 80}}}


@pytest.mark.parametrize(
    "trees",
    [
        pytest.param([entry(), entry(ID="web-2", Port=9090, CreateIndex=3)], id="ports of the oldest"),
        pytest.param([entry(Meta={"service-port": "80", "protocol": "grpc"})], id="stated"),
        pytest.param([entry(Meta={"protocol": "http_proxy", "external": "true"})], id="outside"),
        pytest.param([entry(Port=3306)], id="server first"),
        pytest.param([entry(Address="web.example.org")], id="a name"),
        pytest.param([entry(**virtual("10.9.9.1")), entry(ID="web-2", **virtual("10.9.9.2"))], id="virtual"),
        pytest.param([entry(), entry(ID="web-2", **virtual("10.9.9.2"))], id="virtual of one"),
        pytest.param([entry(checks=passing(_node_maintenance="critical"), Tags=["version=v2"])], id="draining"),
        pytest.param([entry(Weights={"Passing": 7, "Warning": 1}, Meta={"zone": "z", "rack": "r"})], id="weighed"),
    ],
)
def test_what_an_earlier_process_knew_is_read_back_as_it_was(trees):
    west = Seen(node="n1", id="web-1", address="10.9.0.5", port=8080, locality=Locality("dc2"))
    wanted = directory(("dc1", "web", tuple(map(one, trees))), ("dc2", "web", (west,)), ("dc2", "api", (west,)))
    rows = offered("consul", wanted.offers())
    found = list(earlier(rows, ("dc1", "dc2")))
    assert [(place, name) for place, name, _ in found] == [("dc1", "web"), ("dc2", "web"), ("dc2", "api")]
    assert offered("consul", directory(*found).offers()) == rows
    found = list(earlier(rows, ("",)))
    assert [(place, name) for place, name, _ in found] == [("", "web"), ("", "api")]
    assert offered("consul", directory(*found).offers()) == rows


def test_what_is_of_no_datacenter_or_of_another_kind_is_not_read_back():
    rows = offered("consul", directory(("dc1", "web", (one(entry()),))).offers())
    assert list(earlier(rows, ("dc2", "dc3"))) == []
    others = offered("consul", [Offer("EurekaApplication", "web", "web.example", "default", ())])
    assert list(earlier(others, ("",))) == []
    assert [name for _, name, _ in earlier(rows, ("",))] == ["web"]
