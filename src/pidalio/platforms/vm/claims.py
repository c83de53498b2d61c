"""Two instances that claim one address: the newer has it once the older is known to be gone, or after the grace time.

Instances at one address are rivals when they state a port in common, or when none of both states any and both came by
their streams: several agents on one machine, each with ports of its own, are none.
Pure; `Contests` keeps the time.
Source of the rule: design record 0025.
"""

from collections.abc import Iterator
from typing import TypeAlias

from pidalio.model import Report, Severity
from pidalio.platforms.vm.entry import Bound, Entry

Place: TypeAlias = tuple[str, str]
"""Network and address."""


class Claims:
    """Who is where: `waiting` maps a newer instance to the older one that it waits for, `beaten` one to its winner."""

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}
        self.beaten: dict[str, str] = {}
        self._at: dict[Place, dict[str, Entry]] = {}

    def put(self, entry: Entry, former: Entry | None) -> None:
        """Take note of where an instance is."""
        if former is not None and _place(former) != _place(entry):
            self.drop(former)
        self._at.setdefault(_place(entry), {})[entry.id] = entry

    def drop(self, entry: Entry) -> tuple[str, ...]:
        """Forget an instance; return those that need not wait for it any more, or lost to it and may come again."""
        mates = self._at.get(_place(entry), {})
        mates.pop(entry.id, None)
        if not mates:
            self._at.pop(_place(entry), None)
        freed = [one for one, other in self.waiting.items() if other == entry.id]
        back = [one for one, winner in self.beaten.items() if winner == entry.id]
        for one in freed:
            del self.waiting[one]
        for one in back:
            del self.beaten[one]
        self.waiting.pop(entry.id, None)
        return (*freed, *back)

    def rivals(self, entry: Entry) -> Iterator[Entry]:
        """Yield those that claim what an instance claims, but for those that lost already."""
        for other in tuple(self._at.get(_place(entry), {}).values()):
            if other.id != entry.id and other.id not in self.beaten and _are_rivals(entry, other):
                yield other

    def is_live(self, identity: str) -> bool:
        """Tell whether an instance may take traffic, as far as others claim its address."""
        return identity not in self.waiting and identity not in self.beaten

    def reports(self) -> Iterator[Report]:
        """Yield what there is to tell."""
        for newer, older in sorted(self.waiting.items()):
            yield _claimed(f"{newer} claims the address of {older}, which is still heard: it has it in a moment")
        for loser, winner in sorted(self.beaten.items()):
            yield _claimed(f"{winner} has the address that {loser} claims too: give one of them another, or stop it")


def _claimed(message: str) -> Report:
    return Report(Severity.WARNING, "address-claimed", message)


def _place(entry: Entry) -> Place:
    return entry.workload.network, entry.workload.address


def _ports(entry: Entry) -> frozenset[int]:
    row = entry.workload
    moved = dict(row.moved_ports)
    return frozenset(moved.get(number, number) for _, number in (*row.ports, *row.named_ports)) | set(moved.values())


def _are_rivals(one: Entry, other: Entry) -> bool:
    mine, theirs = _ports(one), _ports(other)
    if mine or theirs:
        return bool(mine & theirs)
    return one.bound is Bound.STREAM and other.bound is Bound.STREAM
