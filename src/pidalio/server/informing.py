"""Tell platforms what became of the objects that they hold: after changes, at leisure.

Invariants: a survey is made only while some platform wants to know, and never takes more than a small part of the
process's time; what is told of an object is about the version that was in the mesh before the survey began; while it
cannot be told, every platform that wants to know says so.
It stands between the survey and the adapters that are `Informed`. Source: design record 0021.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from pidalio.http.surveying import Surveyor
from pidalio.http.wire import ReportView, StatusView
from pidalio.model import ObjectRef, Report, Severity
from pidalio.platforms.informing import Informed, ObjectStatus
from pidalio.server.control_plane import ControlPlane

_PAUSE: Final = 1.0
"""Seconds between two looks: what comes together is told together."""
_PART: Final = 20
"""A survey is followed by so many times its own duration without one."""
_TOGETHER: Final = 16
_TOPIC: Final = "informed"
_log = logging.getLogger(__name__)


class Informing:
    """What the platforms that want to know are told; `tell` takes what there is to tell of one of them, by topic."""

    def __init__(
        self,
        control: ControlPlane,
        surveyor: Surveyor,
        informed: Mapping[str, Informed],
        tell: Callable[..., None],
        *,
        pause: float = _PAUSE,
    ) -> None:
        self._control, self._surveyor, self._informed, self._tell = control, surveyor, informed, tell
        self._pause = pause
        self._told: object = None

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Tell them until the stack is closed."""
        if self._informed:
            task = asyncio.create_task(self._run(), name="informing platforms")
            stack.push_async_callback(_cancelled, task)

    async def _run(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            begun = now()
            try:
                await self._look()
                self._say("")
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end what is told for ever
                _log.exception("platforms could not be told what became of their objects")
                self._say(f"what became of its objects could not be told to it, and is tried again: {error!r}")
            await asyncio.sleep(max(self._pause, _PART * (now() - begun)))

    def _say(self, why: str) -> None:
        """Tell of each platform why it knows nothing new, nothing where it does."""
        for name in self._informed:
            told = [Report(Severity.ERROR, "platform-not-informed", f"{name}: {why}")] if why else []
            self._tell(name, _TOPIC, *told)

    async def _look(self) -> None:
        """Tell every platform that wants to know, unless nothing changed since they were told."""
        wanted = {name: found for name, one in self._informed.items() if (found := one.versions()) is not None}
        proxies = tuple(self._control.proxies())
        state = (self._control.revision, self._control.world.generation, proxies, wanted) if wanted else None
        if state is not None and state != self._told:
            for name, statuses in (await self._statuses(wanted)).items():
                self._informed[name].inform(statuses)
        self._told = state

    async def _statuses(
        self, wanted: Mapping[str, Mapping[ObjectRef, int]]
    ) -> Mapping[str, Mapping[ObjectRef, ObjectStatus]]:
        """Return what became of all objects that platforms hold."""
        found = await self._surveyor.survey()
        mistakes = self._mistakes()
        made: dict[str, dict[ObjectRef, ObjectStatus]] = {name: {} for name in wanted}
        objects = ((name, ref, version) for name, versions in wanted.items() for ref, version in versions.items())
        for number, (name, ref, version) in enumerate(objects):
            if number % _TOGETHER == _TOGETHER - 1:
                await asyncio.sleep(0)
            item, owner = self._control.catalog.get(ref), self._control.catalog.owner(ref)
            is_own = item is not None and owner is not None and owner.source == name
            view = self._surveyor.status(found, item) if item is not None and is_own else None
            if view is not None or ref in mistakes:
                made[name][ref] = _status(version, view, mistakes.get(ref, ()))
        return made

    def _mistakes(self) -> Mapping[ObjectRef, Iterable[Report]]:
        """Return what keeps versions of objects out of the mesh."""
        found: dict[ObjectRef, list[Report]] = defaultdict(list)
        for one in self._control.catalog.reports():
            if one.object is not None and one.severity is Severity.ERROR:
                found[one.object].append(one)
        return found


def _status(version: int, view: StatusView | None, mistakes: Iterable[Report]) -> ObjectStatus:
    if view is None:
        return ObjectStatus(version, compiled=False, mistakes=tuple(mistakes))
    return ObjectStatus(
        version,
        view.compiled,
        view.effective_on,
        view.proxies,
        tuple(mistakes),
        _reports(view.ineffective),
        _reports(view.conflicts),
        _reports(view.risks),
    )


def _reports(views: Iterable[ReportView]) -> tuple[Report, ...]:
    return tuple(one.report() for one in views)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
