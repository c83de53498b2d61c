"""From the verdicts on the routes of one entry, in all virtual hosts that have it, to what is told of the entry."""

from collections.abc import Iterator, Sequence

from pidalio.effectiveness.facts import Seen
from pidalio.effectiveness.finding import Finding, listed
from pidalio.effectiveness.verdict import Standing
from pidalio.model import ObjectRef, Origin


def route_findings(ref: ObjectRef, path: str, seen: Sequence[Seen]) -> Iterator[Finding]:
    """Yield what there is to say of an entry that is in some virtual host."""
    standings = {one.verdict.standing for one in seen}
    if Standing.EFFECTIVE in standings:
        live = [one for one in seen if one.verdict.standing is Standing.EFFECTIVE]
        if Standing.UNDECIDED not in standings:
            yield from _for_nothing(ref, path, live)
    elif Standing.UNDECIDED in standings:
        why = next(one.verdict.why for one in seen if one.verdict.standing is Standing.UNDECIDED)
        yield Finding("undecided", ref, path, (why,))
    else:
        shadowed = next((one for one in seen if _distinct(one.by)), None)
        if shadowed:
            verb = "shadowed by " if len(_distinct(shadowed.by)) == 1 else "shadowed together by "
            yield Finding("ineffective", ref, path, (verb, *listed(_distinct(shadowed.by))))
        else:
            yield Finding("ineffective", ref, path, (seen[0].verdict.why,))


def _for_nothing(ref: ObjectRef, path: str, live: Sequence[Seen]) -> Iterator[Finding]:
    """Yield that nothing would change without an entry, or that a regex keeps it from being told."""
    if not all(one.twins or one.doubles for one in live):
        return
    unsure = next((one for one in live if one.doubles), None)
    others = _distinct(unsure.doubles if unsure else live[0].twins)
    if others and unsure:
        words = ("a regex keeps it from being told whether its requests would get just the same from ", *listed(others))
        yield Finding("undecided", ref, path, words)
    elif others:
        yield Finding(
            "redundant", ref, path, ("without it its requests would get just the same from ", *listed(others))
        )


def _distinct(origins: tuple[Origin | None, ...]) -> tuple[Origin, ...]:
    return tuple(dict.fromkeys(one for one in origins if one is not None))
