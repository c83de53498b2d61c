"""The event loop's turns: long work in slices, so that nobody else waits for it.

Invariant: between two turns that are given lie some milliseconds of work at most, however large the whole is.
"""

import asyncio
from collections.abc import Generator
from time import perf_counter
from typing import Final, TypeVar

T = TypeVar("T")

LONGEST: Final = 0.005
"""Seconds of work after which others get their turn."""


class Turns:
    """Counts the time that a piece of work takes, and gives others their turn when it is enough."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._begun = perf_counter()

    async def give(self) -> None:
        """Give others their turn, if it is time: to be called after each small part."""
        if perf_counter() - self._begun > self._longest:
            await asyncio.sleep(0)
            self._begun = perf_counter()


async def stepped(steps: Generator[None, None, T]) -> T:
    """Return what pure work comes to that yields after each small part."""
    turns = Turns()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
        await turns.give()
