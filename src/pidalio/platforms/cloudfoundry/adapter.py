"""Cloud Foundry as a live source: messages in, what they change out, with the time that the platform's rules give.

Invariants: nothing is said before everything had the time to be registered once, and the API (where there is one) was
read once; while NATS is gone no instance ages; what has TLS stays until somebody says that it is gone.
Source of the rules: design record 0022.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from pidalio.errors import PlatformUnavailable, Unavailable
from pidalio.platforms.adapter import Feed, Rows, Tree
from pidalio.platforms.cloudfoundry import complaints
from pidalio.platforms.cloudfoundry.bus import KINDS, Bus
from pidalio.platforms.cloudfoundry.controller import Controller
from pidalio.platforms.cloudfoundry.directory import Directory
from pidalio.platforms.cloudfoundry.messages import BadMessage, Message, Times, read
from pidalio.platforms.cloudfoundry.registry import Entry
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.offers import offered
from pidalio.platforms.together import until_one_ends

T = TypeVar("T")
_TOGETHER: Final = 50
"""Hosts that are mapped before the event loop gets its turn."""
_COMPARED: Final = 1000
"""Instances whose age is looked at before it gets its turn."""
_USUAL: Final = Times(20.0, 120.0)
_MISSED: Final = 6
"""Intervals without a registration after which an instance with TLS is conspicuous."""
_ROUND: Final = 1.1
"""Part of an interval in which everything is registered once: emitters spread theirs a little."""
_log = logging.getLogger(__name__)


class CloudFoundry:
    """The adapter; what it knows outlives a run."""

    def __init__(self, settings: CloudFoundrySettings, clock: Callable[[], float] | None = None) -> None:
        self._settings = settings
        self._bus = Bus(settings)
        self._now = clock or (lambda: asyncio.get_running_loop().time())
        self._learned: dict[str, Times] = {}
        self._bad = complaints.BadMessages()
        self._directory = Directory(settings)
        self._controller = Controller(settings, self._directory)
        self._owed: dict[str, Tree | None] = {}
        self._rules_said = False
        self._news = asyncio.Event()
        self._synced = False
        self._gap = 0.0
        self._dropped = False

    def times(self, kind: str = KINDS[0]) -> Times:
        """Return what is stated, else what routers of a kind say, else those of all routes, else what they do."""
        stated = self._settings
        learned = self._learned.get(kind) or self._learned.get(KINDS[0]) or _USUAL
        return Times(stated.interval or learned.interval, stated.threshold or learned.threshold)

    async def run(self, feed: Feed) -> None:
        """Follow until the connection ends."""
        self._feed = feed
        self._directory.platform = feed.name
        self._directory.trust(await asyncio.to_thread(self._settings.authority))
        try:
            if self._synced and self._settings.prune_offline:
                await self._prune()
                await self._say_news()
            await self._bus.listen(self, self._follow)
        except PlatformUnavailable as error:
            raise self._warned(error) from error
        finally:
            await self._controller.close()

    # What the bus hands on.

    def registered(self, kind: str, data: bytes) -> None:
        """Take a registration."""
        if message := self._read(kind, data):
            self._note(self._directory.registry.register(message, self._now()))
            self._controller.met(message.instance.app)

    def unregistered(self, kind: str, data: bytes) -> None:
        """Take one back."""
        if message := self._read(kind, data):
            self._note(self._directory.registry.unregister(message))

    def started(self, kind: str, times: Times) -> None:
        """Take what a router says of time."""
        self._learned[kind] = times

    def missed(self) -> None:
        """Know that messages were lost: those who are not heard of in the next round may be gone."""
        self._gap = self._now()
        self._dropped = True
        self._feed.tell("dropped", complaints.of_dropped())

    # What is done while the connection stands.

    async def _follow(self) -> None:
        now = self._gap = self._now()
        if not (self._synced and self._settings.prune_offline):
            self._directory.registry.refresh(now)
        if self._synced:
            self._feed.heard()
        await until_one_ends(self._controller.run(self._feed, self._news.set), self._tend(), self._say())

    async def _say(self) -> None:
        if not self._synced:
            await self._settle()
        while True:
            await self._say_news()
            await self._news.wait()
            self._news.clear()

    async def _settle(self) -> None:
        """Wait until everything was heard once, and say it all."""
        begun = self._now()
        while (left := begun + self._round() - self._now()) > 0:  # noqa: ASYNC110 - a router may say another interval
            await asyncio.sleep(min(left, 1.0))
        await self._controller.wait_read()
        await self._feed.complete(await self._everything(), self._everything_again)
        self._synced = True
        await self._say_rules({})

    def _round(self) -> float:
        return self._settings.settle or max(self.times(kind).interval for kind in KINDS) * _ROUND

    async def _everything(self) -> Rows:
        """Return all there is, mapped anew."""
        self._directory.changed.clear()
        for hosts in _chunks(self._directory.all_hosts(), _TOGETHER):
            self._directory.remap(hosts)
            await asyncio.sleep(0)
        return offered(self._feed.name, self._directory.offers())

    async def _everything_again(self) -> Rows:
        """Give everything another round to be registered."""
        await asyncio.sleep(self._round())
        return await self._everything()

    async def _say_news(self) -> None:
        """Say what became different, a little at a time: what a rule names is there before it, and goes after it."""
        if self._owes_rules():
            await self._say_rules({})
        while hosts := self._directory.take_changed(_TOGETHER):
            change = self._directory.remap(hosts)
            self._feed.change(change.there)
            try:
                await self._say_rules(change.rules)
            finally:  # the connection may end meanwhile, and nobody would say it again
                self._feed.change(change.gone)
            await asyncio.sleep(0)
        self._feed.tell("routes", *complaints.of_routes(self._directory.lacking))

    async def _say_rules(self, rules: Mapping[str, Tree | None]) -> None:
        """Say rules that became different, and those that could not be recorded before; instances do not wait."""
        self._owed |= rules
        try:
            if not self._rules_said:
                await self._feed.objects(self._directory.rules, complete=True)
            elif self._owed:
                await self._feed.objects(self._owed)
        except Unavailable as error:
            _log.warning("%s: rules of routes are said again: %s", self._feed.name, error)
        else:
            self._rules_said, self._owed = True, {}

    def _owes_rules(self) -> bool:
        return bool(self._owed) or not self._rules_said

    async def _tend(self) -> None:
        """Forget what is too old, ask after who is silent, and know that the connection stands."""
        while True:
            await asyncio.sleep(min(self.times().threshold / 20, self.times().interval / 4, 5.0))
            await self._prune()
            await self._trust_again()
            silent = self._silent()
            if (
                silent
                and self._controller.is_there
                and (gone := await self._controller.who_is_gone(silent)) is not None
            ):
                self._settle_about(silent, gone)
                silent = []
            self._feed.tell(
                "silent", *complaints.of_silence(silent, self.times().interval, asked=self._controller.is_there)
            )
            if self._dropped and self._now() - self._gap > self._round():
                self._dropped = False
                self._feed.tell("dropped")
            if self._bad.forget(self._now(), self.times().threshold):
                self._feed.tell("messages", *self._bad.reports())
            if self._synced:
                self._feed.heard()
            if self._synced and self._owes_rules():
                self._news.set()

    async def _trust_again(self) -> None:
        """Take another authority that is written by now; one that cannot be read changes nothing."""
        with contextlib.suppress(PlatformUnavailable):  # told when it is read at the next connection
            self._directory.trust(await asyncio.to_thread(self._settings.authority))
            if self._directory.changed:
                self._news.set()

    async def _prune(self) -> None:
        thresholds = [self.times(kind).threshold for kind in KINDS]
        for keys in _chunks(list(self._directory.registry.entries), _COMPARED):
            self._note(self._directory.registry.expire(keys, self._now(), *thresholds))
            await asyncio.sleep(0)

    def _silent(self) -> list[Entry]:
        """Return who should have been heard of: within six intervals, and in the round after something was missed."""
        now = self._now()
        limit = _MISSED * self.times().interval
        since_gap = now - self._gap
        if self._round() < since_gap < limit:
            limit = since_gap
        return list(self._directory.registry.silent(now, limit))

    def _settle_about(self, silent: Iterable[Entry], gone: Iterable[Entry]) -> None:
        """Forget who is gone; who runs is as good as heard of."""
        registry = self._directory.registry
        for one in silent:
            one.heard = self._now()
        for one in gone:
            address = (one.instance.address, one.instance.port)
            if registry.entries.get(address) is one:  # else it is another's since it was asked about
                self._note(registry.forget(address))

    def _note(self, hosts: set[str]) -> None:
        if hosts:
            self._directory.changed |= hosts
            self._news.set()

    def _read(self, kind: str, data: bytes) -> Message | None:
        """Return what a message says, None where it means nothing: that is told, once for whom it is about."""
        try:
            message = read(data, internal_port=self._settings.internal_port if kind == KINDS[1] else 0)
        except BadMessage as error:
            if self._bad.note(error.who, str(error), self._now()):
                self._feed.tell("messages", *self._bad.reports())
            return None
        if message.refused:
            news = self._bad.note(message.who, message.refused, self._now())
        else:
            news = self._bad.mended(message.who)
        if news:
            self._feed.tell("messages", *self._bad.reports())
        return message

    def _warned(self, error: PlatformUnavailable) -> PlatformUnavailable:
        """Return the error with what is at stake: a port of an instance without TLS may be another's by now."""
        plain = sum(not one.instance.tls_name for one in self._directory.registry.entries.values())
        if not plain:
            return error
        return PlatformUnavailable(
            f"{error}; {plain} instances without TLS stay, and could be another app's by now",
            is_lasting=error.is_lasting,
            retry_after=error.retry_after,
        )


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[begin : begin + size] for begin in range(0, len(items), size))
