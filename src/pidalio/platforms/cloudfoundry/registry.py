"""Who is registered where: messages and time in, the hosts that became different out.

Pure; times are seconds of one steady clock. Invariants: an address belongs to one instance, the one that was registered
last, so that nothing that another said of it leads there; what has TLS is forgotten only when somebody says so, for its
certificate tells who it is; what has none is forgotten when nobody repeated it for its time.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from pidalio.platforms.cloudfoundry.messages import Instance, Message, Uri

Address: TypeAlias = tuple[str, int]


class Heard(msgspec.Struct):
    """When an instance was last said to serve a uri, and the message's own threshold (0: none)."""

    at: float
    threshold: int


class Entry(msgspec.Struct):
    """One instance, what it serves, when it was heard of last, and the age of what is known (nanoseconds, its own)."""

    instance: Instance
    uris: dict[Uri, Heard]
    heard: float
    updated: int = 0


class Registry:
    """All registrations that are in force."""

    def __init__(self) -> None:
        self.entries: dict[Address, Entry] = {}
        self._by_host: dict[str, dict[Address, None]] = {}

    def register(self, message: Message, now: float) -> set[str]:
        """Take a registration; return the hosts that became different: none for one that is repeated."""
        instance, changed = message.instance, set[str]()
        key = (instance.address, instance.port)
        entry = self.entries.get(key)
        if entry is not None and entry.instance.owner != instance.owner:
            changed |= self.forget(key)
            entry = None
        if entry is None:
            entry = self.entries[key] = Entry(instance, {}, now, message.updated)
        elif 0 < message.updated < entry.updated:
            return changed
        elif entry.instance != instance:
            entry.instance = instance
            changed.update(host for host, _ in entry.uris)
        entry.heard, entry.updated = now, message.updated or entry.updated
        for uri in message.uris:
            if uri not in entry.uris:
                changed.add(uri[0])
                self._by_host.setdefault(uri[0], {})[key] = None
            entry.uris[uri] = Heard(now, message.threshold)
        return changed

    def unregister(self, message: Message) -> set[str]:
        """Take back a registration; one that is about somebody else at the address, or older, takes back nothing."""
        instance = message.instance
        key = (instance.address, instance.port)
        entry = self.entries.get(key)
        if entry is None or 0 < message.updated < entry.updated:
            return set()
        if instance.guid and entry.instance.guid and instance.guid != entry.instance.guid:
            return set()
        return self._without(key, message.uris)

    def forget(self, key: Address) -> set[str]:
        """Forget an instance with all that it serves."""
        entry = self.entries.get(key)
        return self._without(key, tuple(entry.uris)) if entry else set()

    def expire(self, keys: Iterable[Address], now: float, routes: float, internal: float) -> set[str]:
        """Forget what instances without TLS were not said to serve for its time, or for a message's own that is lower.

        That time is `routes` seconds, `internal` for routes of internal domains.
        """
        changed: set[str] = set()
        for key in keys:
            entry = self.entries.get(key)
            if entry is None or entry.instance.tls_name:
                continue
            threshold = internal if entry.instance.internal else routes
            gone = [
                uri
                for uri, heard in entry.uris.items()
                if now - heard.at > (min(threshold, heard.threshold) if heard.threshold else threshold)
            ]
            changed |= self._without(key, gone)
        return changed

    def refresh(self, now: float) -> None:
        """Give everything its whole time anew: nothing could be heard meanwhile."""
        for entry in self.entries.values():
            entry.heard = now
            for heard in entry.uris.values():
                heard.at = now

    def silent(self, now: float, limit: float) -> Iterator[Entry]:
        """Yield the instances with TLS that nobody repeated for `limit` seconds."""
        return (one for one in self.entries.values() if one.instance.tls_name and now - one.heard >= limit)

    def of_host(self, host: str) -> list[Entry]:
        """Return who serves something of a host, in order of their addresses."""
        return [self.entries[key] for key in sorted(self._by_host.get(host, ()))]

    def hosts(self) -> list[str]:
        """Return every host that somebody serves."""
        return list(self._by_host)

    def of_app(self, app: str) -> set[str]:
        """Return the hosts that instances of an app serve."""
        return {host for one in self.entries.values() if one.instance.app == app for host, _ in one.uris}

    def _without(self, key: Address, uris: Iterable[Uri]) -> set[str]:
        entry = self.entries[key]
        gone = {uri[0] for uri in uris if entry.uris.pop(uri, None) is not None}
        for host in gone - {host for host, _ in entry.uris}:
            serving = self._by_host[host]
            del serving[key]
            if not serving:
                del self._by_host[host]
        if not entry.uris:
            del self.entries[key]
        return gone
