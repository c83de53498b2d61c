"""What is known of an instance's health, who says so, and what several words amount to.

Each row of the store is one source's word; an instance that several rows describe is as `combined` says.
Envoys' own findings (active checks, outlier detection) count at the Envoy that made them and in no row.
"""

import enum
from collections.abc import Iterable

import msgspec


class Health(enum.Enum):
    """What is known of an instance; DRAINING takes no new requests and finishes the old ones."""

    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    DRAINING = "DRAINING"


class Source(enum.Enum):
    """Who has a word on an instance's health: its platform, the agent beside it, or an Envoy that calls it."""

    PLATFORM = "platform"
    AGENT = "agent"
    CHECK = "active-check"
    OUTLIER = "outlier-detection"


class Word(msgspec.Struct, frozen=True, gc=False):
    """What one source says of an instance: why, and since when (seconds since the epoch, 0 where nobody knows)."""

    health: Health = Health.HEALTHY
    reason: str = ""
    since: float = 0.0


class Sight(msgspec.Struct, frozen=True, gc=False):
    """What one Envoy found of an instance in one of its clusters: taken out by `source`, why, and since when.

    `address` is as Envoy writes it (`ip:port`, `[ip]:port` or a socket's path); `until` is not 0 once it is back.
    Times are seconds since the epoch.
    """

    cluster: str
    address: str
    source: Source
    reason: str = ""
    since: float = 0.0
    until: float = 0.0


_ORDER = (Health.DRAINING, Health.UNHEALTHY, Health.HEALTHY)
"""The strongest first: one that leaves gets nothing new, not even in a panic; UNKNOWN is no word at all."""


def combined(words: Iterable[Health]) -> Health:
    """Return what several sources' words amount to: any of them takes an instance out."""
    said = set(words)
    return next((health for health in _ORDER if health in said), Health.UNKNOWN)
