"""How long an adapter waits before it asks its platform again.

Full jitter, so that many who lost one server do not come back together; a minute of health starts anew; what a
platform says itself (Retry-After) counts, and where it refuses for good (no permission) there is no storm.
Source: "Exponential Backoff And Jitter" (AWS Architecture Blog); design record 0020.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from pidalio.errors import PlatformUnavailable

FIRST: Final = 0.2
MOST: Final = 30.0
LASTING: Final = 60.0
"""Seconds: the first bound of a pause, the last one, and the time of health after which the first holds again."""


class Pause:
    """The pauses between the failures of one stream."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self.failures = 0
        self._jitter = jitter

    def after(self, ran: float, error: PlatformUnavailable) -> float:
        """Return the seconds to wait after a run of `ran` seconds that ended with `error`."""
        if ran >= LASTING:
            self.failures = 0
        bound = MOST if error.is_lasting else min(MOST, FIRST * 2.0 ** min(self.failures, 30))
        self.failures += 1
        part = 0.5 + self._jitter() / 2 if error.is_lasting else self._jitter()
        return max(error.retry_after, bound * part)


async def again_and_again(
    turn: Callable[[], Awaitable[None]],
    failed: Callable[[PlatformUnavailable], None],
    pause: Pause | None = None,
) -> None:
    """Run `turn` for ever; after each `PlatformUnavailable`, tell `failed` and wait. One that returns is run at once.

    For the streams of an adapter that has several: the adapter's own `run` is treated so already.
    """
    pause = pause or Pause()
    now = asyncio.get_running_loop().time
    while True:
        begun = now()
        try:
            await turn()
            await asyncio.sleep(0)
        except PlatformUnavailable as error:
            failed(error)
            await asyncio.sleep(pause.after(now() - begun, error))
