import pytest

from pidalio.ir import ChainMatch, Direction, FilterChainPlan, Inspector, ListenerPlan, ProxyPlans, TcpPlan
from pidalio.simulate.connection import Connection, chosen_chain, taken_by


def chain(name: str, **match: object) -> FilterChainPlan:
    return FilterChainPlan(TcpPlan(name, ()), ChainMatch(**match), name)


def listener(*chains: FilterChainPlan, name: str = "l", address: str = "0.0.0.0", port: int = 15001, **more: object):
    inspectors = (Inspector.TLS, Inspector.HTTP)
    return ListenerPlan(name, address, port, Direction.OUTBOUND, chains, inspectors=inspectors, **more)


ALL = listener(
    chain("port", destination_port=15001),
    chain("host", prefixes=("10.0.0.1/32",)),
    chain("net", prefixes=("10.0.0.0/8",), transport_protocol="raw_buffer"),
    chain("exact", server_names=("a.example.com",)),
    chain("wide", server_names=("*.example.com",), application_protocols=("h2",)),
    chain("h1", application_protocols=("http/1.1", "h2c")),
    default=chain("default"),
)


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        pytest.param(Connection(destination="1.2.3.4", port=15001), "port", id="the port comes first"),
        pytest.param(Connection(destination="10.0.0.1", port=80), "host", id="the longest range"),
        pytest.param(Connection(destination="10.0.0.2", port=80), "net", id="the wider range"),
        pytest.param(
            Connection(destination="10.0.0.2", port=80, tls=True, server_name="a.example.com"),
            "default",
            id="no way back from a range",
        ),
        pytest.param(
            Connection(destination="1.2.3.4", port=443, tls=True, server_name="A.example.com"), "exact", id="a name"
        ),
        pytest.param(
            Connection(destination="1.2.3.4", port=443, tls=True, server_name="b.c.example.com", alpn=("h3", "h2")),
            "wide",
            id="a wildcard covers several labels",
        ),
        pytest.param(
            Connection(destination="1.2.3.4", port=443, tls=True, server_name="b.example.com", alpn=("http/1.1",)),
            "default",
            id="no way back from a name",
        ),
        pytest.param(Connection(destination="1.2.3.4", port=80), "h1", id="sniffed"),
        pytest.param(Connection(destination="1.2.3.4", port=80, protocol=""), "default", id="neither TLS nor HTTP"),
    ],
)
def test_the_most_specific_chain_takes_a_connection(connection, expected):
    found = chosen_chain(ALL, connection)
    assert found is not None
    assert found.name == expected


def test_a_connection_that_fits_no_chain_is_closed():
    assert chosen_chain(listener(chain("tls", transport_protocol="tls")), Connection()) is None


@pytest.mark.parametrize(
    ("destination", "port", "expected"),
    [("10.1.1.1", 80, "vip"), ("10.1.1.2", 80, "any"), ("10.1.1.2", 81, "virtual")],
)
def test_the_listener_of_the_original_destination_takes_what_is_handed_off(destination, port, expected):
    virtual = listener(chain("c"), name="virtual", hands_off=True)
    bound = {"bind": False}
    others = (
        listener(chain("c"), name="vip", address="10.1.1.1", port=80, **bound),
        listener(chain("c"), name="any", port=80, **bound),
    )
    plans = ProxyPlans((virtual, *others), (), (), ())
    assert taken_by(plans, virtual, Connection(destination=destination, port=port)).name == expected
    assert taken_by(plans, others[0], Connection(destination="9.9.9.9", port=9)).name == "vip"
