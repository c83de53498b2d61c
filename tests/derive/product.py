"""The whole product without sockets: catalog, compiler and distribution, remembered and from scratch, side by side."""

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from pidalio.api.load import load
from pidalio.derive import Database
from pidalio.envoy.resource import (
    CLUSTER,
    LISTENER,
    LOAD_ASSIGNMENT,
    ROUTE_CONFIGURATION,
    RUNTIME,
    VIRTUAL_HOST,
    Resource,
    content_of,
)
from pidalio.model import Proxy
from pidalio.pipeline import groups_of, members, resource_of
from pidalio.rules.effective import reports_for
from pidalio.server.distribution import Distribution, View
from pidalio.store.catalog import Catalog

TYPES = (LISTENER, ROUTE_CONFIGURATION, VIRTUAL_HOST, CLUSTER, LOAD_ASSIGNMENT, RUNTIME)
Contents: TypeAlias = dict[tuple[str, str], tuple[str, bytes]]
"""Version and body by type URL and name."""


def contents(view: View) -> Contents:
    """Return everything that a proxy is to hold."""
    found = ((kind, name, view.get(kind, name)) for kind in TYPES for name in view.names(kind))
    return {(kind, name): (one.version, one.body) for kind, name, one in found if one is not None}


def compiled(world: Database, proxy: Proxy) -> Contents:
    """Return everything that a proxy is to hold, asked of the compiler itself."""
    keys = (key for group in groups_of(world, proxy) for _, key in members(world, group))
    found = (resource_of(world, key) for key in keys)
    return {(one.type_url, one.name): (one.version, one.body) for one in found if one is not None}


class Stream:
    """A proxy that is told what changed, and asks for exactly that: at once, or when it gets round to it."""

    def __init__(self, view: View, *, is_slow: bool) -> None:
        self.view = view
        self.is_slow = is_slow
        self.holds = contents(view)
        self.told: set[tuple[str, str]] = set()
        self.sent: dict[tuple[str, str], int] = {}

    def notify(self, dirty: Mapping[str, Collection[str]]) -> None:
        self.told |= {(kind, name) for kind, names in dirty.items() for name in names}
        if not self.is_slow:
            self.drain()

    def drain(self) -> None:
        """Ask for what was told; note the size of what differs."""
        self.sent = {}
        for kind, name in self.told:
            found = self.view.get(kind, name)
            new = None if found is None else (found.version, found.body)
            if new != self.holds.get((kind, name)):
                self.sent[kind, name] = 0 if new is None else len(new[1])
            if new is None:
                self.holds.pop((kind, name), None)
            else:
                self.holds[kind, name] = new
        self.told = set()


class Product:
    """One catalog, whose edits go to a world with memory and to one without."""

    def __init__(self) -> None:
        self.catalog = Catalog()
        self.memo = Distribution(Database(), self._notify)
        self.scratch = Distribution(Database(memo=False), lambda _view, _dirty, _generation: None)
        self.streams: dict[Proxy, Stream] = {}

    def _notify(self, view: View, dirty: Mapping[str, Collection[str]], _generation: int) -> None:
        if stream := self.streams.get(view.proxy):  # a view stays until the next collection
            stream.notify(dirty)

    def write(self, units: Mapping[str, str | None]) -> Any:
        """Make texts the content of files; None removes one."""
        loaded = {file: None if text is None else load(text, file) for file, text in units.items()}
        return self.commit(self.catalog.replace_all("files", loaded).edits)

    def commit(self, edits: Any) -> Any:
        """Apply `edits` to both worlds; return what the one with memory did."""
        if not edits:
            return None
        before = {proxy: dict(stream.holds) for proxy, stream in self.streams.items()}
        with self.memo.trial(edits) as trial:
            foreseen = {view.proxy: dirty for view, dirty in trial.items()}
        changes = self.memo.apply(edits)
        self.scratch.apply(edits)
        for proxy, held in before.items():
            after = self.streams[proxy].holds
            for kind, one in {key for key in held.keys() | after.keys() if held.get(key) != after.get(key)}:
                assert one in foreseen[proxy][kind], f"a dry run did not foresee that {one} changes"
        return changes

    def open(self, proxy: Proxy, *, is_slow: bool = False) -> Stream:
        stream = self.streams.get(proxy)
        if stream is None:
            stream = self.streams[proxy] = Stream(self.memo.open(proxy), is_slow=is_slow)
            self.scratch.open(proxy)
        return stream

    def close(self, proxy: Proxy) -> None:
        self.streams.pop(proxy, None)

    def collect(self) -> None:
        self.memo.retain([stream.view for stream in self.streams.values()])
        self.scratch.retain([self.scratch.open(proxy) for proxy in self.streams])

    def check(self) -> None:
        """Every proxy is to hold, and holds, what a compile from scratch says; users are told the same, too."""
        for item in self.catalog.objects():
            assert reports_for(self.memo.world, item) == reports_for(self.scratch.world, item)
        for proxy, stream in self.streams.items():
            expected = compiled(self.scratch.world, proxy)
            assert contents(self.scratch.open(proxy)) == expected
            assert contents(stream.view) == expected
            if not stream.told:
                assert stream.holds == expected
            _check_domains(expected)
            _check_chains(expected)


def _check_domains(found: Contents) -> None:
    """Two virtual hosts of one table never share a domain: Envoy would refuse both."""
    owners: dict[tuple[str, str], str] = {}
    for (kind, name), (version, body) in found.items():
        if kind != VIRTUAL_HOST:
            continue
        message = content_of(Resource(kind, name, version, body))
        for domain in message.domains:  # type: ignore[attr-defined]
            table = name.partition("/")[0]
            assert owners.setdefault((table, domain), name) == name, f"{domain}: {owners[table, domain]} and {name}"


def _check_chains(found: Contents) -> None:
    """No two chains of a listener compare the same, and no two listeners have one address: Envoy would refuse them."""
    places: dict[bytes, str] = {}
    for (kind, name), (version, body) in found.items():
        if kind != LISTENER:
            continue
        message: Any = content_of(Resource(kind, name, version, body))
        if not message.HasField("address"):
            continue  # of a gRPC client, which opens none
        place = message.address.SerializeToString()
        assert places.setdefault(place, name) == name, f"{name} and {places[place]} have one address"
        taken: set[tuple[Any, ...]] = set()
        for chain in message.filter_chains:
            match = chain.filter_chain_match
            ranges = [(one.address_prefix, one.prefix_len.value) for one in match.prefix_ranges] or [()]
            rest = (match.destination_port.value, match.transport_protocol, tuple(match.application_protocols))
            compared = {(each, host, rest) for each in ranges for host in match.server_names or [""]}
            assert not compared & taken, f"{name}: two chains compare {compared & taken}"
            taken |= compared
