"""What one unit (a file, or all that was applied) says: the claims that it makes and its own mistakes.

Invariant: while a part of a unit cannot be read, none of the objects it held before is taken for removed.
It stands between what `api` parsed and the catalog.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from pidalio.api.load import Loaded
from pidalio.api.parse import Parsed, Skipped
from pidalio.model import ObjectRef, Place, Report, Severity
from pidalio.store.change import FILES, Owner
from pidalio.store.claims import Claim


class Unit(msgspec.Struct, frozen=True):
    """The claims of one unit by object, the reports about the unit and about documents without a name, the rest."""

    claims: Mapping[ObjectRef, tuple[Claim, ...]] = {}
    reports: tuple[Report, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def all_reports(self) -> tuple[Report, ...]:
        """Return the reports of the unit and of each of its objects."""
        return (*self.reports, *(report for one in _flat(self.claims) for report in one.reports))


def read_unit(owner: Owner, loaded: Loaded, former: Unit) -> Unit:
    """Return the unit that the text `loaded` makes of `former`.

    A mistake that hides which object it concerns (the text ends early, a document has no name, or a broken one has
    a name that the unit did not hold) keeps what is no longer found: it may be the very object that is being edited.
    """
    unit = claim(owner, loaded.parsed, former)
    whole = (*loaded.reports, *unit.reports)
    lost = [ref for ref in former.claims if ref not in unit.claims]
    if not lost or not (_has_error(whole) or any(_is_unknown(one) for one in _flat(unit.claims))):
        return Unit(unit.claims, whole, loaded.skipped)
    told = () if _has_error(loaded.reports) else (_kept(lost, owner),)
    kept = {ref: former.claims[ref] for ref in lost}
    return Unit({**unit.claims, **kept}, (*whole, *told), loaded.skipped)


def claim(owner: Owner, parsed: Sequence[Parsed], former: Unit) -> Unit:
    """Return the claims of `parsed`, made by `owner`; documents without a name leave only their reports."""
    claims: dict[ObjectRef, tuple[Claim, ...]] = {}
    nameless: list[Report] = []
    for one in parsed:
        if one.ref is None:
            nameless.extend(one.reports)
            continue
        earlier = claims.get(one.ref, ())
        known = one.object is not None or any(old.is_known for old in former.claims.get(one.ref, ()))
        made = Claim(owner, len(earlier), one.object, one.places, one.reports, known)
        claims[one.ref] = (*earlier, made)
    return Unit(claims, tuple(nameless))


def unread_kinds(units: Iterable[Unit]) -> tuple[Report, ...]:
    """Return one report that counts the documents of kinds that are not read, or none."""
    counts = Counter(one.kind for unit in units for one in unit.skipped)
    if not counts:
        return ()
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    return (Report(Severity.INFO, "kinds-not-read", f"documents of kinds that are not read: {kinds}"),)


def _flat(claims: Mapping[ObjectRef, tuple[Claim, ...]]) -> Iterator[Claim]:
    return (claim for several in claims.values() for claim in several)


def _is_unknown(claim: Claim) -> bool:
    return claim.object is None and not claim.is_known


def _has_error(reports: Sequence[Report]) -> bool:
    return any(report.severity is Severity.ERROR for report in reports)


def _kept(lost: Sequence[ObjectRef], owner: Owner) -> Report:
    names = ", ".join(str(ref) for ref in lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
    message = f"{names}: no longer found in {owner}, but kept until the mistakes there are mended"
    return Report(Severity.WARNING, "kept", message, place=Place(owner.unit, 1) if owner.source == FILES else None)
