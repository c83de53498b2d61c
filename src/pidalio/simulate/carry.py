"""What Envoy does with one connection: which listener and chain take it, and where its bytes go.

Requests inside a chain that reads them are `decide`'s; everything else is decided once, when the connection comes.
Source: Envoy's TCP proxy and its response flags: `NC` without the cluster, `UH` without an endpoint; the client sees
its connection closed.
"""

import msgspec

from pidalio.ir import FilterChainPlan, HttpPlan, ListenerPlan, ProxyPlans
from pidalio.model import Origin
from pidalio.simulate.connection import Connection, chosen_chain, taken_by
from pidalio.simulate.decision import Forwarded, Verdict
from pidalio.simulate.forward import tunnelled
from pidalio.simulate.outcome import connected, likeliest_first


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """Where a connection ends up; with `reads_requests` each request in it is decided by itself.

    `verdicts` have the largest share first; status 0 is a connection that the proxy closes.
    """

    listener: str
    listener_origin: Origin | None = None
    chain: str = ""
    chain_origin: Origin | None = None
    reads_requests: bool = False
    action: Forwarded | None = None
    verdicts: tuple[Verdict, ...] = ()


def carry(plans: ProxyPlans, door: ListenerPlan, connection: Connection) -> Carried:
    """Return what becomes of a `connection` that arrives at `door`."""
    listener, chain = chain_for(plans, door, connection)
    found = Carried(listener=listener.name, listener_origin=listener.origin)
    if chain is None:
        why = f"no filter chain of listener {listener.name} takes this connection"
        return msgspec.structs.replace(found, verdicts=(Verdict(1.0, 0, "NR", "filter_chain_not_found", why=why),))
    found = msgspec.structs.replace(found, chain=chain.name, chain_origin=chain.origin)
    if isinstance(chain.filter, HttpPlan):
        return msgspec.structs.replace(found, reads_requests=True)
    action = tunnelled(plans, chain.filter, connection)
    verdicts = likeliest_first(tuple(connected(each) for each in action.destinations))
    return msgspec.structs.replace(found, action=action, verdicts=verdicts)


def chain_for(
    plans: ProxyPlans, door: ListenerPlan, connection: Connection
) -> tuple[ListenerPlan, FilterChainPlan | None]:
    """Return the listener that treats a connection, and its chain for it."""
    listener = taken_by(plans, door, connection)
    return listener, chosen_chain(listener, connection)
