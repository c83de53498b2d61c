"""The protocols that Consul's own settings (`service-defaults`) state for services.

Invariant: settings that cannot be read, or that the token hides, keep what was known of them and hold up nothing else.
"""

import asyncio
from typing import Final

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.consul import words
from pidalio.platforms.consul.pacing import LEADERLESS, MOST_FOR_NAMES, Pacing
from pidalio.platforms.consul.questions import Consul
from pidalio.platforms.consul.saying import Saying
from pidalio.platforms.pausing import again_and_again

_PATH: Final = "/v1/config/service-defaults"


class Central:
    """Reads and follows service-defaults; all datacenters have the same, so that one of them is asked."""

    def __init__(self, saying: Saying, datacenter: str) -> None:
        self._saying, self._datacenter = saying, datacenter
        self._protocols: dict[str, str] = {}

    async def begin(self, consul: Consul) -> None:
        """Read them once; what fails is told."""
        try:
            await self._read(consul, 0)
        except PlatformUnavailable as error:
            self._failed(error)

    async def follow(self, consul: Consul) -> None:
        """Follow them until cancelled."""

        async def turn() -> None:
            index, pacing = 0, Pacing(MOST_FOR_NAMES)
            while True:
                former, known = index, self._protocols
                index, has_leader = await self._read(consul, index)
                await self._saying.change()
                wait = pacing.after(moved=index != former, changed=self._protocols != known)
                await asyncio.sleep(wait if has_leader else LEADERLESS)

        await again_and_again(turn, self._failed)

    async def _read(self, consul: Consul, after: int) -> tuple[int, bool]:
        answer = await consul.ask(_PATH, after=after)
        found = words.protocols(answer.body)
        self._protocols = {**self._protocols, **found} if answer.is_filtered else found
        self._saying.directory.speak(self._protocols)
        self._saying.tell("central", self._datacenter)
        return (answer.index if answer.index >= after else 0), answer.has_leader

    def _failed(self, error: PlatformUnavailable) -> None:
        self._saying.tell("central", self._datacenter, "consul-unread", f"service-defaults cannot be read: {error}")
