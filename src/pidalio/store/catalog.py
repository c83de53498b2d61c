"""All objects of the mesh: who owns them, where they stand, and which version is live.

Invariant: the rows it has emitted are exactly those of the live objects and of the platforms; a mistake in one
object changes nothing else, and places, owners and order never reach a row.
It stands between what users and platforms say and `Database.apply`: the only door through which inputs change.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from pidalio.api.load import Loaded
from pidalio.api.object import Object
from pidalio.api.parse import Parsed
from pidalio.model import ObjectRef, Place, Report, Severity
from pidalio.store.applying import cannot_apply, cannot_delete
from pidalio.store.change import API, Change, Owner, Write
from pidalio.store.claims import Live, by_position, located
from pidalio.store.contributions import Contributions, Rows, feed_contributor, object_contributor
from pidalio.store.journal import Journal
from pidalio.store.rows import layout_rows, rows_of
from pidalio.store.standing import Standing
from pidalio.store.units import Unit, claim, read_unit, unread_kinds


class Catalog:
    """Hold what every source says, decide what is live, and say what each change means.

    Nothing here waits or fails half-way: each method is one step, and inside `trial` it is taken back.
    """

    def __init__(self, contribute: Callable[[Object[Any]], Rows] = rows_of) -> None:
        self._journal = Journal()
        self._contribute = contribute
        self._contributions = Contributions(self._journal)
        self._standing = Standing(self._journal)
        self._units: dict[Owner, Unit] = {}

    def replace(self, source: str, unit: str, parsed: Sequence[Parsed], reports: Sequence[Report] = ()) -> Change:
        """Make `parsed` the complete content of one unit (a file); objects no longer in it vanish.

        A broken object keeps its last accepted version and the unit's other objects are accepted; while a part
        of the unit cannot be read at all (an ERROR among `reports`, or an object without a name), none vanishes.
        """
        return self.replace_all(source, {unit: Loaded(tuple(parsed), (), tuple(reports))})

    def replace_all(self, source: str, units: Mapping[str, Loaded | None]) -> Change:
        """Replace several units in one step (None removes one), so that a move between files is no removal.

        What is read together at the start must come together: then the order of files decides nothing.
        """
        touched: dict[ObjectRef, None] = {}
        reports: list[Report] = []
        for name, loaded in units.items():
            owner = Owner(source, name)
            unit = None if loaded is None else read_unit(owner, loaded, self._units.get(owner, Unit()))
            touched |= self._set_unit(owner, unit)
            reports += unit.all_reports() if unit else ()
        return self._settle(touched, reports)

    def remove_unit(self, source: str, unit: str) -> Change:
        """Remove one unit with all its objects."""
        return self.replace_all(source, {unit: None})

    def apply(self, objects: Sequence[Parsed], owner: str = API) -> Change:
        """Add or replace objects that `owner` (the API) owns: all of them, or none when one is refused.

        Refused are broken objects, the same object twice, and those that another source owns (`owned-elsewhere`).
        """
        who = Owner(owner)
        reports = cannot_apply(objects, who, self._standing.claims)
        if any(report.severity is Severity.ERROR for report in reports):
            return Change(reports=reports, is_refused=True)
        unit = self._units.get(who, Unit())
        new = claim(who, objects, unit).claims
        self._set_unit(who, Unit({**unit.claims, **new}), new)
        return self._settle(new, reports)

    def delete(self, refs: Iterable[ObjectRef], owner: str = API) -> Change:
        """Remove objects that `owner` (the API) owns: all of them, or none when one is refused."""
        who, gone = Owner(owner), dict.fromkeys(refs)
        unit = self._units.get(who, Unit())
        refused = [cannot_delete(ref, self._standing.claims(ref)) for ref in gone if ref not in unit.claims]
        if refused:
            return Change(reports=tuple(refused), is_refused=True)
        rest = {ref: claims for ref, claims in unit.claims.items() if ref not in gone}
        self._set_unit(who, Unit(rest), gone)
        return self._settle(gone)

    def feed(self, source: str, rows: Rows, *, complete: bool = False) -> Change:
        """Change rows that the platform `source` contributes and that are no objects; a row None removes it.

        With `complete`, `rows` are all that the platform has: its others vanish.
        """
        contributor = feed_contributor(source)
        if complete:
            self._contributions.replace(contributor, rows)
        else:
            self._contributions.update(contributor, rows)
        return Change(edits=self._contributions.collect())

    def fed(self, source: str) -> Mapping[Any, Any]:
        """Return the rows that the platform `source` contributes now, by table and key."""
        return self._contributions.of(feed_contributor(source))

    def units(self, source: str) -> Mapping[str, bool]:
        """Return the units of a source, and of each whether it holds objects."""
        return {owner.unit: bool(unit.claims) for owner, unit in self._units.items() if owner.source == source}

    def remember(self, writes: Iterable[Write]) -> None:
        """Take, from the history, what was accepted before the start.

        It becomes live when its object is claimed and broken or contested, and not before.
        """
        for write in writes:
            self._standing.remember(write.ref, Live(write.object, write.owner, write.layouts) if write.object else None)

    def forget(self) -> None:
        """Drop what `remember` gave: to be called once all sources were read."""
        for ref in self._standing.remembered():
            self._standing.remember(ref, None)

    def trial(self) -> AbstractContextManager[None]:
        """Take back, at the end of the `with` block, every change made inside it: a dry run."""
        return self._journal.trial()

    def get(self, ref: ObjectRef) -> Object[Any] | None:
        """Return the live version of `ref`."""
        live = self._standing.live(ref)
        return live.object if live else None

    def owner(self, ref: ObjectRef) -> Owner | None:
        """Return who owns the live version of `ref`."""
        live = self._standing.live(ref)
        return live.owner if live else None

    def objects(self, kind: str | None = None, namespace: str | None = None) -> tuple[Object[Any], ...]:
        """Return the live objects, by kind, namespace and name; None does not filter."""
        return tuple(
            write.object
            for write in self.snapshot()
            if write.object and kind in (None, write.ref.kind) and namespace in (None, write.ref.namespace)
        )

    def snapshot(self) -> tuple[Write, ...]:
        """Return every live object with its owner, in order: what the history compares with at the start."""
        pairs = ((ref, self._standing.live(ref)) for ref in self._standing.refs())
        return tuple(live.write for _, live in pairs if live)

    def place(self, ref: ObjectRef, path: str = "") -> Place | None:
        """Return `file:line` of a field, or of its nearest written ancestor; None when no file holds the object.

        `path` starts at the object (`spec.http[0]`) or inside its spec (`http[0]`); a member of a list that has names
        may go by its name (`subsets["v1"]`).
        """
        claims, owner = self._standing.claims(ref), self.owner(ref)
        own = next((claim for claim in claims if claim.owner == owner), claims[0] if claims else None)
        return located(own.places, by_position(own.object or self.get(ref), path)) if own else None

    def locate(self, reports: Iterable[Report]) -> tuple[Report, ...]:
        """Return `reports` with the place of each, where it has none and one is known."""
        return tuple(
            msgspec.structs.replace(report, place=self.place(report.object, report.path))
            if report.place is None and report.object is not None
            else report
            for report in reports
        )

    def reports(self) -> tuple[Report, ...]:
        """Return what stands to be mended, in order of place: mistakes in units and contested objects."""
        found = [report for unit in self._units.values() for report in unit.all_reports()]
        found += self._standing.all_contested()
        return (*sorted(dict.fromkeys(found), key=_order), *unread_kinds(self._units.values()))

    def _set_unit(
        self, owner: Owner, unit: Unit | None, touched: Iterable[ObjectRef] | None = None
    ) -> dict[ObjectRef, None]:
        """Store `unit` and hand on the claims of `touched` objects (all that it had or has, unless told)."""
        former = self._units.get(owner, Unit())
        claims = unit.claims if unit else {}
        refs = dict.fromkeys((*former.claims, *claims) if touched is None else touched)
        self._journal.put(self._units, owner, unit)
        for ref in refs:
            self._standing.put(owner, ref, claims.get(ref, ()))
        return refs

    def _settle(self, refs: Iterable[ObjectRef], reports: Iterable[Report] = ()) -> Change:
        """Decide anew what is live of `refs`, and say what that changed."""
        touched = tuple(refs)
        verdicts = tuple(self._standing.decide(touched))
        news = [verdict for verdict in verdicts if verdict.is_new_content]
        for verdict in news:
            rows = {**self._contribute(verdict.new.object), **layout_rows(verdict.new)} if verdict.new else {}
            self._contributions.replace(object_contributor(verdict.ref), rows)
        return Change(
            edits=self._contributions.collect(),
            writes=tuple(verdict.write for verdict in verdicts),
            added=tuple(one.ref for one in news if one.old is None),
            changed=tuple(one.ref for one in news if one.old and one.new),
            removed=tuple(one.ref for one in news if one.new is None),
            reports=(*reports, *(report for ref in touched for report in self._standing.contested(ref))),
        )


def _order(report: Report) -> tuple[str, int, str, str]:
    place = report.place
    return (place.file, place.line, report.code, report.message) if place else ("", 0, report.code, report.message)
