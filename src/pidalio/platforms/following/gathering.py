"""Changes that come together are one: gathered for a moment, then carried on in the order in which they came.

Invariant: of one slot the last word counts, and no step carries so many that the event loop waits for it.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, Final

from pidalio.platforms.following.judging import Slot

TOGETHER: Final = 200
"""Rows that are compiled in one step."""


class Gathering:
    """Changes that are not live yet; `carry` makes some of them live, `seconds` pass between two steps at least."""

    def __init__(self, carry: Callable[[list[tuple[Slot, Any]]], None], seconds: float) -> None:
        self._carry, self._seconds = carry, seconds
        self._pending: dict[Slot, Any] = {}
        self._next: asyncio.Handle | None = None
        self._last = 0.0

    def put(self, slot: Slot, row: Any) -> None:
        """Take up that a row is different; None removes it."""
        self._pending.pop(slot, None)
        self._pending[slot] = row

    def carry_soon(self) -> None:
        """See to it that what is pending becomes live: at once, unless something did a moment ago."""
        if not self._pending or self._next is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._last + self._seconds - loop.time()
        self._next = loop.call_soon(self._some) if wait <= 0 else loop.call_later(wait, self._some)

    async def carry_all(self) -> None:
        """Make all live that is pending now, a little at a time."""
        for _ in range(0, len(self._pending), TOGETHER):
            if self._next is not None:
                self._next.cancel()
            self._some()
            await asyncio.sleep(0)

    def carry_now(self) -> None:
        """Make all live that is pending, in one step."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        some, self._pending = list(self._pending.items()), {}
        if some:
            self._carry(some)

    def _some(self) -> None:
        """Make some live, and the rest in the next turn of the loop."""
        loop = asyncio.get_running_loop()
        some = list(itertools.islice(self._pending.items(), TOGETHER))
        for slot, _ in some:
            del self._pending[slot]
        self._last = loop.time()
        self._next = loop.call_soon(self._some) if self._pending else None
        if some:
            self._carry(some)
