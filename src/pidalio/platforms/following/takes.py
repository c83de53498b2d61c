"""What a follower needs of the control plane, as a type: the control plane itself lives above this layer."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pidalio.api.load import Loaded
from pidalio.platforms.adapter import Rows
from pidalio.platforms.following.judging import Slot


class Takes(Protocol):
    """What a follower needs of the control plane."""

    def feed(self, source: str, rows: Rows) -> int:
        """Take over changed rows."""

    def fed(self, source: str) -> Mapping[Slot, Any]:
        """Return the rows that are live of a source."""

    def believes(self, source: str, before: int, after: int, rows: Callable[[], Rows]) -> bool:
        """Tell whether so many healthy instances may become so few; else hold `rows` back, all that there is now."""

    def hold(self, source: str, rows: Callable[[], Rows], message: str) -> None:
        """Hold all that a source has back, until it is believed, or somebody releases it."""

    def holds_back(self, source: str) -> bool:
        """Tell whether something of a source is held back."""

    async def take_objects(self, source: str, units: Mapping[str, Loaded | None]) -> None:
        """Take over a source's rule objects; raise `Unavailable` when they cannot be recorded."""
