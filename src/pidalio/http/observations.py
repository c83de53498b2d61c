"""What Envoys found of the instances in their own pools, as their agents tell it.

Invariant: of each proxy the newest word, for as long as it is connected and its agent renews it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

import msgspec

from pidalio.model import Sight

Where: TypeAlias = tuple[str, int, str]
"""A host, a port of it, and an instance's address as Envoy writes it."""


class Observation(msgspec.Struct, frozen=True):
    """What one proxy found in one of its clusters: `subset` is empty for the service as a whole."""

    proxy: str
    subset: str
    sight: Sight


class Observations:
    """The words of every proxy; `now` is a steady clock, in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._told: dict[str, tuple[float, tuple[Sight, ...]]] = {}

    def tell(self, proxy: str, sights: tuple[Sight, ...], lease: float = float("inf")) -> None:
        """Make `sights` all that the proxy found; it counts for `lease` seconds."""
        if sights:
            self._told[proxy] = (self._now() + lease, sights)
        else:
            self._told.pop(proxy, None)

    def by_endpoint(self, connected: Collection[str]) -> dict[Where, list[Observation]]:
        """Return what connected proxies found, by the endpoint that it is about, in order of proxies."""
        now = self._now()
        self._told = {proxy: told for proxy, told in self._told.items() if told[0] > now}
        found: dict[Where, list[Observation]] = defaultdict(list)
        for proxy in sorted(self._told.keys() & set(connected)):
            for where, one in _of(proxy, self._told[proxy][1]):
                found[where].append(one)
        return dict(found)


def _of(proxy: str, sights: tuple[Sight, ...]) -> Iterator[tuple[Where, Observation]]:
    for sight in sights:
        direction, _, rest = sight.cluster.partition("|")
        port, _, rest = rest.partition("|")
        subset, _, host = rest.partition("|")
        if direction == "outbound" and port.isdigit():
            yield (host, int(port), sight.address), Observation(proxy, subset, sight)
