"""Which version of each object is live: claims come and go, and what stands is decided anew for what they touch.

Invariant: what is live of an object is `decide(claims, what was accepted last)` and nothing else.
It stands between the units and the rows of the catalog.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from pidalio.model import ObjectRef, Report
from pidalio.store.change import Owner, Write
from pidalio.store.claims import Claim, Live, contest, decide
from pidalio.store.journal import Journal


class Verdict(msgspec.Struct, frozen=True):
    """What became of one object: `old` and `new` are its live versions, None for none."""

    ref: ObjectRef
    old: Live | None
    new: Live | None

    @property
    def write(self) -> Write:
        """Return the object as it now stands."""
        known = self.new or self.old
        if known is None:
            raise ValueError(f"{self.ref} was never live")
        return self.new.write if self.new else Write(self.ref, None, known.owner)

    @property
    def is_new_content(self) -> bool:
        """Tell whether more than the owner changed."""
        return (self.old.object if self.old else None) != (self.new.object if self.new else None)


class Standing:
    """Hold the claims of every object, its live version, and what was accepted before the start."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._claims: dict[ObjectRef, tuple[Claim, ...]] = {}
        self._live: dict[ObjectRef, Live] = {}
        self._remembered: dict[ObjectRef, Live] = {}
        self._contested: dict[ObjectRef, tuple[Report, ...]] = {}

    def put(self, owner: Owner, ref: ObjectRef, mine: Sequence[Claim]) -> None:
        """Make `mine` all the claims of `owner` to `ref`."""
        others = [claim for claim in self._claims.get(ref, ()) if claim.owner != owner]
        claims = sorted((*others, *mine), key=lambda claim: (claim.owner, claim.number))
        self._journal.put(self._claims, ref, tuple(claims) or None)

    def decide(self, refs: Iterable[ObjectRef]) -> Iterator[Verdict]:
        """Decide what is live of `refs`, in order, and yield those of which the content or the owner changed."""
        for ref in sorted(refs):
            claims, old = self.claims(ref), self._live.get(ref)
            new = decide(claims, old or self._remembered.get(ref))
            self._journal.put(self._contested, ref, contest(ref, claims, new) or None)
            if new != old:
                self._journal.put(self._live, ref, new)
                yield Verdict(ref, old, new)

    def remember(self, ref: ObjectRef, accepted: Live | None) -> None:
        """Set what was accepted of `ref` before the start."""
        self._journal.put(self._remembered, ref, accepted)

    def remembered(self) -> tuple[ObjectRef, ...]:
        """Return the objects of which something is remembered."""
        return tuple(self._remembered)

    def claims(self, ref: ObjectRef) -> tuple[Claim, ...]:
        """Return every claim to `ref`."""
        return self._claims.get(ref, ())

    def live(self, ref: ObjectRef) -> Live | None:
        """Return the live version of `ref`."""
        return self._live.get(ref)

    def refs(self) -> list[ObjectRef]:
        """Return the live objects' names in order."""
        return sorted(self._live)

    def contested(self, ref: ObjectRef) -> tuple[Report, ...]:
        """Return the reports about `ref` being claimed more than once."""
        return self._contested.get(ref, ())

    def all_contested(self) -> Iterator[Report]:
        """Yield the reports about every object that is claimed more than once."""
        for reports in self._contested.values():
            yield from reports
