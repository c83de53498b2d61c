"""The master's event stream: everything at its begin, then each change; there is no going on where one was.

Invariants: five heartbeats that do not come mean a dead stream; after another master took over, what it does not know
yet is kept until its agent is back, or has had its time; an event that cannot be understood is told and changes
nothing; one that shows that something was missed makes the state be asked for again.
Source: Mesos, "Operator HTTP API", SUBSCRIBE.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import aiohttp
import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.mesos import words
from pidalio.platforms.mesos.book import Book
from pidalio.platforms.mesos.cluster import Decoded, Unknown
from pidalio.platforms.mesos.leading import Leading
from pidalio.platforms.mesos.records import Records, Skipped
from pidalio.platforms.mesos.talking import Missing, Talking

BIGGEST: Final = 256 << 20
"""Bytes of one record: the first holds the state of everything."""
_MISSED: Final = 5
_FIRST: Final = 60.0
"""Seconds that the first record may take."""
SETTLING: Final = 5.0
"""Seconds after an agent came back in which its tasks are told."""
_ROUNDS: Final = 5
"""The state is asked for once in so many full reads of Marathon."""
_SHOWN: Final = 3

Told: TypeAlias = Callable[[str, str], None]
"""Takes a topic and what is wrong with it, "" for nothing."""


def listed(broken: Mapping[str, str]) -> str:
    """Return what is wrong with each of several entries, in one line."""
    some = [f"{key}: {why}" for key, why in sorted(broken.items())]
    return "; ".join(some[:_SHOWN]) + (f"; and {len(some) - _SHOWN} more" if len(some) > _SHOWN else "")


class Master:
    """Follows whoever leads; `published(is_whole)` is awaited after each change of `book`."""

    def __init__(
        self, book: Book, talking: Talking, leading: Leading, published: Callable[[bool], Awaitable[None]], told: Told
    ) -> None:
        self._book, self._talking, self._leading = book, talking, leading
        self._published, self._told = published, told
        self._now = asyncio.get_running_loop().time
        self._url = ""
        self._leader = ""
        self._back: dict[str, float] = {}
        self._settled_by = 0.0
        self._recovered: set[str] = set()
        self._read = 0.0
        self._silence = _FIRST
        self._taking = asyncio.Lock()

    async def turn(self) -> None:
        """Follow one leader until another takes over; raise `PlatformUnavailable` when its stream ends."""
        failures = []
        for url in await self._leading.candidates():
            following = asyncio.create_task(self._follow(url))
            moving = asyncio.create_task(self._leading.moved(url))
            try:
                await asyncio.wait((following, moving), return_when=asyncio.FIRST_COMPLETED)
                if moving.done() and not following.done():
                    return
                await following
            except PlatformUnavailable as error:
                failures.append(error)
            finally:
                for task in (following, moving):
                    task.cancel()
                await asyncio.gather(following, moving, return_exceptions=True)
                self._book.master_live = False
        raise failures[-1] if failures else PlatformUnavailable("no master is stated")

    async def read_again(self) -> None:
        """Ask the leader for the state once more; raise `PlatformUnavailable`."""
        async with self._taking:
            await self._read_again()

    async def _read_again(self) -> None:
        if not self._url:
            raise PlatformUnavailable("no master leads")
        answer = await self._talking.whole("POST", f"{self._url}/api/v1", {"type": "GET_STATE"})
        try:
            state = msgspec.json.decode(answer, type=words.StateAnswer).get_state
        except msgspec.MsgspecError as error:
            raise PlatformUnavailable(f"{self._url}: its answer is no state: {words.first(error)}") from error
        await self._take_state(state, self._leader)

    def settle(self) -> None:
        """Let go of what was kept for agents that are back by now, or that have had their time."""
        book, now = self._book, self._now()
        if not book.master_live:
            return
        if now >= self._settled_by:
            self._recovered.clear()
            book.cluster.settle(lambda _: True)
            book.release(is_settled=True)
        else:
            agents = book.cluster.agents
            names = {agents[one].agent_info.hostname for one in self._back if one in agents and self._is_back(one, now)}
            # a machine that came back under another id has lost its tasks, and gives their ports to others
            book.cluster.settle(lambda agent: agent in agents and agents[agent].agent_info.hostname in names)
            book.release(is_settled=False, hostnames=names)
        kept = len(book.cluster.doubtful) + sum(len(one.endpoints) for one in book.held.values())
        why = f"{kept} tasks that the new master {self._url} does not know yet are kept: their agents are not back"
        self._told("failover", why if kept else "")

    def _is_back(self, agent: str, now: float) -> bool:
        return now >= self._back.get(agent, now) + SETTLING

    async def _follow(self, url: str) -> None:
        """Follow one master's stream to its end."""
        body = {"type": "SUBSCRIBE"}
        async with self._opened(url, body) as answer:
            self._url = str(answer.url.origin())
            self._silence = _FIRST
            async for event in self._events(answer):
                if event.type == "SUBSCRIBED":
                    self._silence = await self._begin(event)
                    continue
                if not self._book.master_live:
                    raise PlatformUnavailable(f"{self._url}: its stream begins with {event.type}, not SUBSCRIBED")
                await self._take(event)
                if self._now() - self._read > _ROUNDS * self._book.settings.reread:
                    await self.read_again()
                    await self._published(True)
        raise PlatformUnavailable(f"{self._url}: the master ended its stream")

    @contextlib.asynccontextmanager
    async def _opened(self, url: str, body: object) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._talking.opened("POST", f"{url}/api/v1", body) as answer:
                yield answer
        except Missing as error:
            why = f"{error}: no master of Mesos 1.0 or newer answers here: see the setting `master` (port 5050)"
            raise PlatformUnavailable(why, is_lasting=True) from error

    async def _events(self, answer: aiohttp.ClientResponse) -> AsyncIterator[words.Event]:
        """Yield events; raise `PlatformUnavailable` for silence, and for what is no RecordIO."""
        records = Records(BIGGEST)
        while True:
            try:
                async with asyncio.timeout(self._silence):
                    part = await answer.content.readany()
            except TimeoutError as error:
                why = f"no heartbeat of the master for {self._silence:g} s: the connection counts as dead"
                raise PlatformUnavailable(f"{self._url}: {why}") from error
            if not part:
                if not records.is_between:
                    raise PlatformUnavailable(f"{self._url}: the master's stream ended within an event")
                return
            try:
                found = records.take(part)
            except ValueError as error:
                raise PlatformUnavailable(
                    f"{self._url}: what answers is no event stream of a master: {error}"
                ) from error
            for record in found:
                if (event := self._decoded(record)) is not None:
                    yield event

    def _decoded(self, record: bytes | Skipped) -> words.Event | None:
        if isinstance(record, Skipped):
            self._told("event", f"an event of {record.size >> 20} MB is not read: what it says is missed")
            return None
        try:
            return msgspec.json.decode(record, type=words.Event)
        except msgspec.MsgspecError as error:
            self._told("event", f"an event of the master is not understood, and changes nothing: {words.first(error)}")
            return None

    async def _begin(self, event: words.Event) -> float:
        """Take over everything; return how much silence means the end."""
        try:
            told = msgspec.json.decode(event.subscribed, type=words.Subscribed)
        except msgspec.MsgspecError as error:
            raise PlatformUnavailable(f"{self._url}: its SUBSCRIBED is not understood: {words.first(error)}") from error
        leader = await self._who()
        async with self._taking:
            await self._take_state(told.get_state, leader)
        self._book.master_live = True
        self._book.is_marathons_word_final = False
        self.settle()
        await self._published(True)
        return max(told.heartbeat_interval_seconds, 0.1) * _MISSED

    async def _who(self) -> str:
        """Return the leader's own id, another after each start; its address where it does not tell."""
        try:
            answer = await self._talking.whole("POST", f"{self._url}/api/v1", {"type": "GET_MASTER"})
            return msgspec.json.decode(answer, type=words.MasterAnswer).get_master.master_info.id
        except (PlatformUnavailable, msgspec.MsgspecError):
            return self._url  # an old one, or no right to ask: a restart at the same place is not noticed then

    async def _take_state(self, state: words.State, leader: str) -> None:
        """Make `state` all there is; doubt what it lacks where `leader` is new, or says itself that agents lack."""
        decoded, now = Decoded(), self._now()
        for _ in decoded.steps(state):
            await asyncio.sleep(0)
        is_new = bool(self._leader) and leader != self._leader
        if is_new or (decoded.recovered and not self._leader):
            self._settled_by = now + self._book.settings.reregistration
            self._back.clear()
        elif not self._leader:
            self._settled_by = now
        self._leader, self._recovered = leader, decoded.recovered
        for agent in decoded.agents.keys() - self._back.keys():
            self._back[agent] = now - SETTLING
        self._book.cluster.take_state(decoded, is_doubtful=now < self._settled_by)
        self._book.learn_addresses(decoded.agents)
        self._told("state", listed(decoded.broken))
        self._told("event", "")
        self._read = now

    async def _take(self, event: words.Event) -> None:
        """Take one event over."""
        cluster = self._book.cluster
        known = set(cluster.registered) if event.type.startswith("AGENT") else set()
        async with self._taking:  # a state that is read meanwhile is never older than what was heard
            try:
                cluster.take(event)
            except Unknown:
                await self._read_again()
            except msgspec.MsgspecError as error:
                self._told("event", f"{event.type} is not understood, and changes nothing: {words.first(error)}")
        if event.type == "AGENT_ADDED":
            new = cluster.registered - known
            self._back |= dict.fromkeys(new, self._now())
            self._book.learn_addresses(new)
        elif event.type == "AGENT_REMOVED":
            for agent in known - cluster.registered:
                self._back.pop(agent, None)
        await self._published(False)
