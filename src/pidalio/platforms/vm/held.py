"""One registered instance as this control plane holds it, how long things take, and where rows go to."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from pidalio.platforms.vm.entry import Entry


class Feeds(Protocol):
    """The part of a mesh that rows go to."""

    @property
    def world(self) -> Any:
        """Return what has the newest `generation`."""

    def feed(self, source: str, rows: Mapping[Any, Mapping[Any, Any]], *, complete: bool = False) -> int:
        """Take over rows."""


class Times(msgspec.Struct, frozen=True):
    """How long things take, in seconds.

    `shortest` lease; `grace` after a stream ended, and between two claims of one address; `window` for agents and
    proxies to come back after a restart of ours; `orphan`: how long what another control plane heard stays when it is
    gone; `answer`: how long a caller waits for the store.
    """

    shortest: float = 1.0
    grace: float = 10.0
    window: float = 30.0
    orphan: float = 600.0
    answer: float = 2.0


class Held:
    """One instance here: its entry, the streams that it is heard by, when it was heard last, and when that ends."""

    __slots__ = ("end", "entry", "heard", "streams")

    def __init__(self, entry: Entry, now: float) -> None:
        self.entry = entry
        self.streams: set[int] = set()
        self.heard = now
        self.end: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Stop its clock."""
        if self.end is not None:
            self.end.cancel()
            self.end = None
