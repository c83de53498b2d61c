"""Operations of fault campaigns: start one, stop one, list them.

Invariant: what runs is listed, and what is listed as running ends by itself.
"""

import msgspec

from pidalio.http.call import Call, Query
from pidalio.http.fault_bodies import FaultAnswer, FaultOrder, FaultsAnswer, FaultView
from pidalio.http.recent import Concerned
from pidalio.http.served import Served
from pidalio.model import Delivery
from pidalio.xds.typeurls import short


class StopQuery(Query, frozen=True):
    """Who stops it."""

    author: str = ""


async def start_fault(served: Served, call: Call) -> FaultAnswer:
    """Start a fault campaign, or with `dryRun` tell whom it would concern."""
    order = await call.body(FaultOrder)
    order = msgspec.structs.replace(order, author=order.author or call.identity)
    plan = served.campaigns.foresee if order.dry_run else served.campaigns.start
    view, concerned = plan(order)
    return _answer(served, view, concerned, dry_run=order.dry_run)


async def stop_fault(served: Served, call: Call) -> FaultAnswer:
    """End a fault campaign at once."""
    view, concerned = served.campaigns.stop(call.path("name"), call.query(StopQuery).author or call.identity)
    return _answer(served, view, concerned)


async def faults(served: Served, _: Call) -> FaultsAnswer:
    """Return every fault campaign: those that run, then those that are over."""
    return FaultsAnswer(served.campaigns.all())


def _answer(served: Served, view: FaultView, concerned: Concerned, *, dry_run: bool = False) -> FaultAnswer:
    generation = served.mesh.world.generation
    connected = served.mesh.proxies()
    here = {proxy: names for proxy, names in concerned.items() if proxy in connected and names}
    if not dry_run:
        served.recent.note(generation, here)
    shown = {proxy: {short(url): held for url, held in names.items()} for proxy, names in here.items()}
    return FaultAnswer(view, generation, dry_run, shown, tuple(_notes(served, view)) if view.running else ())


def _notes(served: Served, view: FaultView) -> list[str]:
    found = []
    if not view.proxies:
        found.append("it concerns no connected proxy")
    grpc = sum(proxy.delivery is Delivery.GRPC for proxy in served.mesh.proxies().values())
    if grpc:
        found.append(f"{grpc} proxyless gRPC clients are connected, which take part in no campaign")
    return found
