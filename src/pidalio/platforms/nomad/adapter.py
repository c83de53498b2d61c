"""Nomad followed: the event stream is opened first, then everything is read, so that no change falls between.

A stream begins with the last events before it; those that the answers know already are passed over by their index.
Everything is read anew after each connection and now and then. Invariant: what an event says of one instance is taken
over at once, also its end, for ports are used again; only while everything is read it waits, for it is newer.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import aiohttp
import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.model import Report, Severity
from pidalio.platforms import asking
from pidalio.platforms.adapter import Feed, Rows
from pidalio.platforms.nomad.mapping import Key, Node, Registration, fault_of, offers
from pidalio.platforms.nomad.settings import NomadSettings
from pidalio.platforms.nomad.stream import Event, NodeSeen, Registered, Unread, events
from pidalio.platforms.offers import Offer, became, offered
from pidalio.platforms.together import until_one_ends

_TOGETHER: Final = 10
"""Questions that are asked at the same time."""
Service: TypeAlias = tuple[str, str]
"""Namespace and name of a service in Nomad."""


class _Listed(msgspec.Struct, rename="pascal"):
    """Services of one namespace, as `/v1/services` names them."""

    namespace: str
    services: list[dict[str, Any]]


class _Check(msgspec.Struct, rename="pascal"):
    """One check of an allocation; one that is `pending` did not succeed yet."""

    service: str = ""
    status: str = ""


class NomadAdapter:
    """Follows one region."""

    def __init__(self, settings: NomadSettings) -> None:
        self._settings = settings
        self._base = settings.address.rstrip("/")
        self._known: dict[Key, Registration] = {}
        self._nodes: dict[str, Node] = {}
        self._failing: frozenset[tuple[str, str]] = frozenset()
        self._offers: dict[Service, Offer] = {}
        self._wrong: dict[str, str] = {}
        self._index = self._index_of_nodes = 0
        self._sees_nodes = False
        self._reading = asyncio.Lock()

    async def run(self, feed: Feed) -> None:
        """Follow until cancelled; raise `PlatformUnavailable` when Nomad is gone."""
        settings = self._settings
        async with (
            asking.session(settings.tls(), silence=settings.silence, connections=2 * _TOGETHER) as client,
            self._stream(feed, client) as stream,
        ):
            await self._read_all(feed, client)
            parts: list[Coroutine[Any, Any, None]] = [
                self._follow(feed, stream),
                _repeated(settings.reconcile, lambda: self._read_all(feed, client)),
            ]
            if settings.checks:
                parts.append(_repeated(settings.check_interval, lambda: self._read_checks(feed, client)))
            await until_one_ends(*parts)

    @contextlib.asynccontextmanager
    async def _stream(self, feed: Feed, client: aiohttp.ClientSession) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the event stream: without nodes, which is told, where the token may not see them."""
        nodes = self._sees_nodes = await self._read_nodes(feed, client)
        query = [("namespace", self._settings.among), ("topic", "Service:*"), *([("topic", "Node:*")] * nodes)]
        params = "&".join(f"{name}={quote(value)}" for name, value in query)
        async with asking.asked(
            client, "GET", f"{self._base}/v1/event/stream?{params}", headers=self._headers()
        ) as got:
            yield got

    async def _read_nodes(self, feed: Feed, client: aiohttp.ClientSession) -> bool:
        """Read all nodes; tell whether the token may."""
        try:
            nodes, self._index_of_nodes = await self._ask(client, "/v1/nodes", list[Node])
        except PlatformUnavailable as error:
            if not error.is_lasting:
                raise
            message = f"{feed.name}: the states and zones of nodes are unknown: {error}"
            feed.tell("nodes", Report(Severity.WARNING, "nomad-no-nodes", message))
            self._nodes = {}
            return False
        feed.tell("nodes")
        self._nodes = {one.id: one for one in nodes}
        return True

    async def _read_all(self, feed: Feed, client: aiohttp.ClientSession) -> None:
        """Read every node and registration, and say so."""
        async with self._reading:
            if self._sees_nodes:
                await self._read_nodes(feed, client)
            found, index = await self._registrations(feed, client)

            async def again() -> Rows:
                nonlocal found, index
                found, index = await self._registrations(feed, client, consistent=True)
                return offered(feed.name, self._offered(found.values()))

            await feed.complete(offered(feed.name, self._offered(found.values())), again)
            self._known, self._index = found, index
            self._offers = {_named(offer): offer for offer in self._offered(found.values())}

    async def _registrations(
        self, feed: Feed, client: aiohttp.ClientSession, *, consistent: bool = False
    ) -> tuple[dict[Key, Registration], int]:
        """Return all registrations, and the index up to which events are known with them."""
        namespaces = quote(self._settings.among)
        listed, index = await self._ask(client, f"/v1/services?namespace={namespaces}", list[_Listed], not consistent)
        gate = asyncio.Semaphore(_TOGETHER)

        async def one(namespace: str, name: str) -> list[Any]:
            async with gate:
                path = f"/v1/service/{quote(name, safe='')}?namespace={quote(namespace)}"
                found: list[Any] = (await self._ask(client, path, list[Any], not consistent))[0]
                return found

        names = [(each.namespace, str(known.get("ServiceName", ""))) for each in listed for known in each.services]
        answers = await asyncio.gather(*(one(*name) for name in names))
        found: dict[Key, Registration] = {}
        wrong: dict[str, str] = {}
        for tree in (tree for answer in answers for tree in answer):
            try:
                read = msgspec.convert(tree, Registration)
            except msgspec.ValidationError as error:
                identity = str(tree.get("ID") if isinstance(tree, dict) else tree)
                wrong[identity] = f"{identity}: {error}"
                continue
            if fault := fault_of(read):
                wrong[read.id] = f"{read.service_name} {read.id}: {fault}"
            else:
                found[read.key] = read
        self._wrong = wrong
        self._tell(feed)
        return found, index

    async def _follow(self, feed: Feed, stream: aiohttp.ClientResponse) -> None:
        """Take over events until the stream ends."""
        async for line in stream.content:
            async with self._reading:
                self._take(feed, events(line) if line.strip() else ())
            feed.heard()
        raise PlatformUnavailable(f"{self._base}: the event stream ended")

    def _take(self, feed: Feed, told: Iterable[Event]) -> None:
        """Take over events; only the services that they concern are made anew."""
        wrong = dict(self._wrong)
        for one in told:
            if isinstance(one, NodeSeen):
                if one.index > self._index_of_nodes and self._nodes.get(one.what.id) != one.what:
                    self._nodes[one.what.id] = one.what
                    self._changed(
                        feed, {_service(each) for each in self._known.values() if each.node_id == one.what.id}
                    )
            elif one.index <= self._index:
                continue
            elif isinstance(one, Unread):
                self._wrong[one.key] = f"{one.key}: {one.why}"
            elif isinstance(one, Registered) and (fault := fault_of(one.what)):
                self._wrong[one.what.id] = f"{one.what.service_name} {one.what.id}: {fault}"
            else:
                self._wrong.pop(one.what.id, None)
                former = self._known.pop(one.what.key, None)
                if isinstance(one, Registered):
                    self._known[one.what.key] = one.what
                self._changed(feed, {_service(one.what), *([_service(former)] if former else [])})
        if wrong != self._wrong:
            self._tell(feed)

    async def _read_checks(self, feed: Feed, client: aiohttp.ClientSession) -> None:
        """Ask for the checks of every allocation; one that cannot be asked keeps what was known of it."""
        failing: set[tuple[str, str]] = set()
        for allocation in sorted({one.alloc_id for one in self._known.values() if one.alloc_id}):
            try:
                found, _ = await self._ask(client, f"/v1/client/allocation/{allocation}/checks", dict[str, _Check])
            except PlatformUnavailable:
                failing.update(known for known in self._failing if known[0] == allocation)
                continue
            failing.update((allocation, one.service) for one in found.values() if one.status != "success")
        async with self._reading:
            concerned = {each[0] for each in self._failing ^ failing}
            self._failing = frozenset(failing)
            self._changed(feed, {_service(each) for each in self._known.values() if each.alloc_id in concerned})

    def _changed(self, feed: Feed, services: Collection[Service]) -> None:
        """Say what became of some services."""
        if not services:
            return
        members = [each for each in self._known.values() if _service(each) in services]
        now = {_named(offer): offer for offer in self._offered(members)}
        before = {name: self._offers[name] for name in services if name in self._offers}
        for name in services:
            self._offers.pop(name, None)
        self._offers.update(now)
        if now != before:
            feed.change(became(feed.name, before.values(), now.values()))

    def _tell(self, feed: Feed) -> None:
        wrong = (f"{feed.name}: {why}" for _, why in sorted(self._wrong.items()))
        feed.tell("registrations", *(Report(Severity.WARNING, "nomad-bad-registration", why) for why in wrong))

    def _offered(self, found: Iterable[Registration]) -> tuple[Offer, ...]:
        return offers(found, self._nodes, self._failing, self._settings)

    def _headers(self) -> dict[str, str]:
        secret = self._settings.secret()
        return {"X-Nomad-Token": secret} if secret else {}

    async def _ask(self, client: aiohttp.ClientSession, path: str, kind: Any, stale: bool = True) -> tuple[Any, int]:
        """Return an answer and its index; a region without a leader is asked for what its servers know."""
        url = self._base + path
        try:
            return await self._asked(client, url, kind)
        except PlatformUnavailable as error:
            if not stale or "No cluster leader" not in str(error):
                raise
            return await self._asked(client, f"{url}{'&' if '?' in url else '?'}stale=true", kind)

    async def _asked(self, client: aiohttp.ClientSession, url: str, kind: Any) -> tuple[Any, int]:
        async with asking.asked(client, "GET", url, headers=self._headers()) as got:
            body = await asking.read(got)
            index = got.headers.get("X-Nomad-Index", "0")
        try:
            return msgspec.json.decode(body or b"null", type=kind), int(index)
        except (msgspec.DecodeError, ValueError) as error:
            raise PlatformUnavailable(f"{url}: the answer is not Nomad's: {error}") from error


def _service(one: Registration) -> Service:
    return one.namespace, one.service_name


def _named(offer: Offer) -> Service:
    namespace, _, name = offer.name.partition("/")
    return namespace, name


async def _repeated(seconds: float, turn: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await turn()
