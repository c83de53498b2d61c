"""What Envoy's connection manager makes of a request before any route is compared.

Owns the refusals that no route can prevent, and the headers that Envoy takes away or adds by itself: callers outside
cannot send hop-by-hop headers or Envoy's own switches past it. All observed on Envoy 1.40.
Invariant: `Arrival.request` is the request as the conditions of routes see it.
"""

import ipaddress

import msgspec

from pidalio.ir import Direction, HttpPlan, ListenerPlan
from pidalio.simulate.path import PathRefused, normalized
from pidalio.simulate.request import FROM_INSIDE_ONLY, Request

GENERATED = "<generated>"
"""Stands for a value that Envoy makes up: `x-request-id`, and its own address for a loopback caller's."""

_CONNECTION_SCHEME = "http"
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "upgrade"})
_KEPT_TE = frozenset({"", "trailers"})
_FROM_INSIDE_ONLY_AT_THE_EDGE = frozenset(
    {
        "x-envoy-decorator-operation",
        "x-envoy-downstream-service-cluster",
        "x-envoy-downstream-service-node",
    },
)


class Refusal(msgspec.Struct, frozen=True):
    """An answer that Envoy gives before routing."""

    status: int
    details: str
    why: str
    flag: str = "-"


class Arrival(msgspec.Struct, frozen=True):
    """The request as routes see it; `internal` says that its `x-envoy-*` headers count."""

    request: Request
    internal: bool = False


def arrive(listener: ListenerPlan, http: HttpPlan, request: Request) -> Arrival | Refusal:
    """Return the request as routes of `listener` see it, or the refusal.

    The scheme is the URL's where callers send whole URLs, to an explicit proxy, and else `x-forwarded-proto`.
    """
    path = ""
    if not request.connect:
        refusal = _refused_path(request)
        if refusal is not None:
            return refusal
        path = normalized(request.path)
    internal = _is_internal(listener, http, request)
    headers = _headers(listener, http, request, internal=internal)
    scheme = request.scheme if http.explicit_proxy else _scheme_of(headers)
    return Arrival(msgspec.structs.replace(request, path=path, headers=headers, scheme=scheme), internal)


def _refused_path(request: Request) -> Refusal | None:
    path = request.path
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in path):
        return Refusal(400, "http1.invalid_characters", f"path {path!r} holds a control character", "DPE")
    if any(ord(character) == 0x20 or ord(character) > 0x7F for character in path):
        return Refusal(400, "http1.codec_error", f"path {path!r} holds a character that must be escaped", "DPE")
    try:
        if not path.startswith("/"):
            return Refusal(404, "absolute_path_rejected", f"path {path!r} does not begin with /")
        normalized(path)
    except PathRefused:
        return Refusal(400, "path_normalization_failed", f"path {path!r} holds # or %00")
    return None


def _is_internal(listener: ListenerPlan, http: HttpPlan, request: Request) -> bool:
    """Tell whether the caller is trusted: the workload itself, at its own proxy, not on behalf of another."""
    if not http.use_remote_address or listener.direction is not Direction.OUTBOUND:
        return False
    if request.header("x-forwarded-for") is not None:
        return False
    return _is_loopback(request.peer)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _headers(
    listener: ListenerPlan,
    http: HttpPlan,
    request: Request,
    *,
    internal: bool,
) -> tuple[tuple[str, str], ...]:
    removed = _removed(listener, http, internal=internal)
    headers = [
        (name.lower(), value)
        for name, value in request.headers
        if name.lower() not in removed and (name.lower() != "te" or value in _KEPT_TE)
    ]
    if http.use_remote_address and listener.direction is not Direction.OUTBOUND:
        headers.append(("x-forwarded-for", GENERATED if _is_loopback(request.peer) else request.peer))
    if http.use_remote_address and not internal:
        headers.append(("x-envoy-external-address", request.peer))
    if internal:
        headers.append(("x-envoy-internal", "true"))
    names = {name for name, _ in headers}
    for name, value in (("x-forwarded-proto", _CONNECTION_SCHEME), ("x-request-id", GENERATED)):
        if name not in names:
            headers.append((name, value))
    return tuple(headers)


def _removed(listener: ListenerPlan, http: HttpPlan, *, internal: bool) -> frozenset[str]:
    """Return the names of headers that no condition ever sees as the caller wrote them."""
    names = _HOP_BY_HOP | ({"x-envoy-internal"} if internal else FROM_INSIDE_ONLY)
    if not http.use_remote_address:
        return names
    names |= {"x-forwarded-proto"}
    if not internal:
        names |= _FROM_INSIDE_ONLY_AT_THE_EDGE
    return names if listener.direction is Direction.OUTBOUND else names | {"x-request-id"}


def _scheme_of(headers: tuple[tuple[str, str], ...]) -> str:
    forwarded = ",".join(value for name, value in headers if name == "x-forwarded-proto").lower()
    return forwarded if forwarded in ("http", "https") else _CONNECTION_SCHEME
