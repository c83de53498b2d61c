"""HealthCheck: how callers' proxies ask the instances of a service whether they are well (design record 0016).

Own kind (`pidalio.dev/v1`): Istio's rules know ejection by errors, and no checks by the proxies.
"""

import re
from typing import ClassVar

from pidalio.api.scalars import IntOrString, Message, Milliseconds, StringMap

_RANGE = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?\Z")


def statuses(written: str) -> range | None:
    """Return the statuses that `200` or `200-299` stands for, None for anything else."""
    found = _RANGE.match(written)
    if found is None:
        return None
    named = range(int(found[1]), int(found[2] or found[1]) + 1)
    return named or None


class HttpCheck(Message, frozen=True):
    """Ask by a request: unless stated GET, `/`, the service's own host, and 200 expected.

    `expected` are the statuses of an instance that is well, `retriable` those that count towards the threshold; each a
    number, or a range such as `"200-299"`.
    """

    path: str = ""
    host: str = ""
    method: str = ""
    headers: StringMap = ()
    expected: tuple[IntOrString, ...] = ()
    retriable: tuple[IntOrString, ...] = ()


class GrpcCheck(Message, frozen=True):
    """Ask gRPC's health service about `service` ("" for the server as a whole); empty authority is the host's."""

    service: str = ""
    authority: str = ""


class TcpCheck(Message, frozen=True):
    """Open a connection, write `send`, and wait until every text of `receive` came, in this order."""

    send: str = ""
    receive: tuple[str, ...] = ()


class HealthCheck(Message, frozen=True):
    """Checks of the instances of `host`, or of one port or subset of it.

    Unless stated: every 5 s, 1 s for an answer, a tenth of the interval as jitter, out after 3 failures in a row, back
    after 2 answers in a row.
    """

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("!", "http", "grpc", "tcp"),)

    host: str = ""
    port: int = 0
    subset: str = ""
    http: HttpCheck | None = None
    grpc: GrpcCheck | None = None
    tcp: TcpCheck | None = None
    interval: Milliseconds | None = None
    timeout: Milliseconds | None = None
    jitter: Milliseconds | None = None
    unhealthy_threshold: int = 0
    healthy_threshold: int = 0
    export_to: tuple[str, ...] = ()
