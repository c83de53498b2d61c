"""What is found out about one route of a virtual host."""

import enum

import msgspec

from pidalio.simulate.request import Request


class Standing(enum.Enum):
    """Whether some request selects a route; UNDECIDED only where a regex keeps it from being told."""

    EFFECTIVE = "effective"
    INEFFECTIVE = "ineffective"
    UNDECIDED = "undecided"


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """Whether one route is ever selected.

    `witness` selects it (EFFECTIVE); `by` are the positions of the routes before it that take all its requests
    (INEFFECTIVE), empty when no request meets its own conditions; `why` says so in words.
    `twins` are the positions of the later routes that would do just the same with each of its requests; `doubles` those
    of which a regex keeps it from being told: the witness would get the same from one of them.
    """

    standing: Standing
    witness: Request | None = None
    by: tuple[int, ...] = ()
    why: str = ""
    twins: tuple[int, ...] = ()
    doubles: tuple[int, ...] = ()
