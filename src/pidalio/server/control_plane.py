"""The control plane in one process: every change of input comes in here, and leaves as pushes to proxies.

Changes of what users wrote are recorded before they are acknowledged (a revision); changes of endpoints and health
live in memory only (a generation). Both take the same way: catalog → engine → distribution → streams.
Invariant: what is live is the result of accepted input only; a change that cannot be recorded is refused whole.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from pidalio.api.load import Loaded
from pidalio.api.object import Object
from pidalio.api.parse import Parsed
from pidalio.api.places import Places
from pidalio.derive import Database
from pidalio.effectiveness import Finding, Survey, implied_proxies, summed, survey
from pidalio.effectiveness import told as told_of
from pidalio.errors import NotFound
from pidalio.history import History, replay
from pidalio.model import Delivery, ObjectRef, Place, Proxy, Report, Severity
from pidalio.rules.effective import MISSING, reports_for
from pidalio.server.distribution import Distribution, Edits, View
from pidalio.server.grpc_reports import grpc_reports
from pidalio.server.proxies import proxy_of
from pidalio.server.warming import warm
from pidalio.store.catalog import Catalog
from pidalio.store.change import Change, Write
from pidalio.store.guarding import MINIMUM_HEALTHY, Guard
from pidalio.xds.ads import Ads
from pidalio.xds.node import Node, Peer
from pidalio.xds.session import Limits
from pidalio.xds.status import Events, Verdict

_LINGER: Final = 5.0
"""Seconds for which a removed cluster stays, for requests that chose it before (an injected delay may hold them)."""
_OUTBOUND: Final = "127.0.0.1:15001"
"""Where applications usually send their calls."""
_COLLECT_EVERY = 64
"""Generations between two collections of what no proxy needs any more."""


class Applied(msgspec.Struct, frozen=True):
    """What became of a change: `revision` and `generation` are those that hold it.

    `concerned` names the proxies that are to hold something else, by type URL the resource names (a dry run and a
    real change alike). With `is_refused` nothing was done, and the reports say why.
    """

    revision: int
    generation: int
    change: Change
    reports: tuple[Report, ...] = ()
    concerned: dict[str, dict[str, tuple[str, ...]]] = {}
    is_refused: bool = False


_Reference: TypeAlias = tuple[str, ObjectRef | None, str]
"""A reference that leads nowhere: the code of what is told of it, the object, the field path."""


class ControlPlane:
    """The mesh's inputs, its compiler and its streams; not for use by several threads."""

    def __init__(
        self,
        history: History,
        *,
        memo: bool = True,
        events: Events | None = None,
        admit: Callable[[Node, Peer], None] = lambda _node, _peer: None,
        minimum_healthy: int = MINIMUM_HEALTHY,
    ) -> None:
        self.catalog = Catalog()
        self.world = Database(memo=memo)
        self.ads = Ads(self._resolve, events=events, limits=Limits(linger=_LINGER))
        self.distribution = Distribution(self.world, self._notify)
        self.history = history
        self.guard = Guard(minimum_healthy)
        self.revision = 0
        self.watchers: list[Callable[[Edits], None]] = []
        """Called with each change of rows, after it is live."""
        self.describe: Callable[[Node], Proxy] = proxy_of
        self._admit = admit
        self._writing = asyncio.Lock()
        self._concerned: dict[str, dict[str, tuple[str, ...]]] = {}
        self._collected = 0
        self._remembered: tuple[Write, ...] = ()

    async def restore(self) -> tuple[Report, ...]:
        """Go on where the last process ended: what was applied is live again, files must confirm theirs."""
        head = await self.history.head()
        found = replay(await self.history.state())
        self.catalog.remember(found.remembered)
        self._remembered = found.remembered
        self._commit(self.catalog.apply(found.applied))
        self.revision = head.number
        return found.reports

    async def apply(
        self,
        parsed: Sequence[Parsed],
        *,
        author: str,
        message: str = "",
        dry_run: bool = False,
        force: bool = False,
        strict: bool = False,
        expected: int | None = None,
    ) -> Applied:
        """Add or replace objects: all, or none when one is refused or cannot be recorded.

        A reference to something that does not exist refuses the change too, unless `force`, and so does one of another
        object that would lose what it refers to; with `strict` so does any warning about one of the objects, and
        anything that would lose its effect, or to another, because of them.
        """
        return await self._write(
            lambda: self.catalog.apply(parsed), author, message, dry_run, force, expected, strict=strict
        )

    async def delete(
        self, refs: Sequence[ObjectRef], *, author: str, message: str = "", dry_run: bool = False, force: bool = False
    ) -> Applied:
        """Remove objects that the API owns: all, or none, also where others refer to them, unless `force`."""
        return await self._write(lambda: self.catalog.delete(refs), author, message, dry_run, force, None)

    async def recall(self, source: str, is_own: Callable[[str], bool]) -> tuple[str, ...]:
        """Make live what a source held when the last process ended, of the units that it would have; return those.

        For a start at which the source shows nothing at all, where the guard would not believe that at any other time.
        """
        units: dict[str, list[Parsed]] = {}
        for write in self._remembered:
            if write.object is not None and write.owner.source == source and is_own(write.owner.unit):
                parsed = Parsed(write.ref, write.object, (), Places(write.owner.unit, 0))
                units.setdefault(write.owner.unit, []).append(parsed)
        if self.guard.is_believed(len(units), 0):
            return ()
        loaded = {name: Loaded(tuple(parsed), (), ()) for name, parsed in units.items()}
        await self._take_over(lambda: self.catalog.replace_all(source, loaded), source)
        return tuple(units)

    async def replace_units(
        self, source: str, units: Mapping[str, Loaded | None], *, author: str, believed: bool = False
    ) -> Applied:
        """Take over the content of files; objects in none any more vanish, broken ones keep their last version.

        When all files are gone at once, what they held stays until somebody says that it is meant, unless it is
        `believed`: a platform's own word on its objects.
        """
        if believed:
            return await self._take_over(lambda: self.catalog.replace_all(source, units), author)
        kept = self.guard.files(
            source, self.catalog.units(source), units, lambda gone: self.catalog.replace_all(source, gone)
        )
        applied = await self._take_over(lambda: self.catalog.replace_all(source, kept), author)
        if kept or not units:
            self.guard.took(source)
            return applied
        return msgspec.structs.replace(applied, reports=(*applied.reports, *self.guard.reports()))

    def feed(self, source: str, rows: Edits, *, complete: bool = False) -> int:
        """Take over rows of a platform (workloads, endpoints, services); return the generation that holds them.

        A complete delivery that would take nearly all healthy instances of the platform away is held back.
        """
        if not complete or self.believes(source, rows):
            self._commit(self.catalog.feed(source, rows, complete=complete))
        return self.world.generation

    def believes(self, source: str, rows: Edits, *, confirmed: bool = False) -> bool:
        """Tell whether all that a platform has now is believed; if not, it is held back until somebody releases it.

        `confirmed` says that the platform was asked twice: then only the health of what it still shows counts.
        """

        def change() -> Change:
            return self.catalog.feed(source, rows, complete=True)

        if not self.guard.feed(source, self.catalog.fed(source), rows, change, confirmed=confirmed):
            return False
        self.guard.took(source)
        return True

    def weigh(self, source: str, before: int, after: int, rows: Callable[[], Edits]) -> bool:
        """Tell whether a platform's healthy instances may become so few; else hold `rows` back, all that it has now."""
        if not self.guard.weigh(source, before, after, lambda: self.catalog.feed(source, rows(), complete=True)):
            return False
        self.guard.took(source)
        return True

    def hold(self, source: str, rows: Callable[[], Edits], message: str) -> None:
        """Hold back all that a platform has now, until it is asked again, or somebody releases it."""
        self.guard.hold(source, message, lambda: self.catalog.feed(source, rows(), complete=True))

    def foresee(self, source: str, rows: Edits) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return, by proxy and type URL, the resources that `feed` of these rows would change; change nothing."""
        with self.catalog.trial():
            planned = self.catalog.feed(source, rows)
            with self.distribution.trial(planned.edits) as concerned:
                found = {view.proxy.id: _sorted(dirty) for view, dirty in concerned.items()}
        self.ads.current(self.world.generation)  # as before, but a trial counts as two generations
        return found

    async def release(self, source: str, *, author: str) -> Applied:
        """Take over what is held back of a source; raise `NotFound` where nothing is."""
        held = self.guard.held(source)
        if held is None:
            raise NotFound(f"nothing of {source!r} is held back: `pidalio status` shows what is")
        applied = await self._take_over(held.change, author)
        self.guard.took(source)
        return applied

    async def _take_over(self, change: Callable[[], Change], author: str) -> Applied:
        """Make a change of what a platform says: nobody is there who could mend it before."""
        return await self._write(change, author, "", dry_run=False, force=True, expected=None)

    async def _write(
        self,
        change: Callable[[], Change],
        author: str,
        message: str,
        dry_run: bool,
        force: bool,
        expected: int | None,
        *,
        strict: bool = False,
    ) -> Applied:
        async with self._writing:
            standing = set(self._survey(self.catalog.objects()).findings()) if strict else set()
            missing = self._missing()
            with self.catalog.trial():
                planned = change()
                is_judged = dry_run or strict or not force
                verdict = self._judge(planned, standing, missing, strict=strict) if is_judged else _Judgement()
            refused = planned.is_refused or (verdict.is_missing and not force) or verdict.is_warned
            if refused or dry_run:
                reports = verdict.reports or self.catalog.locate(planned.reports)
                return Applied(self.revision, self.world.generation, planned, reports, verdict.concerned, refused)
            if planned.writes:
                recorded = await self.history.record(planned.writes, author, message, expected=expected)
                self.revision = recorded.number
            self._concerned = {}
            done = change()
            self._commit(done)
            reports = verdict.reports or (*self._reports_on(done), *self._broken(done, missing))
            return Applied(self.revision, self.world.generation, done, reports, self._concerned)

    def _judge(
        self,
        planned: Change,
        standing: set[Finding],
        missing: Collection[_Reference],
        *,
        strict: bool,
    ) -> "_Judgement":
        """Return what a change that is not made yet would mean; called while the catalog holds it on trial."""
        touched = {*planned.added, *planned.changed}
        with self.distribution.trial(planned.edits) as concerned:
            broken = self._broken(planned, missing)
            told = (*self._reports_on(planned), *broken)
            names = {view.proxy.id: _sorted(dirty) for view, dirty in concerned.items()}
            found = self._survey(self.catalog.objects()) if strict else self._survey_of(touched)
            news = [one for one in found.findings() if one.object in touched or (strict and one not in standing)]
            few = (told_of(one, self.catalog.place) for one in summed(news))
            reports = tuple(dict.fromkeys((*told, *self.catalog.locate(few))))
        self.ads.current(self.world.generation)  # as before, but a trial counts as two generations
        is_missing = bool(broken) or any(one.code in MISSING and one.object in touched for one in reports)
        is_warned = strict and any(one.severity >= Severity.WARNING for one in reports)
        return _Judgement(reports, names, is_missing, is_warned)

    def _survey_of(self, refs: Iterable[ObjectRef]) -> Survey:
        return self._survey([item for ref in sorted(refs) if (item := self.catalog.get(ref))], only=True)

    def _survey(self, objects: Sequence[Object[Any]], *, only: bool = False) -> Survey:
        return survey(self.world, self.audience(), objects, only=only)

    def audience(self) -> tuple[Proxy, ...]:
        """Return the proxies for which objects take effect: those connected, or while there are none, those implied.

        A proxyless gRPC client is looked at as the Envoy that would follow the same rules in its place.
        """
        return tuple(map(_as_envoy, self.proxies().values())) or implied_proxies(self.world)

    def _reports_on(self, change: Change) -> tuple[Report, ...]:
        items = (self.catalog.get(ref) for ref in (*change.added, *change.changed))
        found = [report for item in items if item for report in reports_for(self.world, item)]
        return tuple(dict.fromkeys(self.catalog.locate((*change.reports, *found))))

    def _missing(self) -> dict[_Reference, Report]:
        """Return what is to be told of references that lead nowhere, by code, object and field path."""
        items = (item for kind in ("VirtualService", "Ingress") for item in self.catalog.objects(kind))
        found = (one for item in items for one in reports_for(self.world, item) if one.code in MISSING)
        return {(one.code, one.object, one.path): one for one in found}

    def _broken(self, change: Change, missing: Collection[_Reference]) -> tuple[Report, ...]:
        """Return the references of other objects that lead nowhere since a change; before it, `missing` did."""
        own = {*change.added, *change.changed}
        found = (report for key, report in self._missing().items() if key not in missing and report.object not in own)
        return self.catalog.locate(found)

    def _commit(self, change: Change) -> None:
        if change.edits:
            changes = self.distribution.apply(change.edits)
            self.ads.current(changes.generation)
            for watch in self.watchers:
                watch(change.edits)
            if changes.generation - self._collected >= _COLLECT_EVERY:
                self.collect()

    def collect(self) -> None:
        """Close the views that no stream holds, and forget what no view needs."""
        self._collected = self.world.generation
        held = [stream.target for stream in self.ads.streams()]
        self.distribution.retain([view for view in held if isinstance(view, View)])

    async def prepare(self, node: Node, peer: Peer) -> None:
        """Compile for a proxy that is about to be served, a little at a time; raise `Refused` to turn it away."""
        self._admit(node, peer)
        await warm(self.world, self.describe(node))

    def _resolve(self, node: Node, peer: Peer) -> View:
        self._admit(node, peer)
        return self.distribution.open(self.describe(node))

    def _notify(self, view: View, dirty: Mapping[str, Any], generation: int) -> None:
        self._concerned[view.proxy.id] = _sorted(dirty)
        self.ads.changed(view, dirty, generation)

    async def live(self, generation: int, seconds: float) -> tuple[Verdict, ...]:
        """Wait until every connected proxy runs `generation`, at most `seconds`; return how each stands."""
        return await self.ads.live(generation, seconds)

    def proxies(self) -> dict[str, Proxy]:
        """Return every connected proxy by its id."""
        views = (stream.target for stream in self.ads.streams())
        return {view.proxy.id: view.proxy for view in views if isinstance(view, View)}

    def objects(self, kind: str | None = None, namespace: str | None = None) -> tuple[Object[Any], ...]:
        """Return the live objects, by kind, namespace and name."""
        return self.catalog.objects(kind, namespace)

    def place(self, ref: ObjectRef, path: str = "") -> Place | None:
        """Return where a field is written, None when no file holds it."""
        return self.catalog.place(ref, path)

    def reports(self) -> tuple[Report, ...]:
        """Return everything that stands to be told: mistakes, conflicts, missing references, fields without effect."""
        found = [report for item in self.catalog.objects() for report in reports_for(self.world, item)]
        rejected = [report for stream in self.ads.streams() for report in _rejections(stream.rejections)]
        lost = grpc_reports(self.world, self.ads.streams())
        held = self.guard.reports()
        return tuple(dict.fromkeys(self.catalog.locate((*self.catalog.reports(), *held, *found, *rejected, *lost))))


def _as_envoy(proxy: Proxy) -> Proxy:
    if proxy.delivery is not Delivery.GRPC:
        return proxy
    return msgspec.structs.replace(proxy, delivery=Delivery.PARTS, outbound=_OUTBOUND)


class _Judgement(msgspec.Struct, frozen=True):
    """What a planned change would mean; `is_missing` when an object would name something that is not there.

    `is_warned` when it was to be strict, and there is a warning.
    """

    reports: tuple[Report, ...] = ()
    concerned: dict[str, dict[str, tuple[str, ...]]] = {}
    is_missing: bool = False
    is_warned: bool = False


def _rejections(rejections: Iterable[Any]) -> Iterable[Report]:
    for one in rejections:
        origin = one.origins[0] if one.origins else None
        message = f"Envoy refuses {one.name}: {one.error}; the version before stays live"
        yield Report(
            Severity.ERROR,
            "rejected-by-envoy",
            message,
            origin.object if origin else None,
            f"spec.{origin.path}" if origin and origin.path else "",
        )


def _sorted(dirty: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {type_url: tuple(sorted(names)) for type_url, names in sorted(dirty.items()) if names}
