"""What Envoy would do with a request, with reasons, answered from plans.

`decide` is the front door; each other module owns one part of Envoy's behaviour and names its source.
Invariant: for every request the answer equals what Envoy 1.40 does; `tests/traffic` and `tests/differential` hold it to
that. Nothing here reads a clock, draws a number or opens a connection: what Envoy draws is told as shares.
"""

from pidalio.simulate.carry import Carried, carry
from pidalio.simulate.connection import Connection
from pidalio.simulate.decide import decide
from pidalio.simulate.decision import (
    Answered,
    Decision,
    Destination,
    Forwarded,
    HostChoice,
    Mirrored,
    Redirected,
    RouteTry,
    Verdict,
)
from pidalio.simulate.domain import DomainRule
from pidalio.simulate.edits import edited
from pidalio.simulate.override import Timeout
from pidalio.simulate.pool import Pool, Reach
from pidalio.simulate.request import Request
from pidalio.simulate.retries import repeats_status, tries

__all__ = [
    "Answered",
    "Carried",
    "Connection",
    "Decision",
    "Destination",
    "DomainRule",
    "Forwarded",
    "HostChoice",
    "Mirrored",
    "Pool",
    "Reach",
    "Redirected",
    "Request",
    "RouteTry",
    "Timeout",
    "Verdict",
    "carry",
    "decide",
    "edited",
    "repeats_status",
    "tries",
]
