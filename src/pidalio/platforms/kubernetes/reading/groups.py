"""In which version a server serves a kind, if it does: custom kinds may come and go while we run.

Source: Kubernetes' API discovery.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from pidalio.platforms.kubernetes.messages import Resources
from pidalio.platforms.kubernetes.reading.resources import Resource
from pidalio.platforms.kubernetes.reading.server import Refusal, Server

_FRESH: Final = 5.0
"""Seconds for which an answer serves all kinds of a version."""


class Groups:
    """What a server serves, by group and version."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._known: dict[tuple[str, str], tuple[float, frozenset[str]]] = {}
        self._asking = asyncio.Lock()

    async def version(self, resource: Resource) -> str:
        """Return the best version in which a kind is served, "" where it is not; raise `PlatformUnavailable`."""
        if resource.is_builtin:
            return resource.versions[0]
        for version in resource.versions:
            if resource.plural in await self._served(resource.group, version):
                return version
        return ""

    def forget(self, group: str) -> None:
        """Ask anew at the next time."""
        self._known = {key: known for key, known in self._known.items() if key[0] != group}

    async def _served(self, group: str, version: str) -> frozenset[str]:
        """Return the kinds of a version of a group; none where there is no such version."""
        now: Callable[[], float] = asyncio.get_running_loop().time
        async with self._asking:
            known = self._known.get((group, version))
            if known is None or now() - known[0] > _FRESH:
                known = self._known[group, version] = (now(), await self._ask(group, version))
            return known[1]

    async def _ask(self, group: str, version: str) -> frozenset[str]:
        try:
            answer = await self._server.get(f"/apis/{group}/{version}", Resources)
        except Refusal as error:
            if error.status.code == 404:
                return frozenset()
            raise
        return frozenset(one.name for one in answer.resources)
