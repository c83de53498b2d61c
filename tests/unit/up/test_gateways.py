"""Which gateways there are to be, and where they listen."""

import socket

import pytest

from pidalio.api.gateway import Gateway, GatewayPort, Server
from pidalio.api.object import Meta, Object
from pidalio.derive import Database
from pidalio.model import Labels
from pidalio.store import tables
from pidalio.up.gateways import addresses, gateway_proxy, label_sets, moved_port


def gateway(name: str, *selector: tuple[str, str], port: int = 8080, bind: str = "") -> Object:
    server = Server(port=GatewayPort(number=port, name="http", protocol="HTTP"), bind=bind, hosts=("*",))
    spec = Gateway(servers=(server,), selector=selector)
    return Object("Gateway", "networking.istio.io/v1", Meta("default", name), spec)


def world(*objects: Object) -> Database:
    made = Database()
    made.apply({tables.GATEWAYS: {(each.meta.namespace, each.meta.name): each for each in objects}})
    return made


EDGE, INNER = ("istio", "edge"), ("tier", "inner")


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        pytest.param([], (), id="none"),
        pytest.param([(EDGE,), (EDGE,)], ((EDGE,),), id="one-for-equal-selectors"),
        pytest.param([(EDGE,), (INNER,)], ((EDGE,), (INNER,)), id="one-for-each-set"),
        pytest.param([(EDGE,), (EDGE, INNER)], ((EDGE, INNER),), id="the-larger-set-serves-the-smaller"),
        pytest.param([()], ((),), id="empty-selector-picks-any"),
        pytest.param([(), (EDGE,)], ((EDGE,),), id="empty-selector-needs-no-gateway-of-its-own"),
    ],
)
def test_label_sets(selectors: list[Labels], expected: tuple[Labels, ...]):
    found = label_sets(gateway(f"gateway-{index}", *selector) for index, selector in enumerate(selectors))
    assert found == expected


def test_equal_labels_in_another_order_are_one_gateway():
    assert label_sets([gateway("one", EDGE, INNER), gateway("two", INNER, EDGE)]) == ((EDGE, INNER),)


def test_port_that_must_be_moved_says_so():
    (found,) = addresses(world(gateway("shop", EDGE, port=80)), lowest_port=1024)
    assert (found.address, found.port, found.url) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert moved_port(found).message == "port 80 listens on 8080: a port below 1024 needs root"
    assert dict(gateway_proxy((EDGE,), lowest_port=1024).gateway_ports)[80] == 8080


def test_port_that_may_be_bound_stays():
    (found,) = addresses(world(gateway("shop", EDGE, port=80)), lowest_port=1)
    assert found.port == 80
    assert moved_port(found) is None
    assert gateway_proxy((EDGE,), lowest_port=1).gateway_ports == ()


def test_two_gateways_share_an_address():
    found = addresses(world(gateway("one", EDGE), gateway("two", EDGE), gateway("three", EDGE, port=9090)), 1024)
    assert [one.port for one in found] == [8080, 9090]


def test_gateway_with_its_own_address_keeps_it():
    (found,) = addresses(world(gateway("shop", EDGE, bind="127.0.0.9")), 1024)
    assert found.address == "127.0.0.9"


def test_taken_port_is_found():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (found,) = addresses(world(gateway("shop", EDGE, port=taken.getsockname()[1])), lowest_port=1)
        assert not found.is_free()
    assert found.is_free()


def test_gateway_is_named_after_its_labels():
    assert gateway_proxy((EDGE, INNER), 1).name == "edge-inner"
    assert gateway_proxy((), 1).name == "gateway"
