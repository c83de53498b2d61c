"""Eureka has no watch: the adapter asks for what changed lately, and proves by a hash that it missed nothing.

A delta holds the changes of the last three minutes; applied to what is known it must give the registry's own hash code,
else everything is read anew. The hash counts states and no names, so everything is read anew now and then, too.
Invariants: nothing older than what is known counts; one server is kept while it answers, for servers disagree; another
one's answer is a new beginning.
"""

import asyncio
from typing import Final

import aiohttp

from pidalio.errors import PlatformUnavailable
from pidalio.model import Report, Severity
from pidalio.platforms import asking
from pidalio.platforms.adapter import Feed, Rows
from pidalio.platforms.eureka.mapping import offers
from pidalio.platforms.eureka.registry import Answer, Instance, Key, Known, answer, hash_of
from pidalio.platforms.eureka.settings import EurekaSettings
from pidalio.platforms.offers import Offer, became, offered
from pidalio.store import tables

_NO_DELTA: Final = (403, 404)
"""The answers of a server whose deltas are switched off."""


class EurekaAdapter:
    """Follows one registry."""

    def __init__(self, settings: EurekaSettings) -> None:
        self._settings = settings
        self._server = 0
        self._known = Known()
        self._offers: tuple[Offer, ...] = ()
        self._delta = True

    async def run(self, feed: Feed) -> None:
        """Follow until cancelled; raise `PlatformUnavailable` when no server answers."""
        async with asking.session(self._settings.tls(), silence=self._settings.silence, connections=2) as client:
            now = asyncio.get_running_loop().time
            while True:
                await self._read_all(feed, client)
                due, is_known = now() + self._settings.reconcile, True
                while is_known and now() < due:
                    await asyncio.sleep(self._settings.interval)
                    is_known = await self._read_delta(feed, client)

    async def _read_all(self, feed: Feed, client: aiohttp.ClientSession) -> None:
        """Read the whole registry, and say so."""
        before = max(len(self._known.instances), _instances_in(feed.known()))
        found = await self._instances(feed, client)

        async def again() -> Rows:
            nonlocal found
            found = await self._settled(feed, client, before)
            return offered(feed.name, offers(found.values(), self._settings))

        await feed.complete(offered(feed.name, offers(found.values(), self._settings)), again)
        self._known, self._offers = self._known.replaced(found), offers(found.values(), self._settings)

    async def _settled(self, feed: Feed, client: aiohttp.ClientSession, before: int) -> dict[Key, Instance]:
        """Read until most of what was known is there again, or its time is over."""
        now = asyncio.get_running_loop().time
        end = now() + self._settings.settle
        while True:
            found = await self._instances(feed, client)
            if 2 * len(found) >= before or now() >= end:
                return found
            await asyncio.sleep(min(self._settings.interval, max(end - now(), 0.0)))

    async def _instances(self, feed: Feed, client: aiohttp.ClientSession) -> dict[Key, Instance]:
        """Return the whole registry, of the first server that answers; one that cannot be read stays as it was."""
        found = await self._ask_any(client, "/apps")
        self._tell(feed, found)
        known = self._known.instances
        kept = {one.key: known[one.key] for one in found.malformed if one.key in known}
        return {**kept, **{one.key: one for _, one in found.entries}}

    async def _read_delta(self, feed: Feed, client: aiohttp.ClientSession) -> bool:
        """Take over what changed lately; tell whether what is known now is what the server knows."""
        if not self._delta:
            return False
        try:
            delta = await self._ask(client, "/apps/delta")
        except _Missing:
            self._delta = False
            return False
        except PlatformUnavailable:
            return False  # whether it is gone, the question for everything will tell
        now = self._known.after(delta)
        if delta.malformed or hash_of(now.instances.values()) != delta.hash:
            return False
        former = self._offers
        self._known, self._offers = now, offers(now.instances.values(), self._settings)
        if former != self._offers:
            feed.change(became(feed.name, former, self._offers))
        feed.heard()
        return True

    def _tell(self, feed: Feed, found: Answer) -> None:
        reports = [
            Report(Severity.WARNING, "eureka-bad-instance", f"{feed.name}: {one.key[0]} {one.key[1]}: {one.why}")
            for one in found.malformed
        ]
        feed.tell("instances", *reports)

    async def _ask_any(self, client: aiohttp.ClientSession, path: str) -> Answer:
        """Ask the server that answered last, then the others."""
        failed: PlatformUnavailable | None = None
        for _ in self._settings.addresses():
            try:
                return await self._ask(client, path)
            except PlatformUnavailable as error:
                failed = failed or error
                self._server = (self._server + 1) % len(self._settings.addresses())
                self._known = Known(self._known.instances)
                self._delta = True
        raise failed or PlatformUnavailable("no address of a server is stated")

    async def _ask(self, client: aiohttp.ClientSession, path: str) -> Answer:
        """Ask the present server; raise `PlatformUnavailable`, or `_Missing` where it has no such thing."""
        url = self._settings.addresses()[self._server] + path
        headers = {"Accept": "application/json"}
        if secret := self._settings.secret():
            headers["Authorization"] = f"Bearer {secret}"
        async with asking.asked(
            client, "GET", url, headers=headers, accepts=lambda status: status == 200 or status in _NO_DELTA
        ) as got:
            if got.status in _NO_DELTA:
                refused = await asking.refusal(got)
                # 403 is also a server's word that it still learns the registry from its peers: asked again soon.
                raise _Missing(str(refused), is_lasting=got.status != 403)
            body = await asking.read(got)
        return await asyncio.to_thread(answer, body)


class _Missing(PlatformUnavailable):
    """The server says that there is no such thing, or not for us, or not yet."""


def _instances_in(rows: Rows) -> int:
    """Return how many instances rows show: what an earlier process knew, after a start."""
    return len({one.workload for row in rows.get(tables.ENDPOINTS, {}).values() for one in row})
