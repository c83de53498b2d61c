"""When one of two that claim one address gets it: time, and who is told, around the `Claims` themselves.

Invariant: of two rivals one is live at any moment; one that lost is refused while it goes on trying and the winner is
there, so that they do not take turns.
"""

import asyncio
import logging
from collections.abc import Callable

from pidalio.errors import Conflict
from pidalio.platforms.vm.claims import Claims
from pidalio.platforms.vm.entry import Entry
from pidalio.platforms.vm.held import Times

_log = logging.getLogger(__name__)


class Contests:
    """Contests between instances; `changed` is told of one that may be live now, or not, `lost` of one that must go.

    `is_gone` tells whether nobody hears an instance, `is_known` whether there still is one.
    """

    def __init__(
        self,
        times: Times,
        *,
        changed: Callable[[str], None],
        lost: Callable[[str], None],
        is_gone: Callable[[Entry], bool],
        is_known: Callable[[str], bool],
    ) -> None:
        self.claims = Claims()
        self._times = times
        self._changed, self._lost, self._is_gone, self._is_known = changed, lost, is_gone, is_known
        self._clocks: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def close(self) -> None:
        """Stop the clocks."""
        for clock in self._clocks.values():
            clock.cancel()
        self._clocks.clear()

    def refuse_beaten(self, entry: Entry) -> None:
        """Raise `Conflict` for an instance that lost its address to another that is still there."""
        if (winner := self.claims.beaten.get(entry.id)) is not None:
            self._forget_later(entry.id)
            raise Conflict(f"{entry.workload.address} is claimed by {winner}, which came later: stop one of them")

    def settle(self, entry: Entry, former: Entry | None) -> None:
        """Compare an instance that is new, or was `former`, with those that claim what it claims."""
        if former is not None and _place(former) == _place(entry):
            return
        for rival in self.claims.rivals(entry):
            older, newer = sorted((rival, entry), key=lambda one: (one.connected_at, one.id))
            _log.warning("%s claims the address of %s", newer.id, older.id)
            if self._is_gone(older):
                self._beat(older.id, newer.id)
            elif older.id not in self.claims.waiting:
                self.claims.waiting[newer.id] = older.id
                self._changed(newer.id)
                self._later((older.id, newer.id), self._times.grace, lambda pair: self._judge(*pair))

    def ended(self, identity: str) -> None:
        """Give the address of one that is heard no more to the one that waits for it."""
        for newer, older in tuple(self.claims.waiting.items()):
            if older == identity:
                self._judge(older, newer)

    def _judge(self, older: str, newer: str) -> None:
        """Give the address to the newer of two, when both are still there."""
        if self.claims.waiting.get(newer) == older:
            self._beat(older, newer)

    def _beat(self, loser: str, winner: str) -> None:
        self.claims.waiting.pop(winner, None)
        self.claims.beaten[loser] = winner
        self._changed(loser)
        self._changed(winner)
        self._forget_later(loser)
        self._lost(loser)

    def _forget_later(self, loser: str) -> None:
        """Let one that lost count as new when it was not heard for a while."""
        self._later((loser, ""), self._times.window, lambda pair: self._forget(pair[0]))

    def _forget(self, loser: str) -> None:
        if not self._is_known(loser):
            self.claims.beaten.pop(loser, None)
        elif loser in self.claims.beaten:
            self._forget_later(loser)

    def _later(self, what: tuple[str, str], seconds: float, do: Callable[[tuple[str, str]], None]) -> None:
        if (former := self._clocks.pop(what, None)) is not None:
            former.cancel()

        def act() -> None:
            del self._clocks[what]
            do(what)

        self._clocks[what] = asyncio.get_running_loop().call_later(seconds, act)


def _place(entry: Entry) -> tuple[object, ...]:
    row = entry.workload
    return row.address, row.network, row.ports, row.named_ports, row.moved_ports
