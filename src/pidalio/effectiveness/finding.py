"""What is found out about an object, before lines of files are joined to it.

Invariant: a finding holds no line and no file, only origins; `told` joins the places, at the edge.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from pidalio.model import ObjectRef, Origin, Place, Report, Severity

PlaceOf: TypeAlias = Callable[[ObjectRef, str], Place | None]
"""Says where a part of an object is written."""

_SHOWN = 3
"""Of how many *undecided* parts of one object each is told by itself, and how many places stand for more."""
_INFO = frozenset(
    {
        "only-lets-in",
        "undecided",
        "redundant",
        "zero-weight",
        "unused-subset",
        "health-check-load",
        "retries-without-budget",
    }
)

_RISKS = frozenset(
    {
        "attempts-multiply",
        "retries-beyond-timeout",
        "retries-without-budget",
        "retries-off-elsewhere",
        "outlier-never-ejects",
        "outlier-ejects-all",
        "failover-without-ejection",
    }
)


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One thing found out: `words` are text and the origins that it names, `path` is inside the object's spec."""

    code: str
    object: ObjectRef
    path: str
    words: tuple[str | Origin, ...]

    @property
    def severity(self) -> Severity:
        """Return INFO for what may well be meant, else WARNING."""
        return Severity.INFO if self.code in _INFO else Severity.WARNING

    @property
    def is_risk(self) -> bool:
        """Tell whether it is about what happens when something fails."""
        return self.code in _RISKS

    @property
    def is_conflict(self) -> bool:
        """Tell whether it is about objects that compete."""
        return self.code.startswith("conflict-")


def told(finding: Finding, place: PlaceOf) -> Report:
    """Return the report of a finding; each object that it names comes with its place."""

    def text(word: str | Origin) -> str:
        if isinstance(word, str):
            return word
        where = place(word.object, word.path)
        return f"{word} ({where})" if where else str(word)

    message = "".join(map(text, finding.words))
    path = f"spec.{finding.path}" if finding.path else ""
    return Report(finding.severity, finding.code, message, finding.object, path, place(finding.object, finding.path))


def listed(origins: tuple[Origin, ...]) -> tuple[str | Origin, ...]:
    """Return words that name several origins."""
    words: list[str | Origin] = []
    for at, one in enumerate(origins):
        if at:
            words.append(" and " if at == len(origins) - 1 else ", ")
        words.append(one)
    return tuple(words)


def summed(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings with many *undecided* ones of one object as one: the first, which counts the others."""
    found = tuple(findings)
    unsure: dict[ObjectRef, list[Finding]] = defaultdict(list)
    for one in found:
        if one.code == "undecided":
            unsure[one.object].append(one)
    for one in found:
        alike = unsure[one.object] if one.code == "undecided" else []
        if len(alike) <= _SHOWN:
            yield one
        elif one is alike[0]:
            yield _counted(alike)


def _counted(several: list[Finding]) -> Finding:
    first = several[0]
    places = listed(tuple(Origin(one.object, one.path) for one in several[1:_SHOWN]))
    more = f"; nor of {len(several) - 1:,} more parts, ", *places, " first (-o json of validate and get names all)"
    return msgspec.structs.replace(first, words=(*first.words, *more))
