"""Active checks: how a proxy asks the instances of a cluster whether they are well.

One check per cluster; an instance gets requests when platform, agent, ejection and check all agree that it may.
"""

from typing import TypeAlias

import msgspec

from pidalio.model import Labels, Origin


class HttpQuestion(msgspec.Struct, frozen=True, gc=False, tag="http"):
    """A request; `expected` and `retriable` are statuses from–to, both included; over HTTP/2 with `http2`."""

    host: str
    path: str = "/"
    method: str = "GET"
    headers: Labels = ()
    expected: tuple[tuple[int, int], ...] = ((200, 200),)
    retriable: tuple[tuple[int, int], ...] = ()
    http2: bool = False


class GrpcQuestion(msgspec.Struct, frozen=True, gc=False, tag="grpc"):
    """A call of gRPC's health service for `service`, "" for the server as a whole."""

    authority: str
    service: str = ""


class TcpQuestion(msgspec.Struct, frozen=True, gc=False, tag="tcp"):
    """A connection, on which `send` is written and every text of `receive` must come; nothing of either: it opens."""

    send: str = ""
    receive: tuple[str, ...] = ()


Question: TypeAlias = HttpQuestion | GrpcQuestion | TcpQuestion


class HealthCheckPlan(msgspec.Struct, frozen=True, gc=False):
    """When and what is asked; times in milliseconds.

    An instance is out after `unhealthy_threshold` failures in a row that may pass (no answer in time, no connection,
    a retriable status), and after any other at once; it is back after `healthy_threshold` good answers in a row.
    Each wait between two checks is longer by a random part of `jitter`.
    """

    question: Question
    interval: int
    timeout: int
    jitter: int
    unhealthy_threshold: int
    healthy_threshold: int
    origin: Origin
