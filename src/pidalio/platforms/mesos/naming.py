"""Addresses of hosts that are known by name only: looked up, remembered for a while, and kept when DNS fails.

Envoy calls addresses; where the master tells an agent's address nothing has to be looked up.
"""

import asyncio
import socket
from collections.abc import Collection, Iterable
from typing import Final

REMEMBERED: Final = 60.0
_ANSWER: Final = 5.0
_TOGETHER: Final = 16


class Names:
    """Looks names up; `addresses` are those that were found last."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self._asked: dict[str, float] = {}
        self._gate = asyncio.Semaphore(_TOGETHER)

    async def look_up(self, names: Iterable[str]) -> None:
        """Find the addresses of `names`, but for those that were asked for a short while ago."""
        loop = asyncio.get_running_loop()
        due = [name for name in names if loop.time() - self._asked.get(name, -REMEMBERED) >= REMEMBERED]
        await asyncio.gather(*map(self._look_up, due))

    def forget_others(self, names: Collection[str]) -> None:
        """Forget what is none of `names`."""
        for known in (self.addresses, self.failed, self._asked):
            for name in known.keys() - names:
                del known[name]

    async def _look_up(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        self._asked[name] = loop.time()
        try:
            async with self._gate, asyncio.timeout(_ANSWER):
                found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except TimeoutError:
            self.failed[name] = "no answer"
        except (OSError, UnicodeError) as error:
            self.failed[name] = str(getattr(error, "strerror", "")) or "no such name"
        else:
            self.addresses[name] = str(min(found, key=lambda one: one[0])[4][0])
            self.failed.pop(name, None)
