"""What the Cloud Controller knows that messages do not say: names, labels, and how routes are shared out."""

from collections.abc import Mapping, Sequence
from math import gcd, lcm
from typing import Final, TypeAlias

import msgspec

from pidalio.model import Labels
from pidalio.platforms.cloudfoundry.messages import Uri

Destination: TypeAlias = tuple[str, str]
"""An app and the type of its process."""
_FINEST: Final = 1_000_000
"""Where exact shares would need larger numbers, they are rounded to this part."""


class AppInfo(msgspec.Struct, frozen=True):
    """An app: its name, its space and organization by id and name, and its labels."""

    name: str = ""
    space: str = ""
    space_name: str = ""
    organization: str = ""
    organization_name: str = ""
    labels: Labels = ()


class Known(msgspec.Struct, frozen=True):
    """All that the API said: apps by id, the weights of routes that have some, and who must not be routed to."""

    apps: Mapping[str, AppInfo] = {}
    weights: Mapping[Uri, Mapping[Destination, int]] = {}
    unroutable: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()


def weighed(weights: Mapping[Destination, int], instances: Sequence[Destination]) -> list[int]:
    """Return the weight of each instance, so that a destination's share is its weight, however many instances it has.

    An instance of a destination of weight w with n instances weighs w/n, brought to whole numbers that have no divisor
    in common. A destination without instances leaves its share to the others; an instance of one that has no weight
    (it was mapped since the API was read) weighs as little as any other. Without weights all are 0, which is equal.
    """
    counts: dict[Destination, int] = {}
    for one in instances:
        if weights.get(one, 0) > 0:
            counts[one] = counts.get(one, 0) + 1
    if not counts:
        return [0] * len(instances)
    scale = lcm(*counts.values())
    if scale > _FINEST:
        shares = {one: max(1, round(weights[one] * _FINEST / count)) for one, count in counts.items()}
    else:
        shares = {one: weights[one] * scale // count for one, count in counts.items()}
    divisor = gcd(*shares.values())
    least = min(shares.values())
    return [shares.get(one, least) // divisor for one in instances]
