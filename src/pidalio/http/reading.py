"""Operations that only look: objects, status, what a proxy holds.

Invariant: nothing here changes anything, or waits for anyone.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

from pidalio.api.kinds import BY_NAME
from pidalio.envoy.protos import to_dict
from pidalio.envoy.resource import Resource, content_of
from pidalio.errors import NotFound, UsageError
from pidalio.http.call import Call, Query
from pidalio.http.served import Served
from pidalio.http.wire import (
    HealthAnswer,
    HoldingsAnswer,
    ObjectsAnswer,
    PlatformView,
    ResourceView,
    StatusAnswer,
)
from pidalio.xds import Stream
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST, short

HOLDINGS: Final = {
    "listeners": (LISTENER,),
    "routes": (ROUTE, VIRTUAL_HOST),
    "clusters": (CLUSTER,),
    "endpoints": (ENDPOINT,),
}
"""What can be asked about a proxy, and the types that it means."""


class ObjectsQuery(Query, frozen=True):
    """Which objects; what is not said does not filter."""

    kind: str | None = None
    namespace: str | None = None
    name: str | None = None


async def healthz(_: Served, __: Call) -> HealthAnswer:
    """Tell that the process answers."""
    return HealthAnswer(ok=True)


async def readyz(served: Served, _: Call) -> HealthAnswer:
    """Tell whether everything was read and proxies are served; 503 while it is not so."""
    reason = served.surroundings.unready()
    return HealthAnswer(ok=not reason, reason=reason)


async def objects(served: Served, call: Call) -> ObjectsAnswer:
    """Return the live objects."""
    query = call.query(ObjectsQuery)
    if query.kind is not None and query.kind not in BY_NAME:
        raise NotFound(f"no kind {query.kind!r} is read; there are {', '.join(sorted(BY_NAME))}")
    found = served.mesh.objects(query.kind, query.namespace)
    shown = tuple(served.views.object(item) for item in found if query.name in (None, item.meta.name))
    if query.kind and query.name and not shown:
        where = f" in namespace {query.namespace}" if query.namespace else ""
        raise NotFound(f"no {query.kind} {query.name}{where}")
    return ObjectsAnswer(shown)


async def status(served: Served, _: Call) -> StatusAnswer:
    """Return every proxy, every standing report and every platform."""
    mesh = served.mesh
    reports = (*mesh.reports(), *served.leases.reports(), *served.surroundings.reports())
    return StatusAnswer(
        mesh.revision,
        mesh.ads.generation,
        tuple(served.views.proxy(one) for one in mesh.ads.status()),
        served.views.reports(reports),
        tuple(_platforms(served)),
    )


def _platforms(served: Served) -> Iterator[PlatformView]:
    yield from served.surroundings.platform_views()
    if len(served.leases):
        yield PlatformView("agents", instances=len(served.leases), detail="registered by their agents")


async def holdings(served: Served, call: Call) -> HoldingsAnswer:
    """Return what a proxy holds of one kind of resource, beside what it should hold."""
    what, stream = call.path("what"), find_stream(served, call.path("id"))
    if what not in HOLDINGS:
        raise UsageError(f"{what!r} is none of {', '.join(HOLDINGS)}")
    found: list[ResourceView] = []
    for type_url in HOLDINGS[what]:
        for view in _compared(served, stream, type_url):
            found.append(view)
            if len(found) % 64 == 0:
                await asyncio.sleep(0)  # a table of thousands must not hold everyone else up
    return HoldingsAnswer(stream.node.id, tuple(found))


def find_stream(served: Served, wanted: str) -> Stream:
    """Return the newest stream of a proxy, by its id, `name.namespace` or `name`; raise `NotFound`."""
    proxies = served.mesh.proxies()
    for stream in reversed(served.mesh.ads.streams()):
        known = proxies.get(stream.node.id)
        names = (
            (known.id, f"{known.name}.{known.namespace}", f"{known.namespace}/{known.name}", known.name)
            if known
            else ()
        )
        if wanted == stream.node.id or wanted in names:
            return stream
    connected = ", ".join(sorted(f"{one.name}.{one.namespace}" for one in proxies.values())) or "none"
    raise NotFound(f"no proxy {wanted} is connected; there are: {connected}")


def _compared(served: Served, stream: Stream, type_url: str) -> Iterator[ResourceView]:
    held = served.mesh.ads.held(stream.node.id, type_url)
    wanted = set(stream.target.names(type_url))
    for name in sorted(held.keys() | wanted):
        resource = stream.target.get(type_url, name) if name in wanted else None
        yield _view(served, type_url, name, held.get(name), resource)


def _view(served: Served, type_url: str, name: str, held: str | None, wanted: Resource | None) -> ResourceView:
    kind = short(type_url)
    if wanted is None:
        return ResourceView(kind, name, "extra", held or "")
    state = "missing" if held is None else "equal" if held == wanted.version else "differs"
    return ResourceView(
        kind,
        name,
        state,
        held or "",
        wanted.version,
        tuple(served.views.origin(each) for each in wanted.origins),
        to_dict(content_of(wanted)),
    )
