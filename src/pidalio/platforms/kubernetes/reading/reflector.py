"""One resource of an API server, followed for ever: listed in pages, then watched from the version that was listed.

Invariants: nothing is removed but by a complete list, a DELETED event, or the server's word that there is no such kind;
a stream that ends is resumed where it was; one whose past is gone (410) is listed anew.
Bookmarks move the version on and are no heartbeat: each watch is to end by itself after some minutes, and a connection
that says nothing for longer is dead. A watch without even a bookmark says nothing of our version: a server that went
back (a restored backup) lets one wait for a version that is still to come, and what changes till then is not said.
So what follows it is a list. Source of the rules: Kubernetes' "API Concepts"; design record 0020.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.kubernetes.messages import Event, Head, Metadata, Status, decoded
from pidalio.platforms.kubernetes.reading.groups import Groups
from pidalio.platforms.kubernetes.reading.resources import Resource
from pidalio.platforms.kubernetes.reading.server import Refusal, Server, told
from pidalio.platforms.turns import Turns

Key: TypeAlias = tuple[str, str]
"""Namespace and name."""
Items: TypeAlias = dict[Key, Any]

_LIMIT: Final = 500
_SECONDS: Final = (240, 300)
"""How long a watch is asked to last, at least and at most."""
_FAILURES: Final = 3
"""So often in a row a server may fail, or say that it has not come to our version yet, before it is listed anew."""
_ABSENT: Final = 30.0
_SURE: Final = 1.0
"""Seconds until a kind that is not there is looked for again; and before that is believed at all."""
_SILENT: Final = 120.0
"""So long a watch may last without a bookmark (they come each minute, and at the end) before it says nothing."""
_SHORTEST: Final = 1.0
"""Seconds that a watch takes at least, with the pause after one that ended at once."""


class Mirror(Protocol):
    """What a resource is handed to."""

    async def prepare(self) -> None:
        """Wait, before all is read, for what it needs; not for ever."""

    def read(self, item: msgspec.Raw) -> tuple[Metadata, Any]:
        """Return an object as it is kept; None for one that is not wanted. Raise `ValueError` for one that is wrong."""

    def refuse(self, key: Key, why: str) -> Any:
        """Take note that an object cannot be read, and return what is kept of it instead; None for nothing."""

    async def replace(self, items: Items, again: Callable[[], Awaitable[Items]], /) -> None:
        """Take over all that there is, None for what is not wanted or cannot be read; `again` reads once more."""

    def put(self, key: Key, item: Any) -> None:
        """Take over one object; None removes it."""


class Hears(Protocol):
    """Who is told how a stream goes."""

    def follows(self, stream: "Reflector") -> None:
        """Note that the stream is up to date and goes on."""

    def went_back(self, stream: "Reflector", former: int, now: int) -> None:
        """Note that the server's versions are lower than they were (0, 0: no more)."""


class Reflector:
    """Follows one resource, in one namespace or everywhere."""

    def __init__(
        self,
        server: Server,
        groups: Groups,
        resource: Resource,
        mirror: Mirror,
        hears: Hears,
        *,
        namespace: str = "",
        labels: str = "",
    ) -> None:
        self.resource, self.namespace = resource, namespace
        self._server, self._groups, self._mirror, self._hears = server, groups, mirror, hears
        self._version = ""
        self._highest = 0
        self._failures = 0
        self._is_heard = False
        stated = {"fieldSelector": resource.fields, "labelSelector": labels}
        self._params = {name: value for name, value in stated.items() if value}

    def __str__(self) -> str:
        return f"{self.resource.said} of {self.namespace}" if self.namespace else self.resource.said

    async def turn(self) -> None:
        """Follow until something fails; raise `PlatformUnavailable`. To be called again and again."""
        version = await self._groups.version(self.resource)
        if not version:
            await self._absent()
            return
        path = self.resource.path(version, self.namespace)
        try:
            while True:
                if not self._version:
                    await self._list(path)
                await self._watch(path)
        except Refusal as error:
            self._judge(error.status)
            raise
        except PlatformUnavailable as error:
            if isinstance(error.__cause__, ValueError):  # what cannot be read would come again
                self._version = ""
            raise
        except ValueError as error:
            self._version = ""
            raise PlatformUnavailable(f"{path}: {error}") from error

    async def _absent(self) -> None:
        """Take it that there is none of a kind that the server does not know, when it says so twice."""
        self._hears.follows(self)
        await asyncio.sleep(_SURE)
        self._groups.forget(self.resource.group)
        if await self._groups.version(self.resource):
            return
        self._version = ""

        async def nothing() -> Items:
            return {}

        await self._mirror.replace({}, nothing)
        await asyncio.sleep(_ABSENT * (0.9 + random.random() / 10))  # noqa: S311 - no secret

    async def _list(self, path: str) -> None:
        await self._mirror.prepare()
        items, version = await self._all(path)

        async def again() -> Items:
            nonlocal version
            later, version = await self._all(path)
            return later

        await self._mirror.replace(items, again)
        number = int(version) if version.isdigit() else 0
        if number < self._highest:
            self._hears.went_back(self, self._highest, number)
        else:
            self._hears.went_back(self, 0, 0)
        self._version, self._highest = version, number
        self._hears.follows(self)

    async def _all(self, path: str) -> tuple[Items, str]:
        """Return all objects, and their version; where pages grow old while they are read, without pages."""
        for limit in (_LIMIT, _LIMIT, 0):
            try:
                return await self._pages(path, limit)
            except Refusal as error:
                if error.status.code != 410 or not limit:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _pages(self, path: str, limit: int) -> tuple[Items, str]:
        items: Items = {}
        turns = Turns()
        following = ""
        while True:
            page = await self._server.page(path, self._params, limit, following)
            for one in page.items or ():
                metadata, item = self._read(one)
                items[metadata.namespace, metadata.name] = item
                await turns.give()
            following = page.metadata.continue_
            if not following:
                return items, page.metadata.resource_version

    async def _watch(self, path: str) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        seconds = random.randint(*_SECONDS)  # noqa: S311 - no secret
        events = self._server.watch(path, self._params, self._version, seconds)
        self._is_heard = False
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    self._take(event, path)
        finally:
            if not self._is_heard and clock() - begun >= _SILENT:
                self._version = ""
        if clock() - begun < _SHORTEST:
            await asyncio.sleep(_SHORTEST * (0.5 + random.random()))  # noqa: S311 - no secret

    def _take(self, event: Event, path: str) -> None:
        if event.type == "OPEN":
            self._hears.follows(self)
        elif event.type == "ERROR":
            status = decoded(event.object, Status)
            raise Refusal(status, told(path, status))
        elif event.type == "BOOKMARK":
            self._move(decoded(event.object, Head).metadata)
        else:
            self._failures = 0
            self._move(self._change(event))

    def _change(self, event: Event) -> Metadata:
        if event.type == "DELETED":
            metadata, item = decoded(event.object, Head).metadata, None
        else:
            metadata, item = self._read(event.object)
        self._mirror.put((metadata.namespace, metadata.name), item)
        return metadata

    def _read(self, raw: msgspec.Raw) -> tuple[Metadata, Any]:
        """Return an object; of one that is wrong, what was known of it."""
        try:
            return self._mirror.read(raw)
        except ValueError as error:
            metadata = decoded(raw, Head).metadata
            return metadata, self._mirror.refuse((metadata.namespace, metadata.name), str(error))

    def _move(self, metadata: Metadata) -> None:
        self._is_heard = True
        if metadata.resource_version:
            self._version = metadata.resource_version
            if self._version.isdigit():
                self._highest = int(self._version)

    def _judge(self, status: Status) -> None:
        """Decide where to go on after a refusal: where we were, or from the beginning."""
        if status.code == 404:
            self._groups.forget(self.resource.group)
        causes = {one.reason for one in status.details.causes}
        if "ResourceVersionTooLarge" in causes or status.code in (429, 500, 502, 503, 504):
            self._failures += 1
            if self._failures <= _FAILURES:
                return
        self._failures = 0
        self._version = ""
