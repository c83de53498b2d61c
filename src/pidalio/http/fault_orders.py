"""What is ordered, checked against the mesh: from an order to a campaign, or to one line that says what is wrong.

Invariant: a campaign that is accepted has a host that exists, does something, and stays inside the bounds.
"""

import re
from typing import Any, Final

from pidalio.api.names import is_dns_label
from pidalio.api.object import Object
from pidalio.errors import NotFound, UsageError
from pidalio.http.fault_bodies import FaultOrder
from pidalio.http.mesh import Mesh
from pidalio.ir import CampaignPlan, HeaderMatch, MatchKind, MatchPlan, PathKind, PathMatch, StringPattern
from pidalio.ir.campaign import CAMPAIGN, WHOLE
from pidalio.model import ObjectRef, Origin, host_matches, labels_of
from pidalio.rules import services
from pidalio.rules.faults import grpc_status_number
from pidalio.rules.virtual_hosts import takes_requests
from pidalio.store.campaigns import Campaign
from pidalio.store.hosts import host_reference

SHORTEST_LEASE: Final = 1.0
LONGEST_LEASE: Final = 60.0
LONGEST: Final = 3600.0
LONGEST_DELAY: Final = 60.0
MOST_PERCENT: Final = 50.0
"""The largest share without `force`."""
_SMALLEST: Final = 100 / WHOLE
_LONGEST_TEXT: Final = 500
_MOST_HEADERS: Final = 20
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def campaign_of(mesh: Mesh, order: FaultOrder) -> Campaign:
    """Return the campaign; raise `UsageError` or `NotFound` with one line that says what to do."""
    _check_bounds(order)
    _check_what(order)
    host, port = _destination(mesh, order)
    grpc = grpc_status_number(order.grpc_status) if order.grpc_status else None
    origin = Origin(ObjectRef(CAMPAIGN, "", order.name))
    return Campaign(
        CampaignPlan(order.name, _match(order), round(order.delay * 1000), order.http_status, grpc, origin),
        host,
        port,
        order.subset,
        _share(order.delay_percent),
        _share(order.abort_percent),
        order.source_namespace,
        labels_of(order.source_labels),
        round(order.lease * 1000),
    )


def _check_bounds(order: FaultOrder) -> None:
    if not is_dns_label(order.name):
        raise UsageError(f"{order.name[:70]!r} is no name of a campaign: lower-case letters, digits and '-'")
    texts = (order.author, order.path, order.method, *order.headers, *order.headers.values())
    if any(len(text) > _LONGEST_TEXT or not text.isprintable() for text in texts):
        raise UsageError(f"paths, methods, headers and authors have at most {_LONGEST_TEXT} printable characters")
    if len(order.headers) > _MOST_HEADERS:
        raise UsageError(f"at most {_MOST_HEADERS} headers are compared")
    if not 1 <= order.duration <= LONGEST:
        raise UsageError(f"a campaign lasts between 1 and {LONGEST:g} seconds: start it again when it is over")
    if not SHORTEST_LEASE <= order.lease <= LONGEST_LEASE:
        raise UsageError(f"a lease is between {SHORTEST_LEASE:g} and {LONGEST_LEASE:g} seconds")
    for what, percent in (("delayed", order.delay_percent), ("aborted", order.abort_percent)):
        if percent and not _SMALLEST <= percent <= 100:
            raise UsageError(f"{_plain(percent)} % of the requests cannot be {what}: say {_plain(_SMALLEST)} to 100")
        if percent > MOST_PERCENT and not order.force:
            raise UsageError(f"{percent:g} % of the requests would be {what}: more than {MOST_PERCENT:g} needs force")


def _check_what(order: FaultOrder) -> None:
    delays, aborts = order.delay > 0, bool(order.http_status is not None or order.grpc_status)
    if not (delays or aborts):
        raise UsageError("a campaign delays or aborts requests: say a delay, a status, or both")
    if delays and not 0.001 <= order.delay <= LONGEST_DELAY:
        raise UsageError(f"a delay is between 1 ms and {LONGEST_DELAY:g} s")
    if order.http_status is not None and order.grpc_status:
        raise UsageError("an abort has one status: say that of HTTP or that of gRPC")
    if order.http_status is not None and not 200 <= order.http_status <= 599:
        raise UsageError(f"{order.http_status} is no status of an answer: say 200 to 599")
    if order.grpc_status and grpc_status_number(order.grpc_status) is None:
        raise UsageError(f"{order.grpc_status[:40]!r} is no status of gRPC: say its name, such as UNAVAILABLE")
    for what, does, percent in (("delay", delays, order.delay_percent), ("abort", aborts, order.abort_percent)):
        if does != bool(percent):
            wanted = f"{_plain(_SMALLEST)} to 100" if does else f"a {what}, or leave its percentage out"
            raise UsageError(f"{what} and its percentage go together: say {wanted}")


def _destination(mesh: Mesh, order: FaultOrder) -> tuple[str, int]:
    """Return the full name of the host, and the port; raise `NotFound` where nothing is called so."""
    written = host_reference(order.host, order.namespace)
    identity = services.resolve(mesh.world, written, order.namespace)
    if identity is None:
        raise NotFound(f"no host {order.host} is known in namespace {order.namespace}: say it as callers there do")
    known = [port for port in services.ports(mesh.world, identity) if takes_requests(port.protocol)]
    if not known:
        raise UsageError(f"{identity[0]} takes no requests: faults are for HTTP and gRPC")
    if order.port and order.port not in {port.number for port in known}:
        numbers = ", ".join(str(port.number) for port in known)
        raise NotFound(f"{identity[0]} takes no requests on port {order.port}: say {numbers}, or none for all")
    if order.subset and not any(
        _has_subset(rule, identity[0], order.subset) for rule in mesh.objects("DestinationRule")
    ):
        raise NotFound(f"no DestinationRule for {identity[0]} has a subset {order.subset!r}")
    return identity[0], order.port


def _has_subset(rule: Object[Any], host: str, subset: str) -> bool:
    ruled = host_reference(rule.spec.host, rule.meta.namespace)
    return host_matches(host, ruled) and any(one.name == subset for one in rule.spec.subsets)


def _match(order: FaultOrder) -> MatchPlan:
    if order.method and not _TOKEN.fullmatch(order.method):
        raise UsageError(f"{order.method[:40]!r} is no method")
    headers = [HeaderMatch(":method", StringPattern(MatchKind.EXACT, order.method))] if order.method else []
    for name, value in sorted(order.headers.items()):
        if not _TOKEN.fullmatch(name):
            raise UsageError(f"{name[:40]!r} is no name of a header")
        headers.append(HeaderMatch(name.lower(), StringPattern(MatchKind.EXACT, value)))
    return MatchPlan(_path(order.path), tuple(headers))


def _path(written: str) -> PathMatch:
    if not written:
        return PathMatch()
    if not written.startswith("/"):
        raise UsageError(f"a path begins with /: {written[:40]!r} does not")
    kind = PathKind.PREFIX if written.endswith("*") else PathKind.EXACT
    return PathMatch(kind, written.removesuffix("*"))


def _share(percent: float) -> int:
    return round(percent * WHOLE / 100)


def _plain(number: float) -> str:
    """Return a small number without an exponent."""
    return f"{number:.10f}".rstrip("0").rstrip(".")
