"""The headers that Envoy takes away or adds by itself on arrival.

Callers outside cannot send hop-by-hop headers or Envoy's own switches past it, and what they say of the callers before
them (`x-forwarded-*`) counts only where a number of proxies is trusted. All observed on Envoy 1.40.
"""

import ipaddress

from pidalio.ir import ClientCert, Direction, HttpPlan, HttpSettings, ListenerPlan, Underscores
from pidalio.simulate.request import FROM_INSIDE_ONLY, Request

GENERATED = "<generated>"
"""Stands for a value that Envoy makes up: `x-request-id`, and its own address for a loopback caller's."""

_CONNECTION_SCHEME = "http"
_REQUEST_ID = "x-request-id"
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "upgrade"})
_KEPT_TE = frozenset({"", "trailers"})
_FROM_INSIDE_ONLY_AT_THE_EDGE = frozenset(
    {
        "x-envoy-decorator-operation",
        "x-envoy-downstream-service-cluster",
        "x-envoy-downstream-service-node",
    },
)


def arriving_headers(
    listener: ListenerPlan, http: HttpPlan, request: Request, *, internal: bool
) -> tuple[tuple[str, str], ...]:
    """Return the request's headers as conditions see them, names in lower case."""
    settings = listener.settings.http
    removed = _removed(listener, http, internal=internal)
    headers = [(name.lower(), value) for name, value in request.headers if _is_kept(name.lower(), value, removed)]
    if settings.request_ids:
        headers = [each for each in headers if each != (_REQUEST_ID, "")]  # an empty one is made anew
    if settings.underscores is Underscores.DROP:
        headers = [(name, value) for name, value in headers if "_" not in name]
    if http.use_remote_address:
        headers += _of_the_caller(listener, request, internal=internal)
    if internal:
        headers.append(("x-envoy-internal", "true"))
    names = {name for name, _ in headers}
    made = [("x-forwarded-proto", _CONNECTION_SCHEME)]
    if settings.request_ids:
        made.append((_REQUEST_ID, GENERATED))
    return (*headers, *((name, value) for name, value in made if name not in names))


def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own."""
    return ipaddress.ip_address(address).is_loopback


def _is_kept(name: str, value: str, removed: frozenset[str]) -> bool:
    return name not in removed and (name != "te" or value in _KEPT_TE)


def _of_the_caller(listener: ListenerPlan, request: Request, *, internal: bool) -> list[tuple[str, str]]:
    """Return what is told of the caller where its address is looked at."""
    settings, told = listener.settings.http, []
    if listener.direction is not Direction.OUTBOUND:
        told.append(("x-forwarded-for", GENERATED if is_loopback(request.peer) else request.peer))
    if not internal:
        told.append(("x-envoy-external-address", caller_address(settings, request)))
    if settings.forwarded_port and (not settings.trusted_hops or request.header("x-forwarded-port") is None):
        told.append(("x-forwarded-port", str(listener.port)))
    return told


def caller_address(settings: HttpSettings, request: Request) -> str:
    """Return the caller's address at a proxy that looks at it: the one before the trusted proxies, if they tell."""
    told = [one.strip() for one in (request.header("x-forwarded-for") or "").split(",")]
    if not 0 < settings.trusted_hops <= len(told):
        return request.peer
    address = told[-settings.trusted_hops]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return request.peer


def _removed(listener: ListenerPlan, http: HttpPlan, *, internal: bool) -> frozenset[str]:
    """Return the names of headers that no condition ever sees as the caller wrote them."""
    settings = listener.settings.http
    names = _HOP_BY_HOP | ({"x-envoy-internal"} if internal else FROM_INSIDE_ONLY)
    if settings.client_cert is not ClientCert.ALWAYS_FORWARD_ONLY:
        names |= {"x-forwarded-client-cert"}
    if not http.use_remote_address:
        return names
    if not settings.trusted_hops:
        names |= {"x-forwarded-proto"} | ({"x-forwarded-port"} if settings.forwarded_port else set())
    if not internal:
        names |= _FROM_INSIDE_ONLY_AT_THE_EDGE
    keeps_id = listener.direction is Direction.OUTBOUND or not settings.request_ids
    return names if keeps_id else names | {_REQUEST_ID}
