"""When what was seen may be believed: editors write in pieces, folders are emptied to be filled again.

Invariant: nothing is believed before it was seen unchanged for as long as it is doubtful; what belongs together
comes together, as far as a moment's patience allows.
Pure: it is told the time (seconds) and what was seen, and answers what to deliver and when to look again.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from pidalio.api.load import Loaded
from pidalio.model import Severity

_AGAIN: Final = 0.001
"""Only the first look is believed at once: what was read long ago is looked at again, this many seconds later."""


class Patience(msgspec.Struct, frozen=True):
    """How long something must stay the same before it is believed, in seconds.

    `quiet` for ordinary changes, `doubt` for files that are broken, empty or gone, `hold` for folders that are empty
    or were missing; `together` is how long what is believed waits for what is not yet.
    """

    quiet: float = 0.1
    doubt: float = 0.4
    hold: float = 2.0
    together: float = 0.5


class Seen(msgspec.Struct, frozen=True):
    """One file as read: a digest of its bytes (or of why there are none), and what they held.

    `age` is how many seconds before the end of the look its bytes were read: parsing a large file takes time.
    """

    digest: str
    loaded: Loaded
    age: float = 0.0

    @property
    def is_doubtful(self) -> bool:
        """Tell whether it may be half of something."""
        if not self.loaded.parsed and not self.loaded.skipped:
            return True
        return any(report.severity is Severity.ERROR for report in self.loaded.all_reports())


class Look(msgspec.Struct, frozen=True):
    """What one look at the paths saw.

    `hidden` are folders that could not be listed: what was known in them is not gone.
    `doubtful_roots` are folders that hold nothing, do not exist, or were just made anew.
    """

    units: Mapping[str, Seen]
    hidden: tuple[str, ...] = ()
    doubtful_roots: frozenset[str] = frozenset()

    def hides(self, unit: str) -> bool:
        """Tell whether nothing can be known of `unit`."""
        return any(is_inside(unit, folder) for folder in self.hidden)


class Pending(msgspec.Struct, frozen=True):
    """A change not yet believed: what was seen (None: gone), since when, and when it may be believed."""

    seen: Seen | None
    since: float
    due: float


class Settling:
    """Hold what was delivered and what is pending; `looked` takes a look in, `accept` tells that it was taken."""

    def __init__(self, patience: Patience = Patience()) -> None:  # noqa: B008 - frozen
        self._patience = patience
        self._delivered: dict[str, str] = {}
        self._pending: dict[str, Pending] = {}
        self._doubted: dict[str, float] = {}
        self.is_first = True
        """Whether nothing was taken yet, not even that there is nothing."""

    def looked(self, look: Look, now: float) -> dict[str, Loaded | None]:
        """Return what may now be believed, by unit (None: gone); empty when there is nothing, or it must wait.

        The first look is believed as a whole: nothing is live yet that could be lost.
        """
        for root in look.doubtful_roots:
            self._doubted[root] = now
        self._note(look, now)
        if self.is_first:
            return {unit: one.seen.loaded if one.seen else None for unit, one in self._pending.items()}
        ready = {unit: one for unit, one in self._pending.items() if one.due <= now}
        waits = len(ready) < len(self._pending)
        if waits and all(now < one.due + self._patience.together for one in ready.values()):
            return {}
        return {unit: one.seen.loaded if one.seen else None for unit, one in ready.items()}

    def accept(self, units: Mapping[str, Loaded | None]) -> None:
        """Note that `units`, just returned by `looked`, were taken; what was not accepted comes again."""
        self.is_first = False
        for unit in units:
            seen = self._pending.pop(unit).seen
            if seen is None:
                self._delivered.pop(unit, None)
            else:
                self._delivered[unit] = seen.digest

    def next_look(self) -> float | None:
        """Return the time of the next look that could believe something, None when nothing is pending."""
        if not self._pending:
            return None
        dues = [one.due for one in self._pending.values()]
        return min(max(dues), min(dues) + self._patience.together)

    def _note(self, look: Look, now: float) -> None:
        changed = {unit: seen for unit, seen in look.units.items() if self._delivered.get(unit) != seen.digest}
        gone = [unit for unit in self._delivered if unit not in look.units and not look.hides(unit)]
        for unit in [unit for unit in self._pending if unit not in changed and unit not in gone]:
            del self._pending[unit]
        for unit, seen in changed.items():
            self._wait(unit, seen, now, self._patience.doubt if seen.is_doubtful else self._patience.quiet)
        for unit in gone:
            self._wait(unit, None, now, self._patience.doubt)
            one = self._pending[unit]
            self._pending[unit] = msgspec.structs.replace(one, due=self._gone_due(unit, one.since, look))

    def _gone_due(self, unit: str, since: float, look: Look) -> float:
        """Return when a file may be taken for removed: later where its folder is, or just was, empty or missing."""
        due = since + self._patience.doubt
        for root, last in self._doubted.items():
            if is_inside(unit, root):
                due = max(due, (since if root in look.doubtful_roots else last) + self._patience.hold)
        return due

    def _wait(self, unit: str, seen: Seen | None, now: float, patience: float) -> None:
        old = self._pending.get(unit)
        if old is None or (old.seen and old.seen.digest) != (seen and seen.digest):
            since = now - seen.age if seen else now
            self._pending[unit] = Pending(seen, since, max(since + patience, now + _AGAIN))


def is_inside(unit: str, folder: str) -> bool:
    """Tell whether `unit` is `folder`, or lies in it; both are shown names."""
    return folder == "." or unit == folder or unit.startswith(folder.rstrip("/") + "/")
