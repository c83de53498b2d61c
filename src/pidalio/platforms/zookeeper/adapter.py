"""ZooKeeper followed: a watch on the list of services, on each one's list of instances, and on each instance.

Watches are one-shot: each is set again with the reading that it led to. Invariant: while the connection is lost nothing
expires; when it is back, in the old session or a new one, everything is read anew and compared.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeAlias

from pidalio.errors import PlatformUnavailable
from pidalio.model import Report, Severity
from pidalio.platforms.adapter import Feed, Rows
from pidalio.platforms.ensemble import Ensemble
from pidalio.platforms.offers import Offer, became, offered
from pidalio.platforms.zookeeper.layouts import Member, is_member, member, offer
from pidalio.platforms.zookeeper.settings import ZooKeeperSettings

Known: TypeAlias = dict[str, dict[str, Member]]
"""Instances by service and node."""
_TOGETHER: Final = 64
"""Nodes that are read at the same time."""
_LATE: Final = 2.0
"""Seconds without a connection after which that is told."""
_QUIET: Final = 10.0
"""Seconds without a change after which the connection alone says that what is known is what is there."""
_CONNECT: Final = 15.0
"""Seconds within which a connection must stand."""


class ZooKeeperAdapter:
    """Follows what is below one path."""

    def __init__(self, settings: ZooKeeperSettings) -> None:
        self._settings = settings
        self._known: Known = {}

    async def run(self, feed: Feed) -> None:
        """Follow until cancelled; raise `PlatformUnavailable` when no server answers."""
        settings = self._settings
        woken = asyncio.Event()
        async with Ensemble(
            settings.servers, woken.set, secret=settings.credentials(), timeout=settings.session
        ) as session:
            while True:
                await _connected(feed, session, woken, settings.servers)
                await self._tour(feed, session, woken)
                feed.lost(f"{settings.servers}: the connection is lost")

    async def _tour(self, feed: Feed, session: Ensemble, woken: asyncio.Event) -> None:
        """Follow for as long as the connection stands."""
        times = session.times
        following = asyncio.ensure_future(_Tour(self._settings, self._known, feed, session).follow())
        following.add_done_callback(lambda _: woken.set())
        try:
            while session.is_connected and session.times == times and not following.done():
                woken.clear()
                await woken.wait()
            if following.done() and session.is_connected and session.times == times:
                following.result()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _connected(feed: Feed, session: Ensemble, woken: asyncio.Event, servers: str) -> None:
    """Wait until there is a connection, and say so soon; raise `PlatformUnavailable` when none comes in time."""
    why = f"{servers}: no ZooKeeper answers"
    late = asyncio.get_running_loop().call_later(_LATE, feed.lost, why)
    try:
        async with asyncio.timeout(_CONNECT):
            while not session.is_connected:
                woken.clear()
                await woken.wait()
    except TimeoutError as error:
        raise PlatformUnavailable(why) from error
    finally:
        late.cancel()


class _Tour:
    """The reading of the tree over one connection: everything once, and then what watches point at.

    `known` outlives it. What a watch points at is a service and a node of it: of the list of services both are empty,
    of one's list of instances the node is.
    """

    def __init__(self, settings: ZooKeeperSettings, known: Known, feed: Feed, session: Ensemble) -> None:
        self._settings, self._known, self._feed, self._session = settings, known, feed, session
        self._fired: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._gate = asyncio.Semaphore(_TOGETHER)
        self._wrong: dict[tuple[str, str], Report] = {}

    async def follow(self) -> None:
        """Read everything, then what changes, for ever."""
        found = await self._everything()

        async def again() -> Rows:
            nonlocal found
            found = await self._everything()
            return offered(self._feed.name, self._offers(found, found))

        await self._feed.complete(offered(self._feed.name, self._offers(found, found)), again)
        self._known.clear()
        self._known.update(found)
        while True:
            self._tell()
            await self._take(await self._pointed_at())
            self._feed.heard()

    async def _pointed_at(self) -> set[tuple[str, str]]:
        """Return what watches point at: nothing when none fires for a while, though the connection stands."""
        fired: set[tuple[str, str]] = set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_QUIET):
                fired.add(await self._fired.get())
        while not self._fired.empty():
            fired.add(self._fired.get_nowait())
        return fired

    async def _everything(self) -> Known:
        services = await self._services()
        answers = await asyncio.gather(*(self._members(name, {}) for name in services))
        return {name: members for name, members in zip(services, answers, strict=True) if members is not None}

    async def _take(self, fired: Collection[tuple[str, str]]) -> None:
        """Read again what watches pointed at, and say what is different."""
        now: dict[str, dict[str, Member] | None] = {}
        if ("", "") in fired:
            services = await self._services()
            now.update(dict.fromkeys(self._known.keys() - set(services)))
            for name in set(services) - self._known.keys():
                now[name] = await self._members(name, {})
        for name in {service for service, node in fired if service and not node}:
            now[name] = await self._members(name, self._known.get(name, {}))
        for name, node in sorted((service, node) for service, node in fired if node):
            members = now.get(name, self._known.get(name))
            if members is not None:
                now[name] = await self._renewed(name, node, members)
        before = self._offers(now, self._known)
        for name, members in now.items():
            if members is None:
                self._known.pop(name, None)
            else:
                self._known[name] = members
        rows = became(self._feed.name, before, self._offers(now, self._known))
        if any(rows.values()):
            self._feed.change(rows)

    async def _services(self) -> list[str]:
        found = await self._session.children(self._settings.path, changed=lambda: self._fired.put_nowait(("", "")))
        return found or []

    async def _members(self, service: str, known: Mapping[str, Member]) -> dict[str, Member] | None:
        """Return the instances of a service, None where there is none; those `known` have their watch already."""
        path = f"{self._settings.path}/{service}"
        async with self._gate:
            nodes = await self._session.children(path, changed=lambda: self._fired.put_nowait((service, "")))
        wanted = [node for node in nodes or () if is_member(self._settings.layout, node)]
        for gone in [key for key in self._wrong if key[0] == service and key[1] not in wanted]:
            del self._wrong[gone]
        if nodes is None:
            return None
        fresh = [node for node in wanted if node not in known]
        read = zip(fresh, await asyncio.gather(*(self._member(service, node) for node in fresh)), strict=True)
        stays = {node: known[node] for node in wanted if node in known}
        return {**stays, **{node: one for node, one in read if one is not None}}

    async def _renewed(self, service: str, node: str, members: Mapping[str, Member]) -> dict[str, Member]:
        """Return the instances of a service after one of them was read again."""
        one = await self._member(service, node)
        rest = {name: each for name, each in members.items() if name != node}
        return rest if one is None else {**rest, node: one}

    async def _member(self, service: str, node: str) -> Member | None:
        """Return an instance, what was known of it where it makes no sense now, None where there is none."""
        where = f"{self._settings.path}/{service}/{node}"
        async with self._gate:
            data = await self._session.data(where, changed=lambda: self._fired.put_nowait((service, node)))
        self._wrong.pop((service, node), None)
        if data is None:
            return None
        try:
            return member(self._settings.layout, node, data)
        except ValueError as error:
            message = f"{self._feed.name}: {where}: {error}"
            self._wrong[service, node] = Report(Severity.WARNING, "zookeeper-bad-node", message)
            return self._known.get(service, {}).get(node)

    def _offers(self, names: Iterable[str], known: Mapping[str, Mapping[str, Member]]) -> tuple[Offer, ...]:
        """Return these services, as far as they are known."""
        made = (self._offer(name, known[name]) for name in sorted(names) if name in known)
        return tuple(one for one in made if one)

    def _offer(self, name: str, members: Mapping[str, Member]) -> Offer | None:
        return offer(name, (members[node] for node in sorted(members)), self._settings)

    def _tell(self) -> None:
        self._feed.tell("nodes", *(self._wrong[where] for where in sorted(self._wrong)))
