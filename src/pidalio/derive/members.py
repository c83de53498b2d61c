"""Owns one sorted set of keys that changes a little and is read as a tuple.

Invariant: the members are `order` with each key of `flipped` put in, or taken out if it was in.
A change costs one set entry; sorting waits for the next reader, so that a change never fails on keys without an order.
"""

from bisect import bisect_left
from typing import Any

import msgspec

_MANY = 8  # above one key in eight, sorting everything is cheaper than moving the tail for each


class Members(msgspec.Struct, eq=False, gc=False):
    """A set of mutually comparable keys, read as a sorted tuple that is shared until it changes."""

    order: tuple[Any, ...] = ()
    flipped: set[Any] | None = None
    size: int = 0

    def flip(self, key: Any, present: bool) -> None:
        """Put `key` in (`present`) or take it out; the caller knows that it was out or in."""
        self.size += 1 if present else -1
        if self.flipped is None and not self.order:
            self.order = (key,)
        elif self.flipped is None:
            self.flipped = {key}
        else:
            self.flipped ^= {key}

    def in_order(self) -> tuple[Any, ...]:
        """Return the members, sorted; raise TypeError when two of them cannot be compared."""
        if self.flipped:
            if len(self.flipped) * _MANY > len(self.order):
                self.order = tuple(sorted(self.flipped.symmetric_difference(self.order)))
            else:
                self.order = self._moved(self.flipped)
        self.flipped = None
        return self.order

    def _moved(self, flipped: set[Any]) -> tuple[Any, ...]:
        order = list(self.order)
        for key in flipped:
            place = bisect_left(order, key)
            if place < len(order) and order[place] == key:
                del order[place]
            else:
                order.insert(place, key)
        return tuple(order)
