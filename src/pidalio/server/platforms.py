"""The platforms of a control plane: which are followed, how they are started, what they tell.

Invariant: proxies are served only when each platform was read once, or has had its time; what an earlier process knew
of it is live by then. One platform that cannot be followed touches nothing of the others.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from pidalio.api.load import Loaded
from pidalio.http.wire import PlatformView, ReportView
from pidalio.model import Report
from pidalio.platforms.following import Clashes, Follower, Standing
from pidalio.platforms.following.follower import Pace
from pidalio.platforms.informing import Informed
from pidalio.platforms.installed import Configured, check_names
from pidalio.server.control_plane import Applied, ControlPlane

_FOLDER: Final = "platforms"
_Rows: TypeAlias = Mapping[Any, Mapping[Any, Any]]


class Taking:
    """The control plane as followers see it."""

    def __init__(self, control: ControlPlane, changed: Callable[[Applied], None]) -> None:
        self._control, self._changed = control, changed

    def feed(self, source: str, rows: Mapping[Any, Mapping[Any, Any]]) -> int:
        """Take over changed rows; return the generation."""
        return self._control.feed(source, rows)

    def fed(self, source: str) -> Mapping[Any, Any]:
        """Return what is live of a source."""
        return self._control.catalog.fed(source)

    def believes(self, source: str, before: int, after: int, rows: Callable[[], _Rows]) -> bool:
        """Tell whether so many healthy instances may become so few; else all that a source has is held back."""
        return self._control.weigh(source, before, after, rows)

    def hold(self, source: str, rows: Callable[[], _Rows], message: str) -> None:
        """Hold all that a source has back."""
        self._control.hold(source, rows, message)

    def holds_back(self, source: str) -> bool:
        """Tell whether something of a source is held back."""
        return self._control.guard.held(source) is not None

    async def take_objects(self, source: str, units: Mapping[str, Loaded | None]) -> None:
        """Take over rule objects, and tell what became of them."""
        self._changed(await self._control.replace_units(source, units, author=source, believed=True))


class Platforms:
    """Every platform that is followed, in the order in which they were configured.

    `informed` are the adapters that want to be told what became of their objects, by the platform's name.
    """

    def __init__(
        self,
        control: ControlPlane,
        configured: Sequence[Configured],
        folder: Path,
        changed: Callable[[Applied], None],
        pace: Pace = Pace(),  # noqa: B008 - frozen
    ) -> None:
        check_names(tuple(configured))
        mesh = Taking(control, changed)
        self._clashes = Clashes(control.world, [one.name for one in configured])
        control.watchers.append(self._clashes.look)
        adapters = {one.name: one.adapter() for one in configured}
        self.informed = {name: one for name, one in adapters.items() if isinstance(one, Informed)}
        self.followers = tuple(
            Follower(
                one.name,
                one.kind.name,
                adapters[one.name],
                mesh,
                rank=rank,
                pace=pace,
                file=folder / _FOLDER / f"{re.sub('[^a-z0-9-]', '-', one.name)}.jsonl",
            )
            for rank, one in enumerate(configured, 1)
        )
        self._folder = folder / _FOLDER

    async def start(self, stack: contextlib.AsyncExitStack, seconds: float) -> None:
        """Follow all until the stack is closed; wait until each was read once, at most so many `seconds`."""
        if not self.followers:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for one in self.followers:
            await one.restore()
        tasks = [asyncio.create_task(one.run(), name=f"platform {one.name}") for one in self.followers]
        stack.push_async_callback(_cancelled, tasks)
        waiting = [asyncio.ensure_future(one.wait_ready()) for one in self.followers]
        _, late = await asyncio.wait(waiting, timeout=seconds)
        await _cancelled(late)

    def tell(self, platform: str, topic: str, *reports: Report) -> None:
        """Make `reports` all that stands to be told about `topic` of a platform."""
        for one in self.followers:
            if one.name == platform:
                one.tell(topic, *reports)

    def views(self) -> Iterable[PlatformView]:
        """Yield how each platform is."""
        return (_view(one.standing(), self._clashes.reports(one.name)) for one in self.followers)

    def reports(self) -> Iterable[Report]:
        """Yield what there is to tell of platforms."""
        for one in self.followers:
            yield from one.reports()
            yield from self._clashes.reports(one.name)


def _view(one: Standing, clashes: Iterable[Report]) -> PlatformView:
    return PlatformView(
        one.name,
        objects=one.objects,
        instances=one.instances,
        kind=one.kind,
        state=one.state,
        services=one.services,
        heard=one.heard or None,
        synced=one.synced or None,
        error=one.error,
        reports=tuple(map(ReportView.of, (*one.reports, *clashes))),
    )


async def _cancelled(tasks: Iterable[asyncio.Future[None]]) -> None:
    every = list(tasks)
    for task in every:
        task.cancel()
    await asyncio.gather(*every, return_exceptions=True)
