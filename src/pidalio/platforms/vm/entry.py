"""What is kept of an instance that registered itself, and where: the interface of every store of such entries.

An entry says which control plane hears the instance (`owner`); only its owner removes it, and whoever hears the
instance next takes it over by compare-and-swap, so that it is in the store once, whatever dies meanwhile.
Invariant: all times are stamped by control planes; no clock of an instance decides anything.
Source of the rules: Istio's automatic registration of VMs (`WorkloadEntry` with controller and connection times).
"""

import enum
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from pidalio.errors import Conflict
from pidalio.model import Report, Word, Workload

SOURCE: Final = "agents"
KIND: Final = "Agent"
"""The source of the rows in the mesh, and the kind in their keys."""


class Bound(enum.Enum):
    """What keeps an entry alive: renewals of a lease, or the proxy's own stream."""

    LEASE = "lease"
    STREAM = "stream"


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One instance: its row, and who holds and who hears it.

    `holder` is the identity of who registered it, empty where the transport knows none. `lease` is in seconds; times
    are seconds since the epoch, 0 for not. `checked` says that its health counts only as it is told over its stream.
    """

    workload: Workload
    holder: str = ""
    owner: str = ""
    bound: Bound = Bound.LEASE
    lease: float = 30.0
    group: str = ""
    checked: bool = False
    connected_at: float = 0.0
    disconnected_at: float = 0.0
    reports: tuple[Report, ...] = ()
    word: Word | None = None

    @property
    def id(self) -> str:
        """Return `name.namespace`, unique in a mesh."""
        return f"{self.workload.name}.{self.workload.namespace}"


class Stored(msgspec.Struct, frozen=True):
    """An entry as the store has it; each write gives it a higher revision."""

    entry: Entry
    revision: int


class Superseded(Conflict):
    """Another control plane wrote the entry first; `now` is what the store has, None where it is gone."""

    def __init__(self, identity: str, now: Stored | None) -> None:
        super().__init__(f"{identity} was written by another control plane meanwhile")
        self.now = now


class Seen(Protocol):
    """Who is told what a store has, in order."""

    def whole(self, entries: Mapping[str, Stored], planes: frozenset[str]) -> None:
        """Take note of every entry, and of the control planes that live."""

    def changed(self, identity: str, entry: Entry | None, revision: int) -> None:
        """Take note of one entry, None where it was removed, as of a revision."""

    def living(self, planes: frozenset[str]) -> None:
        """Take note of the control planes that live."""


class EntryStore(Protocol):
    """Where entries are, for one control plane or several."""

    @property
    def name(self) -> str:
        """Return what it is called where it is told of: empty for one that no other process shares."""

    async def follow(self, seen: Seen) -> None:
        """Tell what there is and what changes until cancelled; raise `PlatformUnavailable` when it cannot go on."""

    async def write(self, identity: str, entry: Entry | None, expected: int) -> int:
        """Write an entry, or remove it, if it still has the revision `expected` (0: there is none).

        Return its new revision; raise `Superseded` where it has another, `PlatformUnavailable` where nobody knows.
        """
