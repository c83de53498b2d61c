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
        if all(one.twins for one in live) and Standing.UNDECIDED not in standings:
            twins = _distinct(live[0].twins)
            if twins:
                words = ("without it its requests would get just the same from ", *listed(twins))
                yield Finding("redundant", ref, path, words)
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


def _distinct(origins: tuple[Origin | None, ...]) -> tuple[Origin, ...]:
    return tuple(dict.fromkeys(one for one in origins if one is not None))
