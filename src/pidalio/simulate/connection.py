"""Which filter chain of which listener takes a connection.

Source: Envoy's documented order of filter chain matches: destination port, destination address, server name, transport
protocol, application protocols. Each step keeps the most specific value that fits and never comes back, so that a
connection may end at the default chain, or closed, although a less specific chain would have taken it.
"""

import ipaddress
from collections.abc import Callable, Sequence

import msgspec

from pidalio.ir import ChainMatch, FilterChainPlan, Inspector, ListenerPlan, ProxyPlans

_UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A connection as the client opens it: where to, and what its first bytes show.

    `destination` is an IP, empty where only the listener's own address counts; `server_name` and `alpn` are of a TLS
    client hello; `protocol` is what a client without TLS speaks: `http/1.1`, `h2c`, or empty for anything else.
    """

    destination: str = ""
    port: int = 0
    tls: bool = False
    server_name: str = ""
    alpn: tuple[str, ...] = ()
    protocol: str = "http/1.1"


def taken_by(plans: ProxyPlans, door: ListenerPlan, connection: Connection) -> ListenerPlan:
    """Return the listener that treats a connection which arrives at `door`: itself, unless it hands off."""
    if not door.hands_off:
        return door
    others = [each for each in plans.listeners if each.port == connection.port and each is not door]
    exact = next((each for each in others if each.address == connection.destination), None)
    return exact or next((each for each in others if each.address in _UNSPECIFIED), None) or door


def chosen_chain(listener: ListenerPlan, connection: Connection) -> FilterChainPlan | None:
    """Return the chain for a connection; None when it is closed at once, because no chain fits."""
    if not listener.chains:
        return listener.default
    by_port = _narrowed(listener.chains, lambda match: match.destination_port, (connection.port or listener.port, 0))
    by_address = _by_address(by_port, connection.destination or listener.address)
    by_name = _narrowed_by_any(by_address, lambda match: match.server_names, _wanted_names(listener, connection))
    transport = "tls" if connection.tls and Inspector.TLS in listener.inspectors else "raw_buffer"
    by_transport = _narrowed(by_name, lambda match: match.transport_protocol, (transport, ""))
    found = _narrowed_by_any(by_transport, lambda match: match.application_protocols, _spoken(listener, connection))
    return found[0] if found else listener.default


def _narrowed(
    chains: Sequence[FilterChainPlan], part: Callable[[ChainMatch], object], wanted: Sequence[object]
) -> list[FilterChainPlan]:
    """Keep the chains that ask for the first of the `wanted` values that any chain asks for."""
    for value in wanted:
        if found := [each for each in chains if part(each.match) == value]:
            return found
    return []


def _narrowed_by_any(
    chains: Sequence[FilterChainPlan], part: Callable[[ChainMatch], tuple[str, ...]], wanted: Sequence[str]
) -> list[FilterChainPlan]:
    for value in wanted:
        if found := [each for each in chains if value in part(each.match)]:
            return found
    return [each for each in chains if not part(each.match)]


def _by_address(chains: Sequence[FilterChainPlan], destination: str) -> list[FilterChainPlan]:
    """Keep the chains of the longest range that holds `destination`; a chain without ranges holds everything."""
    if not any(each.match.prefixes for each in chains):
        return list(chains)
    address = ipaddress.ip_address(destination)
    fitting: dict[int, list[FilterChainPlan]] = {}
    for each in chains:
        lengths = [
            network.prefixlen
            for network in map(ipaddress.ip_network, each.match.prefixes)
            if network.version == address.version and address in network
        ]
        if lengths or not each.match.prefixes:
            fitting.setdefault(max(lengths, default=0), []).append(each)
    return fitting[max(fitting)] if fitting else []


def _wanted_names(listener: ListenerPlan, connection: Connection) -> list[str]:
    """Return what a chain may ask for to get the server name: itself, then its wildcards, the longest first."""
    name = connection.server_name.lower()
    if not name or Inspector.TLS not in listener.inspectors:
        return []
    labels = name.split(".")
    return [name, *("*." + ".".join(labels[index:]) for index in range(1, len(labels)))]


def _spoken(listener: ListenerPlan, connection: Connection) -> tuple[str, ...]:
    if connection.tls:
        return connection.alpn if Inspector.TLS in listener.inspectors else ()
    sniffed = Inspector.HTTP in listener.inspectors and connection.protocol
    return (connection.protocol,) if sniffed else ()
