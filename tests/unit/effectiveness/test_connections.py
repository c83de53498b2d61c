"""Entries for connections: each is held against every connection of a small world, and what is told of the others."""

import ipaddress
import itertools

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st
from tests.unit.rules.world import document, entry, mesh, service, sidecar

from pidalio.effectiveness import survey
from pidalio.effectiveness.chains import Opening, Taken, takers
from pidalio.ir import ChainMatch, Direction, FilterChainPlan, Inspector, ListenerPlan, TcpPlan, WeightedCluster
from pidalio.model import Interception
from pidalio.rules.matching import RouteContext
from pidalio.simulate.connection import Connection, chosen_chain

SUBNETS = ("10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "10.0.0.5/32", "10.0.0.4/31", "11.0.0.0/8", "0.0.0.0/0")
NAMES = ("a.test", "b.test", "*.test", "*.a.test", "c.a.test", "*.b.test")
ADDRESSES = ("10.0.0.1", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.128.0.1", "10.255.255.255", "11.0.0.1", "12.0.0.1")
CALLS = [
    *(Connection(protocol=one) for one in ("", "http/1.1")),
    *(
        Connection(tls=True, server_name=name, alpn=alpn)
        for name in ("", "a.test", "b.test", "z.test", "c.a.test", "z.a.test", "z.b.test", "y.z.b.test", "else")
        for alpn in ((), ("h2",))
    ),
]
MATCHES = st.builds(
    ChainMatch,
    prefixes=st.lists(st.sampled_from(SUBNETS), max_size=2, unique=True).map(tuple),
    server_names=st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple),
    transport_protocol=st.sampled_from(("", "", "", "raw_buffer", "tls")),
    application_protocols=st.sampled_from(((), (), (), ("http/1.1",), ("h2",))),
)


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(
    st.lists(MATCHES, min_size=1, max_size=6),
    st.sampled_from(("", *NAMES)),
    st.sampled_from(("", *SUBNETS)),
    st.sampled_from((("0.0.0.0", ()), ("0.0.0.0", ("10.0.0.5", "10.128.0.0")), ("10.0.0.5", ()))),
)
def test_no_connection_of_a_small_world_is_forgotten(matches, name, subnet, place):
    address, elsewhere = place
    chains = tuple(FilterChainPlan(TcpPlan(f"{at}", (WeightedCluster("c", 1),)), one) for at, one in enumerate(matches))
    looks = (Inspector.TLS, Inspector.HTTP)
    listener = ListenerPlan("l", address, 443, Direction.OUTBOUND, chains, inspectors=looks)
    found, is_all = takers(Opening(listener, RouteContext("mesh", 443), True, elsewhere=elsewhere), name, subnet)
    assert is_all
    for one in found:
        assert chosen_chain(listener, one.connection) == one.chain
        assert one.connection.destination not in elsewhere
        assert not subnet or ipaddress.ip_address(one.connection.destination) in ipaddress.ip_network(subnet)
    told = {(one.chain, one.is_by(name, subnet)) for one in found}
    places = (address,) if address != "0.0.0.0" else tuple(one for one in ADDRESSES if one not in elsewhere)
    for call, where in itertools.product(CALLS, places):
        if name and not (call.server_name == name or (name[0] == "*" and call.server_name.endswith(name[1:]))):
            continue
        if subnet and ipaddress.ip_address(where) not in ipaddress.ip_network(subnet):
            continue
        connection = msgspec.structs.replace(call, destination=where, port=443)
        chosen = Taken(chosen_chain(listener, connection), connection)
        assert (chosen.chain, chosen.is_by(name, subnet)) in told


TO = "route: [{destination: {host: a}}]"
WILD = entry("w", "'*.test'", ports="443/tls 9000/tcp", rest="resolution: NONE")
PLAIN = entry("w", "w.test", ports="443/tls 9000/tcp", rest="addresses: [10.0.0.0/8], resolution: NONE")
FIXED = entry("w", "w.test", ports="443/tls 9000/tcp", rest="addresses: [10.0.0.1]")


WIDE = "'*.test'"


def sni(names: str, rest: str = "") -> str:
    return f"{{match: [{{sniHosts: [{names}]{rest}}}], {TO}}}"


def ranges(*subnets: str) -> str:
    return ", destinationSubnets: [" + ", ".join(subnets) + "]"


def told_of(declared: str, spec: str, *interceptions: Interception) -> list[str]:
    hosts = "'*.test'" if declared is WILD else "w.test"
    found = mesh(service("a"), declared, document("VirtualService", "v", f"{{hosts: [{hosts}], {spec}}}"))
    ways = [msgspec.structs.replace(sidecar(), interception=one, outbound="") for one in interceptions]
    reports = survey(found.world, ways or [sidecar()], found.objects()).reports(found.catalog.place)
    return [f"{one.code} {one.path}: {one.message}" for one in reports if one.object.name == "v"]


BY = "shadowed by VirtualService default/v "


@pytest.mark.parametrize(
    ("declared", "spec", "expected"),
    [
        pytest.param(WILD, f"tls: [{sni('a.test')}, {sni(WIDE)}]", [], id="a name and a wildcard around it"),
        pytest.param(
            WILD,
            f"tls: [{sni('a.test')}, {sni('b.test, a.test')}]",
            [f"ineffective spec.tls[1].match[0].sniHosts[1]: {BY}tls[0].match[0]"],
            id="a name stated before",
        ),
        pytest.param(
            WILD,
            f"tls: [{sni('a.test, b.test')}, {sni('b.test')}]",
            [f"ineffective spec.tls[1]: {BY}tls[0].match[0]"],
            id="an entry stated before",
        ),
        pytest.param(
            WILD,
            f"tls: [{sni('a.test, A.test')}]",
            [f"ineffective spec.tls[0].match[0].sniHosts[1]: {BY}tls[0].match[0]"],
            id="a name twice in one entry",
        ),
        pytest.param(
            PLAIN,
            f"tls: [{sni('w.test', ranges('10.0.0.0/8'))}, {sni('w.test', ranges('10.0.0.0/9', '10.128.0.0/9'))}]",
            ["ineffective spec.tls[0]: shadowed by VirtualService default/v tls[1].match[0]"],
            id="narrower ranges come first, wherever they are written",
        ),
        pytest.param(
            PLAIN,
            f"tcp: [{{match: [{{destinationSubnets: [10.0.0.0/9]}}], {TO}}}, {{match: [{{destinationSubnets: [10.0.0.0/9,"
            f" 10.1.0.0/16]}}], {TO}}}]",
            [f"ineffective spec.tcp[1].match[0].destinationSubnets[0]: {BY}tcp[0].match[0]"],
            id="a range stated before",
        ),
        pytest.param(
            FIXED,
            f"tcp: [{{match: [{{destinationSubnets: [10.9.0.0/16]}}], {TO}}}]",
            ["ineffective spec.tcp[0]: no connection meets it: its hosts are not called at any address of its ranges"],
            id="a range without the service's address",
        ),
        pytest.param(
            FIXED,
            f"tcp: [{{match: [{{port: 9000}}, {{port: 9000, destinationSubnets: [10.0.0.0/8]}}], {TO}}}]",
            [f"ineffective spec.tcp[0].match[1]: {BY}tcp[0].match[0]"],
            id="a range in a rule that takes all",
        ),
    ],
)
def test_values_that_take_nothing(declared, spec, expected):
    found = told_of(declared, spec, Interception.REDIRECT)
    assert len(found) == len(expected), found
    for line, part in zip(found, expected, strict=True):
        assert line.startswith(part)


def test_an_older_service_has_the_connections():
    """Two services without addresses meet on one port, and no byte tells them apart: the older rule has it."""
    older = entry("e", "e.test", ports="9000/tcp", rest="resolution: NONE", created="2020-01-01T00:00:00Z")
    newer = entry("w", "w.test", ports="9000/tcp", rest="resolution: NONE", created="2021-01-01T00:00:00Z")
    rules = [
        document("VirtualService", name, f"{{hosts: [{host}], tcp: [{{{TO}}}]}}")
        for name, host in (("u", "e.test"), ("v", "w.test"))
    ]
    found = mesh(service("a"), older, newer, *rules)
    proxy = msgspec.structs.replace(sidecar(), interception=Interception.REDIRECT, outbound="")
    lines = {
        (one.object.name, one.path): one.message
        for one in survey(found.world, [proxy], found.objects()).reports(found.catalog.place)
        if one.object.kind == "VirtualService"
    }
    assert list(lines) == [("v", "spec.tcp[0]")]
    assert lines["v", "spec.tcp[0]"].startswith("shadowed by VirtualService default/u tcp[0]")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            f"tls: [{sni('a.test')}, {sni('b.test, a.test')}]",
            [
                "redundant spec.tls[0]: without it its requests would get just the same from VirtualService default/v tls[1]",
                f"ineffective spec.tls[1].match[0].sniHosts[1]: {BY}tls[0].match[0]",
            ],
            id="a name stated before",
        ),
        pytest.param(
            f"tls: [{sni('a.test, b.test')}, {sni('b.test')}]",
            [f"ineffective spec.tls[1]: {BY}tls[0].match[0]"],
            id="an entry stated before",
        ),
    ],
)
def test_tunnels_are_told_the_same(spec, expected):
    found = told_of(WILD, spec)
    assert len(found) == len(expected), found
    for line, part in zip(found, expected, strict=True):
        assert line.startswith(part)
