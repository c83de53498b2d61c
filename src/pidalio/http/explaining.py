"""The operation that says why a request goes where it goes: the simulator's answer, with the place of every rule.

Invariant: the answer is made from the very plans that the proxy's resources are made from.
"""

import difflib
from collections.abc import Iterator
from typing import Any

import msgspec

from pidalio.errors import NotFound, UsageError
from pidalio.http.call import Call
from pidalio.http.reading import find_stream
from pidalio.http.served import Served
from pidalio.http.wire import Body
from pidalio.model import Origin, Proxy, ProxyType
from pidalio.simulate import Decision, Request
from pidalio.store import tables

_OUTBOUND = "127.0.0.1:15001"
"""Where a proxy that is not connected is assumed to take its workload's calls."""


class Question(Body, frozen=True, forbid_unknown_fields=True):
    """What is asked: the proxy of the workload `from` (`[namespace/]name`, or a proxy's id), and the request.

    The request is `method`, `url` and `headers`, or `request` with its parts.
    """

    caller: str = msgspec.field(name="from")
    method: str = "GET"
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    request: Request | None = None


class Explained(Body, frozen=True):
    """The decision, and by origin (as text) the place of each rule that it names; `proxy` is who decides."""

    proxy: str
    decision: Decision
    places: dict[str, str]


async def explain(served: Served, call: Call) -> Explained:
    """Say what a proxy does with a request, and why."""
    question = await call.body(Question)
    if question.request is None and not question.url:
        raise UsageError("say the url, or the request with its parts")
    asked = question.request or Request.from_url(question.method, question.url, question.headers)
    proxy = find_proxy(served, question.caller)
    decision = served.decide(served.mesh.world, proxy, asked)
    places = {str(one): served.mesh.place(one.object, one.path) for one in origins(decision)}
    return Explained(proxy.id, decision, {text: str(place) for text, place in places.items() if place})


def find_proxy(served: Served, caller: str) -> Proxy:
    """Return the connected proxy called `caller`, or that of a known instance of this name; raise `NotFound`."""
    try:
        return served.mesh.proxies()[find_stream(served, caller).node.id]
    except NotFound:
        found = _of_instance(served, caller)
        if found is None:
            raise NotFound(_unknown(served, caller)) from None
        return found


def _of_instance(served: Served, caller: str) -> Proxy | None:
    namespace, slash, name = caller.rpartition("/")
    space = namespace if slash else "default"
    world = served.mesh.world
    for key in tables.WORKLOADS_BY_NAME.keys(world, (space, name)):
        row = tables.WORKLOADS.get(world, key)
        if row is not None:
            address = row.address or "127.0.0.1"
            return Proxy(ProxyType.SIDECAR, address, name, space, labels=row.labels, outbound=_OUTBOUND)
    return None


def _unknown(served: Served, caller: str) -> str:
    names = sorted(one.name for one in served.mesh.proxies().values())
    near = difflib.get_close_matches(caller.rpartition("/")[2], names, 3) or names[:8]
    return f"no proxy or instance {caller}; there are: {', '.join(near) or 'none'}"


def origins(tree: Any) -> Iterator[Origin]:
    """Yield every origin in a decision."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, Origin):
            yield node
        elif isinstance(node, msgspec.Struct):
            pending += [getattr(node, field) for field in node.__struct_fields__]
        elif isinstance(node, tuple | list):
            pending += node
