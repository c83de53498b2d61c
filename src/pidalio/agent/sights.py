"""Tell a control plane behind HTTP what this Envoy took out of its own pools, and renew it while there is anything.

The other side of `http.observations`, used by `pidalio agent`.
Invariant: the last word wins; a control plane that is away is told when it is back, and nothing here waits for it.
"""

import asyncio
import contextlib

from pidalio.errors import PidalioError
from pidalio.http.client import Client
from pidalio.model import Sight


class SightTeller:
    """What one Envoy sees, told through `client`."""

    def __init__(self, client: Client, proxy: str, *, lease_seconds: float = 30) -> None:
        self._client, self._proxy, self._lease = client, proxy, lease_seconds
        self._sights: tuple[Sight, ...] = ()
        self._changed = asyncio.Event()
        self._untold = False

    async def seen(self, sights: tuple[Sight, ...]) -> None:
        """Take over what is seen now; it is told as soon as it can be."""
        self._sights, self._untold = sights, True
        self._changed.set()

    async def run(self) -> None:
        """Tell what changed at once, and all of it again before its lease ends, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._lease / 3):
                    await self._changed.wait()
            self._changed.clear()
            if self._untold or self._sights:
                with contextlib.suppress(PidalioError):  # away, or older than this operation: told again later
                    await self._client.sights(self._proxy, self._sights, self._lease)
                    self._untold = False
