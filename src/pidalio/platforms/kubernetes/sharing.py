"""Equal values kept once: thousands of pods have the same labels, ports and places.

Invariant: it never grows without bound; what it forgets is kept a second time, and that is all.
"""

from typing import Any, Final, TypeVar

from pidalio.model import Labels

T = TypeVar("T")
_MOST: Final = 50_000


class Shared:
    """Values by themselves."""

    def __init__(self, most: int = _MOST) -> None:
        self._known: dict[Any, Any] = {}
        self._most = most

    def one(self, value: T) -> T:
        """Return the value that is equal and was seen first."""
        if len(self._known) >= self._most:
            self._known.clear()
        known: T = self._known.setdefault(value, value)
        return known

    def labels(self, labels: Labels) -> Labels:
        """Return equal labels, with their parts shared, too."""
        if (known := self._known.get(labels)) is not None:
            return known  # type: ignore[no-any-return]
        one = self.one
        return one(tuple(one((one(name), one(value))) for name, value in labels))
