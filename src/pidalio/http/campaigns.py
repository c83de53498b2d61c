"""Fault campaigns: each runs for its time and not longer, whoever forgets it.

Three things end one: its time, a stop, and the end of this process. What is on disk is for telling only: no campaign
goes on after a restart, for whoever watched it may be gone. Envoys drop what is not renewed by themselves
(design record 0018).
Invariant: the store has exactly the campaigns that run.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from pidalio.errors import Conflict, NotFound, UsageError
from pidalio.http.fault_bodies import FaultOrder, FaultView
from pidalio.http.fault_orders import campaign_of
from pidalio.http.mesh import Mesh
from pidalio.http.recent import Concerned
from pidalio.http.tallies import Tallies
from pidalio.model import Report, Severity, Tally
from pidalio.store import tables
from pidalio.store.campaigns import Campaign
from pidalio.xds.typeurls import ROUTE, RUNTIME, VIRTUAL_HOST

SOURCE: Final = "faults"
MOST: Final = 20
"""How many may run at the same time."""
_KEPT: Final = 50
_MOST_TALLIES: Final = 50
_MOST_COUNTS: Final = 2_000
_AFTERWARDS: Final = 60.0
_ROUTES: Final = {ROUTE, VIRTUAL_HOST}
_log = logging.getLogger(__name__)


class Campaigns:
    """Every campaign; `file` is where they are told of after a restart (None: nowhere)."""

    def __init__(self, mesh: Mesh, file: Path | None = None, *, epoch: Callable[[], float] = time.time) -> None:
        self._mesh, self._file, self._epoch = mesh, file, epoch
        self.tallies = Tallies(epoch=epoch)
        self._running: dict[str, FaultView] = {}
        self._over: list[FaultView] = []
        self._ends: dict[str, asyncio.TimerHandle] = {}

    def restore(self) -> None:
        """Take over what an earlier process told of; what ran then is over now."""
        if self._file is None or not self._file.exists():
            return
        try:
            found = msgspec.json.decode(self._file.read_bytes(), type=list[FaultView])
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("%s: earlier fault campaigns are not told of: %s", self._file, error)
            return
        self._over = [self._ended(one, "the control plane ended") if one.running else one for one in found]
        self._keep()

    def foresee(self, order: FaultOrder) -> tuple[FaultView, Concerned]:
        """Return the campaign as it would start, and the resources that it changes; raise as `start` does."""
        return self._planned(self._checked(order), order)

    def start(self, order: FaultOrder) -> tuple[FaultView, Concerned]:
        """Start a campaign; raise `UsageError` or `NotFound` for what makes no sense, `Conflict` with another one."""
        row = self._checked(order)
        view, concerned = self._planned(row, order)
        if not self._running:  # what was counted for those that are over is summed up, and may go
            self._over = [self._with_effect(one) for one in self._over]
            self.tallies.forget()
        self._mesh.feed(SOURCE, {tables.CAMPAIGNS: {order.name: row}})
        self._running[order.name] = view
        loop = asyncio.get_running_loop()
        self._ends[order.name] = loop.call_later(order.duration, self._end, order.name, "its time was over")
        self._keep()
        return view, concerned

    def stop(self, name: str, author: str = "") -> tuple[FaultView, Concerned]:
        """End a campaign at once; raise `NotFound` when none of the name runs."""
        if name not in self._running:
            names = ", ".join(sorted(self._running)) or "none"
            raise NotFound(f"no fault campaign {name} runs; there are: {names}")
        concerned = self._mesh.foresee(SOURCE, {tables.CAMPAIGNS: {name: None}})
        return self._end(name, f"stopped by {author}" if author else "stopped"), concerned

    def all(self) -> tuple[FaultView, ...]:
        """Return the campaigns that run, then those that are over, the newest first."""
        return tuple(map(self._with_effect, (*reversed(self._running.values()), *reversed(self._over))))

    def counted(self, proxy: str, tallies: Sequence[Tally]) -> int:
        """Take note of what a proxy counted, if a campaign that runs or has just ended concerns it; return of how many.

        Raise `UsageError` for more than an agent has to tell.
        """
        if len(tallies) > _MOST_TALLIES or any(len(one.hosts) + len(one.times) > _MOST_COUNTS for one in tallies):
            raise UsageError(f"at most {_MOST_TALLIES} tallies of {_MOST_COUNTS} counts are taken at a time")
        since = self._epoch() - _AFTERWARDS
        lately = (one for one in self._over if one.ended is not None and one.ended >= since)
        if not any(proxy in one.proxies for one in (*self._running.values(), *lately)):
            return 0
        self.tallies.tell(proxy, tallies)
        return len(tallies)

    def close(self) -> None:
        """Stop the clocks; what ran is over with this process."""
        for end in self._ends.values():
            end.cancel()
        self._ends.clear()
        self._over += [self._ended(one, "the control plane was stopped") for one in self._running.values()]
        self._running.clear()
        self._keep()

    def reports(self) -> Iterable[Report]:
        """Yield that a campaign runs: nobody should look for a cause elsewhere."""
        for one in self._running.values():
            message = f"fault campaign {one.order.name} runs: {one.order.faults} to {one.host}"
            yield Report(
                Severity.INFO, "fault-campaign", f"{message}; end it with `pidalio fault stop {one.order.name}`"
            )

    def _checked(self, order: FaultOrder) -> Campaign:
        row = campaign_of(self._mesh, order)
        if order.name in self._running:
            raise Conflict(f"fault campaign {order.name} runs already: stop it first, or say another name")
        if len(self._running) >= MOST:
            raise Conflict(f"{MOST} fault campaigns run already: stop one first")
        for name in self._running:
            other = tables.CAMPAIGNS.get(self._mesh.world, name)
            if other is not None and row.overlaps(other):
                raise Conflict(f"fault campaign {name} is about requests to {row.host} too: stop it first")
        return row

    def _planned(self, row: Campaign, order: FaultOrder) -> tuple[FaultView, Concerned]:
        concerned = self._mesh.foresee(SOURCE, {tables.CAMPAIGNS: {order.name: row}})
        # A proxy that is lent shares and has no route to the host, as many a gateway, has nothing to inject them into.
        # One that was connected lately may be among those that a change concerns.
        found = {one: concerned[one].keys() for one in concerned.keys() & self._mesh.proxies().keys()}
        lent = tuple(sorted(one for one, held in found.items() if RUNTIME in held and held & _ROUTES))
        now = self._epoch()
        return FaultView(order, row.host, now, now + order.duration, lent), concerned

    def _end(self, name: str, why: str) -> FaultView:
        self._ends.pop(name).cancel()
        over = self._ended(self._running.pop(name), why)
        self._over.append(over)
        self._mesh.feed(SOURCE, {tables.CAMPAIGNS: {name: None}})
        _log.info("fault campaign %s is over: %s", name, why)
        self._keep()
        return over

    def _ended(self, view: FaultView, why: str) -> FaultView:
        return self._with_effect(msgspec.structs.replace(view, ended=self._epoch(), why=why))

    def _with_effect(self, view: FaultView) -> FaultView:
        """Return the campaign with what is known of its effect, now or, where that is forgotten, before."""
        return msgspec.structs.replace(view, effect=self.tallies.effect(view) or view.effect)

    def _keep(self) -> None:
        """Write what is to be told in one step; a full disk is logged, for campaigns must end all the same."""
        self._over = self._over[-_KEPT:]
        if self._file is None:
            return
        draft = self._file.with_name(self._file.name + ".new")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode([*self._over, *self._running.values()]))
            draft.replace(self._file)
        except OSError as error:
            _log.warning("%s: fault campaigns are not written down: %s", self._file, error)
