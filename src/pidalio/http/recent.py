"""Which proxies the latest changes concern: so that who waits for a change waits for those only.

Invariant: what is forgotten, or was never a change of the API, concerns everyone.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from pidalio.http.mesh import Mesh
from pidalio.http.views import Views
from pidalio.http.wire import LiveAnswer, LiveView
from pidalio.xds import State, Verdict
from pidalio.xds.typeurls import short

Concerned: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]

_KEPT: Final = 256
_SLICE: Final = 0.25
"""Seconds between two looks while a proxy lags that the change does not concern."""


class Recent:
    """The latest changes by generation."""

    def __init__(self) -> None:
        self._concerned: OrderedDict[int, Concerned] = OrderedDict()

    def note(self, generation: int, concerned: Concerned) -> None:
        """Remember whom the change of `generation` concerns; of two changes in one generation both."""
        together = dict(self._concerned.pop(generation, {})) | dict(concerned)
        self._concerned[generation] = together
        while len(self._concerned) > _KEPT:
            self._concerned.popitem(last=False)

    def concerned(self, generation: int) -> Concerned | None:
        """Return whom it concerns, None where that is not known."""
        return self._concerned.get(generation)


async def wait(mesh: Mesh, recent: Recent, generation: int, seconds: float) -> LiveAnswer:
    """Wait until no proxy that `generation` concerns is lagging, at most `seconds`; return how each stands."""
    concerned = recent.concerned(generation)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    mesh.ads.current(mesh.world.generation)  # a dry run counts generations that change nothing
    while True:
        left = max(0.0, deadline - loop.time())
        verdicts = await mesh.live(generation, left if concerned is None else min(left, _SLICE))
        proxies = _views(verdicts, concerned, generation, Views(mesh))
        settled = all(each.state != State.LAGGING.value for each in proxies)
        if settled or loop.time() >= deadline:
            return LiveAnswer(generation, settled, proxies)


def _views(
    verdicts: Iterable[Verdict], concerned: Concerned | None, generation: int, views: Views
) -> tuple[LiveView, ...]:
    found = {each.proxy: each for each in verdicts}
    if concerned is None:
        return tuple(_view(each, None, generation, views) for each in found.values())
    return tuple(
        _view(found[proxy], names, generation, views) if proxy in found else LiveView(proxy, "gone", -1)
        for proxy, names in concerned.items()
    )


def _view(verdict: Verdict, names: Mapping[str, tuple[str, ...]] | None, generation: int, views: Views) -> LiveView:
    """Judge by what the change concerns: a refusal of something else, from earlier, is not the change's fault."""
    own = [one for one in verdict.rejections if names is None or one.name in names.get(one.type_url, ())]
    if own:
        reason = f"it refused {short(own[0].type_url)} {own[0].name}: {own[0].error}"
        state, rejections = State.REJECTED, tuple(views.rejection(one) for one in own)
    else:
        state = State.LIVE if verdict.generation >= generation else State.LAGGING
        reason, rejections = (verdict.reason if state is State.LAGGING else ""), ()
    return LiveView(verdict.proxy, state.value, verdict.generation, reason, rejections)
