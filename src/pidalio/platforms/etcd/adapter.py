"""etcd as a registry: keys below a prefix are instances; what changes is told as it changes.

Invariant: one malformed value touches nothing else, and its own instance stays as it was understood last.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from pidalio.model import Report, Severity
from pidalio.platforms.adapter import Feed, Rows
from pidalio.platforms.etcd.gateway import Gateway
from pidalio.platforms.etcd.keyspace import Keyspace
from pidalio.platforms.etcd.mapping import Key, Value, key_of, offer, offers, value_of
from pidalio.platforms.etcd.messages import Event, Found, Pair
from pidalio.platforms.etcd.settings import EtcdSettings
from pidalio.platforms.offers import Offer, became, offered

_TOGETHER: Final = 500
"""Values that are decoded before the event loop gets its turn."""
_NAMED: Final = 20
"""Malformed keys that are told one by one."""


class EtcdAdapter:
    """Follows the services below one prefix."""

    def __init__(self, settings: EtcdSettings) -> None:
        self._settings = settings
        self._keys = Keyspace(settings.root())
        self._known: dict[str, dict[str, Value]] = {}
        self._wrong: dict[str, str] = {}

    async def run(self, feed: Feed) -> None:
        """Follow until cancelled; raise `PlatformUnavailable` when etcd does not answer."""
        async with Gateway(self._settings) as etcd:
            await self._keys.follow(
                etcd,
                lambda found: self._complete(feed, etcd, found),
                lambda events: self._change(feed, events),
                feed.heard,
            )

    async def _complete(self, feed: Feed, etcd: Gateway, found: Found) -> None:
        async def again() -> Rows:
            nonlocal found
            later = await etcd.range(self._settings.root())
            found.pairs, found.revision, found.cluster = later.pairs, later.revision, later.cluster
            return offered(feed.name, await self._understood(feed, found.pairs.values()))

        await feed.complete(offered(feed.name, await self._understood(feed, found.pairs.values())), again)

    async def _understood(self, feed: Feed, pairs: Iterable[Pair]) -> Sequence[Offer]:
        """Return the services of all pairs there are."""
        former, self._known, self._wrong = self._known, {}, {}
        for number, pair in enumerate(pairs):
            if number % _TOGETHER == _TOGETHER - 1:
                await asyncio.sleep(0)
            self._take(pair, former)
        self._tell(feed)
        values = {(name, one): value for name, members in self._known.items() for one, value in members.items()}
        return offers(values, self._settings)

    def _take(self, pair: Pair, former: dict[str, dict[str, Value]]) -> Key | None:
        """Take over one pair; return what it is about, None where it is about nothing."""
        text = pair.key.decode(errors="replace")
        key = key_of(text, self._settings.root())
        if key is None:
            self._wrong[text] = f"the key is not {self._settings.root()}NAME/ID"
            return None
        name, identity = key
        try:
            value: Value | None = value_of(pair.value)
            self._wrong.pop(text, None)
        except ValueError as error:
            self._wrong[text] = str(error)
            value = former.get(name, {}).get(identity)
        if not self._settings.host_of(name):
            self._wrong[text] = f"no hostname can be made of {name!r}"
        if value is not None:
            self._known.setdefault(name, {})[identity] = value
        return key

    def _change(self, feed: Feed, events: Sequence[Event]) -> None:
        root = self._settings.root()
        keys = (key_of(event.kv.key.decode(errors="replace"), root) for event in events)
        former = self._offers({key[0] for key in keys if key})
        wrong = dict(self._wrong)
        for event in events:
            if not event.is_deletion:
                self._take(event.kv, self._known)
                continue
            text = event.kv.key.decode(errors="replace")
            self._wrong.pop(text, None)
            if key := key_of(text, root):
                self._drop(key)
        now = self._offers(former)
        feed.change(
            became(feed.name, (one for one in former.values() if one is not None), (one for one in now.values() if one))
        )
        feed.heard()
        if wrong != self._wrong:
            self._tell(feed)

    def _drop(self, key: Key) -> None:
        members = self._known.get(key[0], {})
        members.pop(key[1], None)
        if not members:
            self._known.pop(key[0], None)

    def _offers(self, names: Iterable[str]) -> dict[str, Offer | None]:
        return {name: offer(name, self._known.get(name, {}), self._settings) for name in names}

    def _tell(self, feed: Feed) -> None:
        named = sorted(self._wrong.items())
        reports = [
            Report(Severity.WARNING, "etcd-bad-value", f"{feed.name}: {key}: {why}") for key, why in named[:_NAMED]
        ]
        if len(named) > _NAMED:
            more = f"{feed.name}: {len(named) - _NAMED} more keys are not understood"
            reports.append(Report(Severity.WARNING, "etcd-bad-value", more))
        feed.tell("values", *reports)
