"""What Envoy's connection manager makes of a request before any route is compared.

Owns the refusals that no route can prevent; what becomes of headers is in `incoming_headers`. All observed on Envoy
1.40.
Invariant: `Arrival.request` is the request as the conditions of routes see it.
"""

import msgspec

from pidalio.ir import Direction, HttpPlan, HttpSettings, ListenerPlan, Underscores
from pidalio.simulate.incoming_headers import arriving_headers, caller_address, is_loopback
from pidalio.simulate.path import CleanPath, PathRefused, cleaned
from pidalio.simulate.request import Request

_CONNECTION_SCHEME = "http"


class Refusal(msgspec.Struct, frozen=True):
    """An answer that Envoy gives before routing; `grpc` says that it is given in gRPC's way."""

    status: int
    details: str
    why: str
    flag: str = "-"
    location: str = ""
    grpc: bool = False


class Arrival(msgspec.Struct, frozen=True):
    """The request as routes see it; `internal` says that its `x-envoy-*` headers count.

    `caller` is the address that counts as the caller's, empty for the connection's own.
    With `grpc_web` it goes on as a gRPC call, which it was not when it came.
    """

    request: Request
    internal: bool = False
    caller: str = ""
    grpc_web: bool = False

    @property
    def goes_as_grpc(self) -> bool:
        """Tell whether the upstream gets a gRPC call."""
        return self.grpc_web or self.request.is_grpc


def arrive(listener: ListenerPlan, http: HttpPlan, request: Request) -> Arrival | Refusal:
    """Return the request as routes of `listener` see it, or the refusal.

    The scheme is the URL's where callers send whole URLs, to an explicit proxy, and else `x-forwarded-proto`.
    """
    settings = listener.settings.http
    if settings.underscores is Underscores.REJECT and any("_" in name for name, _ in request.headers):
        return Refusal(400, "http1.unexpected_underscore", "a header's name holds an underscore", "DPE")
    path = ""
    if not request.connect:
        clean = _clean_path(request, settings)
        if isinstance(clean, Refusal):
            return clean
        path = clean.path
    internal = _is_internal(listener, http, request)
    headers = arriving_headers(listener, http, request, internal=internal)
    scheme = request.scheme if http.explicit_proxy else _scheme_of(headers)
    caller = caller_address(settings, request) if http.use_remote_address else ""
    return Arrival(msgspec.structs.replace(request, path=path, headers=headers, scheme=scheme), internal, caller)


def _clean_path(request: Request, settings: HttpSettings) -> CleanPath | Refusal:
    path = request.path
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in path):
        return Refusal(400, "http1.invalid_characters", f"path {path!r} holds a control character", "DPE")
    if any(ord(character) == 0x20 or ord(character) > 0x7F for character in path):
        return Refusal(400, "http1.codec_error", f"path {path!r} holds a character that must be escaped", "DPE")
    try:
        if not path.startswith("/"):
            return Refusal(404, "absolute_path_rejected", f"path {path!r} does not begin with /")
        clean = cleaned(path, settings.path)
    except PathRefused:
        why = f"path {path!r} holds #, %00 or an escaped slash"
        return Refusal(400, "path_normalization_failed", why, grpc=request.is_grpc)
    if not clean.redirects:
        return clean
    why = f"path {path!r} holds an escaped slash"
    if request.is_grpc:
        return Refusal(400, "path_normalization_failed", why, grpc=True)
    return Refusal(307, "path_normalization_failed", why, location=clean.path)


def _is_internal(listener: ListenerPlan, http: HttpPlan, request: Request) -> bool:
    """Tell whether the caller is trusted: the workload itself, at its own proxy, not on behalf of another."""
    if not http.use_remote_address or listener.direction is not Direction.OUTBOUND:
        return False
    if request.header("x-forwarded-for") is not None:
        return False
    return http.captured or is_loopback(request.peer)


def _scheme_of(headers: tuple[tuple[str, str], ...]) -> str:
    forwarded = ",".join(value for name, value in headers if name == "x-forwarded-proto").lower()
    return forwarded if forwarded in ("http", "https") else _CONNECTION_SCHEME
