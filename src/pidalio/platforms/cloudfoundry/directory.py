"""All that is known of a Cloud Foundry, and what of it has yet to be said: registrations and knowledge in, rows out.

No network and no clock. Invariant: what was said last of a host is kept, so that only what differs is said, and what a
rule names is there before the rule and goes after it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pidalio.platforms.adapter import Rows, Tree
from pidalio.platforms.cloudfoundry.known import Known
from pidalio.platforms.cloudfoundry.mapping import Mapped, mapped
from pidalio.platforms.cloudfoundry.paths import rule
from pidalio.platforms.cloudfoundry.registry import Registry
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.offers import Offer, became


class Change(msgspec.Struct, frozen=True):
    """What became different, in the order in which it is to be said: what is there, the rules, what is gone."""

    there: Rows
    rules: Mapping[str, Tree | None]
    gone: Rows


class Directory:
    """One Cloud Foundry; `platform` is what it is called in keys.

    `rules` are those that were mapped last, by host; `lacking` are the hosts of which something was left out.
    """

    def __init__(self, settings: CloudFoundrySettings) -> None:
        self._settings = settings
        self.platform = ""
        self.registry = Registry()
        self.known = Known()
        self.authority = ""
        self.changed: set[str] = set()
        self._said: dict[str, Mapped] = {}
        self.rules: dict[str, Tree] = {}
        self.lacking: dict[str, Mapped] = {}

    def learn(self, known: Known) -> None:
        """Take what the API knows; every host may be different by it."""
        if known != self.known:
            self.changed |= {*self.registry.hosts(), *self.known.hosts, *known.hosts}
            self.known = known

    def trust(self, authority: str) -> None:
        """Take who signs instances' certificates."""
        if authority != self.authority:
            self.authority = authority
            self.changed |= set(self._said)

    def all_hosts(self) -> list[str]:
        """Return every host that is there, or was said to be."""
        return sorted({*self.registry.hosts(), *self.known.hosts, *self._said})

    def remap(self, hosts: Iterable[str]) -> Change:
        """Map hosts anew, and return what became different of them."""
        before: list[Offer] = []
        after: list[Offer] = []
        rules: dict[str, Tree | None] = {}
        for host in hosts:
            was = self._said.pop(host, Mapped())
            now = mapped(host, self.registry.of_host(host), self.known, self._settings, self.authority)
            if now.offers:
                self._said[host] = now
            if now.is_whole:
                self.lacking.pop(host, None)
            else:
                self.lacking[host] = now
            before += _named(was)
            after += _named(now)
            wanted = rule(self.platform, now.offers, self._settings)
            if wanted != self.rules.pop(host, None):
                rules[host] = wanted
            if wanted is not None:
                self.rules[host] = wanted
        rows = became(self.platform, before, after)
        return Change(_parts(rows, gone=False), rules, _parts(rows, gone=True))

    def take_changed(self, most: int) -> list[str]:
        """Return some hosts that became different, at most so many: they are the caller's now."""
        return [self.changed.pop() for _ in range(min(most, len(self.changed)))]

    def offers(self) -> Iterable[Offer]:
        """Yield everything that was mapped last."""
        for one in self._said.values():
            yield from _named(one)


def _named(one: Mapped) -> list[Offer]:
    return [offer for offer in one.offers.values() if offer.hostname]


def _parts(rows: Rows, *, gone: bool) -> dict[Any, dict[Any, Any]]:
    return {table: {key: row for key, row in by_key.items() if (row is None) is gone} for table, by_key in rows.items()}
