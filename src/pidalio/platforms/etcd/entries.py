"""Registered instances in etcd, for control planes that share them (the `EntryStore` of `platforms.vm`).

Keys are `PREFIX entries/ID` and, under a lease of its owner, `PREFIX planes/ID` for each control plane that lives.
Entries are under no lease: the end of a control plane must take no instance out.
Invariant: an entry is written by compare-and-swap on the revision that was seen.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.etcd.gateway import Gateway
from pidalio.platforms.etcd.keyspace import Keyspace
from pidalio.platforms.etcd.messages import Event, Found, Pair
from pidalio.platforms.etcd.settings import EtcdSettings
from pidalio.platforms.together import until_one_ends
from pidalio.platforms.vm import Entry, Seen, Stored, Superseded

PREFIX: Final = "/pidalio/registrations/"
_LEASE: Final = 15
"""Seconds after which a control plane that is silent counts as gone."""
_log = logging.getLogger(__name__)


class EtcdEntries:
    """Entries below a prefix of one etcd; `me` is the id of this control plane."""

    def __init__(self, settings: EtcdSettings, me: str, *, prefix: str = PREFIX, lease: int = _LEASE) -> None:
        self._settings, self._me, self._lease = settings, me, lease
        self._entries, self._alive = f"{prefix}entries/", f"{prefix}planes/"
        self._keys = Keyspace(prefix)
        self._etcd: Gateway | None = None
        self._planes: set[str] = set()
        self.name = f"etcd {','.join(settings.addresses())}"

    async def follow(self, seen: Seen) -> None:
        """Say that this control plane lives, and tell what there is and changes until cancelled."""
        self._keys = Keyspace(self._keys.prefix)  # what changes while nothing is followed is read anew
        async with Gateway(self._settings) as etcd:
            lease = await etcd.grant(self._lease)
            await etcd.put(self._alive + self._me, b"{}", lease)
            self._etcd = etcd
            try:
                await self._together(etcd, seen, lease)
            finally:
                self._etcd = None
                with contextlib.suppress(PlatformUnavailable, TimeoutError):
                    async with asyncio.timeout(1):
                        await etcd.revoke(lease)

    async def write(self, identity: str, entry: Entry | None, expected: int) -> int:
        """Write or remove an entry if it is as it was seen."""
        if self._etcd is None:
            raise PlatformUnavailable(f"{self.name} does not answer")
        value = None if entry is None else msgspec.json.encode(entry)
        done = await self._etcd.swap(self._entries + identity, value, expected)
        if done.succeeded:
            return done.header.revision
        there = done.there
        if there is None:
            raise Superseded(identity, None)
        now = _entry(there)
        if now is None:
            return await self.write(identity, entry, there.mod_revision)  # what no control plane wrote does not count
        raise Superseded(identity, Stored(now, there.mod_revision))

    async def _together(self, etcd: Gateway, seen: Seen, lease: str) -> None:
        async def whole(found: Found) -> None:
            entries = {
                key.removeprefix(self._entries): Stored(entry, pair.mod_revision)
                for key, pair in found.pairs.items()
                if key.startswith(self._entries) and (entry := _entry(pair)) is not None
            }
            self._planes = {key.removeprefix(self._alive) for key in found.pairs if key.startswith(self._alive)}
            seen.whole(entries, frozenset(self._planes))

        following = self._keys.follow(etcd, whole, lambda events: self._changed(seen, events))
        await until_one_ends(following, self._live(etcd, lease))

    def _changed(self, seen: Seen, events: Sequence[Event]) -> None:
        for event in events:
            key = event.kv.key.decode(errors="replace")
            if key.startswith(self._alive):
                (self._planes.discard if event.is_deletion else self._planes.add)(key.removeprefix(self._alive))
                seen.living(frozenset(self._planes))
            elif key.startswith(self._entries):
                entry = None if event.is_deletion else _entry(event.kv)
                if event.is_deletion or entry is not None:
                    seen.changed(key.removeprefix(self._entries), entry, event.kv.mod_revision)

    async def _live(self, etcd: Gateway, lease: str) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            if not await etcd.keep_alive(lease):
                raise PlatformUnavailable(f"{self.name}: the lease of this control plane ended meanwhile")


def _entry(pair: Pair) -> Entry | None:
    """Return what a key holds, None (told in the log) for what no control plane wrote."""
    try:
        return msgspec.json.decode(pair.value, type=Entry)
    except msgspec.DecodeError as error:
        _log.warning("%s is no entry: %s", pair.key.decode(errors="replace"), error)
        return None
