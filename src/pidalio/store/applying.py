"""What may be applied or deleted by someone who is not a file: ownership, and the reports that refuse.

Invariant: an object has one owner; whoever else wants to change it is told who that is.
It stands before the catalog's `apply` and `delete`.
"""

from collections.abc import Callable, Iterable, Sequence

from pidalio.api.parse import Parsed
from pidalio.model import ObjectRef, Report, Severity
from pidalio.store.change import Owner
from pidalio.store.claims import Claim


def cannot_apply(
    objects: Sequence[Parsed], owner: Owner, claims_of: Callable[[ObjectRef], Iterable[Claim]]
) -> tuple[Report, ...]:
    """Return every report about `objects`; an ERROR among them refuses all."""
    reports: list[Report] = []
    seen: set[ObjectRef] = set()
    for one in objects:
        reports.extend(one.reports)
        ref, place = one.ref, one.places.place("")
        if ref is None:
            continue
        if ref in seen:
            message = "given twice in one call; keep one of them"
            reports.append(Report(Severity.ERROR, "declared-twice", message, ref, place=place))
        seen.add(ref)
        reports.extend(
            Report(Severity.ERROR, "owned-elsewhere", f"{_by(claim)}; change it there", ref, place=place)
            for claim in claims_of(ref)
            if claim.owner != owner
        )
    return tuple(reports)


def cannot_delete(ref: ObjectRef, claims: Sequence[Claim]) -> Report:
    """Return why `ref`, which the caller does not own, is not deleted."""
    if not claims:
        return Report(Severity.ERROR, "not-found", "no such object", ref)
    return Report(Severity.ERROR, "owned-elsewhere", f"{_by(claims[0])}; remove it there", ref)


def _by(claim: Claim) -> str:
    return f"owned by {claim.place or claim.owner}"
