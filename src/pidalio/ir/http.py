"""How a proxy treats HTTP before and after its routes: what all its listeners of one direction share."""

import enum

import msgspec


class EscapedSlashes(enum.Enum):
    """What becomes of `%2F` and `%5C` in a path."""

    KEEP = "KEEP_UNCHANGED"
    REJECT = "REJECT_REQUEST"
    REDIRECT = "UNESCAPE_AND_REDIRECT"
    FORWARD = "UNESCAPE_AND_FORWARD"


class Underscores(enum.Enum):
    """What becomes of a request with an underscore in a header's name."""

    ALLOW = "ALLOW"
    REJECT = "REJECT_REQUEST"
    DROP = "DROP_HEADER"


class ClientCert(enum.Enum):
    """What becomes of `x-forwarded-client-cert`; all but the last take it away from callers without mutual TLS."""

    SANITIZE = "SANITIZE"
    FORWARD_ONLY = "FORWARD_ONLY"
    APPEND_FORWARD = "APPEND_FORWARD"
    SANITIZE_SET = "SANITIZE_SET"
    ALWAYS_FORWARD_ONLY = "ALWAYS_FORWARD_ONLY"


class PathSettings(msgspec.Struct, frozen=True, gc=False):
    """What is done to a path before it is compared: in this order, slashes unescaped, normalised, slashes merged."""

    escaped_slashes: EscapedSlashes = EscapedSlashes.KEEP
    normalize: bool = True
    merge_slashes: bool = False


class HttpSettings(msgspec.Struct, frozen=True, gc=False):
    """Settings of an HTTP connection manager; times in milliseconds, None for Envoy's own.

    `trusted_hops` counts the proxies before this one whose `x-forwarded-for` is believed.
    `client_cert_details` names what is told of a caller's certificate (`subject`, `cert`, `chain`, `dns`, `uri`).
    `server_name` replaces the name that a listener gives itself in the `server` header, "" passes the upstream's.
    `forwarded_port` adds `x-forwarded-port`; `keeps_case` leaves header names of HTTP/1.1 as they are written.
    `idle_timeout` is of connections, `stream_idle_timeout` of requests (0: no end), `request_timeout` of receiving a
    whole request, `headers_timeout` of its headers; `max_streams` and the windows (bytes) are those of HTTP/2.
    """

    path: PathSettings = PathSettings()
    underscores: Underscores = Underscores.ALLOW
    trusted_hops: int = 0
    client_cert: ClientCert = ClientCert.SANITIZE
    client_cert_details: tuple[str, ...] = ()
    server_name: str | None = None
    request_ids: bool = True
    debug_headers: bool = True
    forwarded_port: bool = False
    keeps_case: bool = False
    idle_timeout: int | None = None
    stream_idle_timeout: int = 0
    request_timeout: int | None = None
    headers_timeout: int | None = None
    max_streams: int | None = None
    stream_window: int | None = None
    connection_window: int | None = None


class AccessLogPlan(msgspec.Struct, frozen=True, gc=False):
    """A log that users ask for: each line is `text`, or the object of `fields` (JSON text) where that is given."""

    path: str
    text: str = ""
    fields: str = ""


class ListenerSettings(msgspec.Struct, frozen=True, gc=False):
    """What the listeners of one direction share; `buffer_limit` in bytes, None for Envoy's own (1 MiB)."""

    http: HttpSettings = HttpSettings()
    access_log: AccessLogPlan | None = None
    buffer_limit: int | None = None
