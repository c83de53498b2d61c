"""Operations that only look: objects, status, what a proxy holds.

Invariant: nothing here changes anything, or waits for anyone.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final, TypeVar

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
    PlatformsAnswer,
    PlatformView,
    ReportView,
    ResourceView,
    StatusAnswer,
)
from pidalio.platforms.vm import SOURCE, Bound, Registrations
from pidalio.xds import Stream
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST, short

HOLDINGS: Final = {
    "listeners": (LISTENER,),
    "routes": (ROUTE, VIRTUAL_HOST),
    "clusters": (CLUSTER,),
    "endpoints": (ENDPOINT,),
}
"""What can be asked about a proxy, and the types that it means."""


_TOGETHER: Final = 16

T = TypeVar("T")


class HoldingsQuery(Query, frozen=True):
    """Whether the content of each resource is wanted."""

    content: bool = True


class ObjectsQuery(Query, frozen=True):
    """Which objects; what is not said does not filter. Without `status` it is not found out what becomes of them."""

    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    status: bool = True


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
    wanted = [item for item in found if query.name in (None, item.meta.name)]
    found_out = await served.surveyor.survey() if query.status else None
    shown = [
        served.views.object(item, served.surveyor.status(found_out, item) if found_out else None)
        async for item in unhurried(wanted)
    ]
    if query.kind and query.name and not shown:
        where = f" in namespace {query.namespace}" if query.namespace else ""
        raise NotFound(f"no {query.kind} {query.name}{where}")
    return ObjectsAnswer(tuple(shown))


async def status(served: Served, _: Call) -> StatusAnswer:
    """Return every proxy, every standing report and every platform."""
    mesh = served.mesh
    found_out = served.surveyor.reports(await served.surveyor.survey())
    told = (*served.registrations.reports(), *served.campaigns.reports(), *served.surroundings.reports())
    reports = (*mesh.reports(), *found_out, *told)
    return StatusAnswer(
        mesh.revision,
        mesh.ads.generation,
        served.views.proxies(mesh.ads.status()),
        served.views.reports(reports),
        tuple(_platforms(served)),
    )


async def platforms(served: Served, _: Call) -> PlatformsAnswer:
    """Return every platform: whether it was read, when it was heard last, and what is wrong with it."""
    return PlatformsAnswer(tuple(_platforms(served)))


def _platforms(served: Served) -> Iterator[PlatformView]:
    yield from served.surroundings.platform_views()
    if len(served.registrations) or served.registrations.sharing.store.name:
        yield _registered(served.registrations)


def _registered(known: Registrations) -> PlatformView:
    """Return how the instances are that registered themselves."""
    sharing, streams = known.sharing, sum(one.bound is Bound.STREAM for one in known.entries())
    details = [f"{len(known) - streams} by their agents", f"{streams} by their streams"]
    details += [f"{known.silent} silent"] if known.silent else []
    details += [f"shared by {sharing.store.name}"] if sharing.store.name else []
    return PlatformView(
        SOURCE,
        instances=len(known),
        detail=", ".join(details),
        kind="vm",
        state="stale" if sharing.error else "held" if known.silent else "synced",
        error=sharing.error,
        reports=tuple(map(ReportView.of, known.standing())),
    )


async def holdings(served: Served, call: Call) -> HoldingsAnswer:
    """Return what a proxy holds of one kind of resource, beside what it should hold."""
    what, stream = call.path("what"), find_stream(served, call.path("id"))
    if what not in HOLDINGS:
        raise UsageError(f"{what!r} is none of {', '.join(HOLDINGS)}")
    with_content = call.query(HoldingsQuery).content
    pairs = [(type_url, name) for type_url in HOLDINGS[what] for name in _names(served, stream, type_url)]
    held = {type_url: served.mesh.ads.held(stream.node.id, type_url) for type_url in HOLDINGS[what]}
    found = [
        _view(served, type_url, name, held[type_url].get(name), stream.target.get(type_url, name), with_content)
        async for type_url, name in unhurried(pairs)
    ]
    return HoldingsAnswer(stream.node.id, tuple(found))


async def unhurried(items: Sequence[T]) -> AsyncIterator[T]:
    """Yield items and, now and then, the event loop: who asks for thousands must not hold everyone else up."""
    for number, item in enumerate(items):
        if number % _TOGETHER == 0:
            await asyncio.sleep(0)
        yield item


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


def _names(served: Served, stream: Stream, type_url: str) -> list[str]:
    """Return the names of what is held and of what should be; a gRPC client should hold what it asks for."""
    if stream.node.is_grpc:
        asked = stream.subscriptions.get(type_url)
        return sorted(asked.names) if asked else []
    return sorted({*served.mesh.ads.held(stream.node.id, type_url), *stream.target.names(type_url)})


def _view(
    served: Served, type_url: str, name: str, held: str | None, wanted: Resource | None, with_content: bool
) -> ResourceView:
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
        to_dict(content_of(wanted)) if with_content else None,
    )
