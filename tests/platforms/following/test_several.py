"""Several platforms in one mesh: one service per hostname, whose word counts, and what cannot both be."""

import msgspec
import pytest
from tests.platforms.following.scripted import QUICK

from pidalio.model import Endpoint, Health, ObjectRef, Port, Protocol, Service, Workload
from pidalio.platforms.adapter import AdapterSettings, Kind
from pidalio.platforms.following import Follower
from pidalio.platforms.installed import Configured
from pidalio.platforms.offers import Offer, offered
from pidalio.rules import services
from pidalio.server.platforms import Platforms
from pidalio.store import tables

HOST = "web.shop.svc.cluster.local"
HTTP = Port(80, "http", Protocol.HTTP)
TCP = Port(80, "tcp", Protocol.TCP)


class Two:
    """Platforms `first` and `second`, in this order, and what the test has them say."""

    def __init__(self, control, folder) -> None:
        self.control = control
        kind = Kind("kind", AdapterSettings, lambda _: None)
        configured = [Configured(kind, AdapterSettings(name=name)) for name in ("zebra", "ant")]
        self.platforms = Platforms(control, configured, folder, lambda _: None, QUICK)
        self.first, self.second = self.platforms.followers

    async def say(self, follower: Follower, *offers: Offer) -> None:
        async def again():
            return offered(follower.name, offers)

        await follower.complete(await again(), again)

    def endpoints(self, host: str = HOST, namespace: str = "shop") -> dict[str, Endpoint]:
        found = services.endpoints(self.control.world, (host, namespace))
        return {f"{one.address}:{one.port}": one for one in found}

    def told(self) -> dict[str, list[str]]:
        return {view.name: [one.line for one in view.reports] for view in self.platforms.views()}


@pytest.fixture
def two(control, tmp_path) -> Two:
    return Two(control, tmp_path)


def at(address: str, version: str = "v1", **fields) -> Endpoint:
    return Endpoint(address, 8080, 80, labels=(("version", version),), **fields)


def web(*endpoints: Endpoint, host: str = HOST, port: Port = HTTP, **fields) -> Offer:
    return Offer("TestService", "web", host, fields.pop("namespace", "default"), (port,), endpoints, **fields)


async def test_one_hostname_is_one_service_with_the_endpoints_of_both(two):
    await two.say(two.second, web(at("10.0.0.2"), namespace="elsewhere"))
    await two.say(two.first, web(at("10.0.0.1")))
    assert set(two.endpoints()) == {"10.0.0.1:8080", "10.0.0.2:8080"}
    (identity,) = {key[:2] for key in tables.SERVICES_BY_HOST.keys(two.control.world, HOST)}
    assert identity == (HOST, "shop")


async def test_attributes_are_those_of_the_first_platform_in_either_order_of_arrival(two):
    one, other = web(external=True), web(port=msgspec.structs.replace(HTTP, name="other"))
    await two.say(two.second, other)
    await two.say(two.first, one)
    found = services.service(two.control.world, (HOST, "shop"))
    assert found.external
    assert [port.name for port in found.ports] == ["http"]
    await two.say(two.first)
    assert not services.service(two.control.world, (HOST, "shop")).external


async def test_of_one_address_the_first_platform_says_what_it_is(two):
    await two.say(two.second, web(at("10.0.0.1", "old")))
    await two.say(two.first, web(at("10.0.0.1", "new")))
    assert [dict(one.labels)["version"] for one in two.endpoints().values()] == ["new"]


async def test_any_platform_takes_an_address_out_of_the_pool(two):
    await two.say(two.first, web(at("10.0.0.1"), at("10.0.0.2")))
    await two.say(two.second, web(at("10.0.0.1", health=Health.UNHEALTHY)))
    assert two.endpoints()["10.0.0.1:8080"].health is Health.UNHEALTHY


async def test_a_service_moves_from_one_platform_to_the_other(two):
    await two.say(two.second, web(at("10.0.0.1"), at("10.0.0.2")))
    for there, here in (((1,), (1, 2)), ((1, 2), (2,)), ((1, 2), ())):
        await two.say(two.first, web(*(at(f"10.1.0.{number}") for number in there)))
        await two.say(two.second, *([web(*(at(f"10.0.0.{number}") for number in here))] if here else []))
        assert len(two.endpoints()) == len(there) + len(here)
    assert two.told() == {"zebra": [], "ant": []}


async def test_one_address_of_two_services_is_told_once_and_while_it_is_so(two):
    other = Offer("TestService", "shop", "shop.test", "default", (HTTP,), (at("10.0.0.1"), at("10.0.0.2")))
    await two.say(two.first, web(at("10.0.0.1"), at("10.0.0.2"), at("10.0.0.3")))
    await two.say(two.second, other)
    line = (
        f"address-claimed-twice: ant: 10.0.0.1:8080 is of {HOST} for zebra and of shop.test for ant "
        "(1 more like it): one of them may be out of date; both keep it"
    )
    assert two.told() == {"zebra": [], "ant": [line]}
    assert [one.line() for one in two.platforms.reports()] == [line]
    await two.say(two.first, web(at("10.0.0.2"), at("10.0.0.3")))
    assert "10.0.0.2:8080" in two.told()["ant"][0]
    await two.say(two.second)
    assert two.told() == {"zebra": [], "ant": []}


async def test_another_port_of_one_machine_is_no_clash(two):
    other = Offer("TestService", "shop", "shop.test", "default", (HTTP,), (Endpoint("10.0.0.1", 9090, 80),))
    await two.say(two.first, web(at("10.0.0.1")))
    await two.say(two.second, other)
    assert two.told() == {"zebra": [], "ant": []}


async def test_a_virtual_address_of_two_services_is_told(two):
    other = Offer("TestService", "shop", "shop.test", "default", (HTTP,), addresses=("10.96.0.1", "0.0.0.0"))
    await two.say(two.first, web(addresses=("10.96.0.1", "0.0.0.0")))
    await two.say(two.second, other)
    (line,) = two.told()["ant"]
    assert line.startswith(f"virtual-address-claimed-twice: ant: 10.96.0.1 is of {HOST} for zebra and of shop.test")
    await two.say(two.first)
    assert two.told() == {"zebra": [], "ant": []}


async def test_a_protocol_that_differs_is_told_and_the_first_counts(two):
    await two.say(two.second, web(port=HTTP))
    await two.say(two.first, web(port=TCP))
    (line,) = two.told()["ant"]
    assert line == f"protocol-differs: ant: shop/{HOST}:80 is TCP for zebra and HTTP for ant: the first counts"
    assert services.port(two.control.world, (HOST, "shop"), 80).protocol is Protocol.TCP
    await two.say(two.second, web(port=TCP))
    assert two.told() == {"zebra": [], "ant": []}


async def test_what_is_told_is_what_is_there_after_any_order_of_changes(two):
    """Clashes are kept up change by change: they are the same as when all was said at once."""
    steps = [web(at("10.0.0.1"), at("10.0.0.2")), web(at("10.0.0.2")), web(at("10.0.0.1")), web()]
    others = [
        Offer("TestService", "shop", "shop.test", "default", (HTTP,), tuple(at(f"10.0.0.{one}") for one in found))
        for found in ((1,), (2,), (1, 2), ())
    ]
    for mine in steps:
        for other in others:
            await two.say(two.first, mine)
            await two.say(two.second, other)
            both = {one.address for one in mine.endpoints} & {one.address for one in other.endpoints}
            lines = two.told()["ant"]
            assert len(lines) == bool(both)
            assert not both or f"{min(both)}:8080" in lines[0]
            assert ("1 more like it" in "".join(lines)) == (len(both) == 2)


@pytest.mark.parametrize(("rank", "expected"), [(0, ["10.0.0.1"]), (1, [])])
async def test_pods_alone_are_instances_in_files_only(control, rank, expected):
    """A followed cluster lists its endpoints: before its first list of a new service there are none, and no others."""
    pod = ObjectRef("Pod", "shop", "web-0")
    labels = (("app", "web"),)
    service = Service(HOST, "shop", (HTTP,), "Kubernetes", ObjectRef("Service", "shop", "web"), selector=labels)
    rows = {
        tables.SERVICES: {(HOST, "shop", "k/Service shop/web"): msgspec.structs.replace(service, rank=rank)},
        tables.WORKLOADS: {("shop", "web-0", "Pod"): Workload("web-0", "shop", "10.0.0.1", labels, object=pod)},
    }
    control.feed("kubernetes", rows)
    assert [one.address for one in services.endpoints(control.world, (HOST, "shop"))] == expected
