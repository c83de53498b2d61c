"""VirtualService: how requests for a host are routed (reference §1.1)."""

import enum
from typing import ClassVar

from pidalio.api.scalars import Bytes, Message, Milliseconds, Percent, StringMap
from pidalio.api.strings import Destination, StringMatch


class UnmatchedPreflights(enum.Enum):
    """What happens to CORS preflights whose origin is not allowed; UNSPECIFIED means FORWARD."""

    UNSPECIFIED = "UNSPECIFIED"
    FORWARD = "FORWARD"
    IGNORE = "IGNORE"


class RedirectPortSelection(enum.Enum):
    """How a redirect's port follows from the request."""

    FROM_PROTOCOL_DEFAULT = "FROM_PROTOCOL_DEFAULT"
    FROM_REQUEST_PORT = "FROM_REQUEST_PORT"


class HeaderOperations(Message, frozen=True):
    """Changes to headers; applied as set, add, remove."""

    set: StringMap = ()
    add: StringMap = ()
    remove: tuple[str, ...] = ()


class Headers(Message, frozen=True):
    """Changes to the headers of the request upstream and the response downstream."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HTTPMatchRequest(Message, frozen=True):
    """Conditions on a request, all of which must hold; maps are sorted by key."""

    name: str = ""
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: tuple[tuple[str, StringMatch], ...] = ()
    port: int = 0
    source_labels: StringMap = ()
    gateways: tuple[str, ...] = ()
    query_params: tuple[tuple[str, StringMatch], ...] = ()
    ignore_uri_case: bool = False
    without_headers: tuple[tuple[str, StringMatch], ...] = ()
    source_namespace: str = ""
    stat_prefix: str = ""


class HTTPRouteDestination(Message, frozen=True):
    """A destination with its share of the route's traffic; one alone takes all, whatever its weight."""

    destination: Destination | None = None
    weight: int = 0
    headers: Headers | None = None


class RouteDestination(Message, frozen=True):
    """A destination of a TCP or TLS route, with its share of connections."""

    destination: Destination | None = None
    weight: int = 0


class HTTPRedirect(Message, frozen=True):
    """Answer with a redirect; `redirect_code` 0 means 301."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("port", "derive_port"), ("uri", "prefix_rewrite"))

    uri: str = ""
    prefix_rewrite: str = ""
    authority: str = ""
    port: int | None = None
    derive_port: RedirectPortSelection | None = None
    scheme: str = ""
    redirect_code: int = 0


class HTTPBody(Message, frozen=True):
    """The body of a direct response; `bytes` is given in base64."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("string", "bytes"),)

    string: str | None = None
    bytes: Bytes | None = None


class HTTPDirectResponse(Message, frozen=True):
    """Answer with a fixed status and body."""

    status: int = 0
    body: HTTPBody | None = None


class Delegate(Message, frozen=True):
    """Another VirtualService whose routes take this one's place; empty namespace means the own one."""

    name: str = ""
    namespace: str = ""


class RegexRewrite(Message, frozen=True):
    r"""Rewrite the path by a pattern (RE2) and a substitution with `\1` references."""

    match: str = ""
    rewrite: str = ""


class HTTPRewrite(Message, frozen=True):
    """Rewrite the path or the authority before forwarding."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("uri", "uri_regex_rewrite"),)

    uri: str = ""
    authority: str = ""
    uri_regex_rewrite: RegexRewrite | None = None


class HTTPRetry(Message, frozen=True):
    """How often and when a failed request is repeated; `attempts` 0 switches retries off."""

    attempts: int = 0
    per_try_timeout: Milliseconds | None = None
    retry_on: str = ""
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    backoff: Milliseconds | None = None


class FaultDelay(Message, frozen=True):
    """Delay a share of requests; `percent` is the deprecated whole number, no percentage means none."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("fixed_delay", "exponential_delay"),)

    percent: int = 0
    fixed_delay: Milliseconds | None = None
    exponential_delay: Milliseconds | None = None
    percentage: Percent | None = None


class FaultAbort(Message, frozen=True):
    """Answer a share of requests with an error."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("http_status", "grpc_status", "http2_error"),)

    http_status: int | None = None
    grpc_status: str | None = None
    http2_error: str | None = None
    percentage: Percent | None = None


class HTTPFaultInjection(Message, frozen=True):
    """Faults to inject before forwarding."""

    delay: FaultDelay | None = None
    abort: FaultAbort | None = None


class HTTPMirrorPolicy(Message, frozen=True):
    """A destination that gets copies of a share of requests (unset: all); its answers are dropped."""

    destination: Destination | None = None
    percentage: Percent | None = None


class CorsPolicy(Message, frozen=True):
    """Cross-origin resource sharing; `allow_origin` is the deprecated list of exact origins."""

    allow_origin: tuple[str, ...] = ()
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: Milliseconds | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: UnmatchedPreflights = UnmatchedPreflights.UNSPECIFIED


class StickyCookie(Message, frozen=True):
    """A cookie that tells users apart; the proxy makes it where a request has none.

    No name means `pidalio-user`, no path `/`, no ttl that it lives as long as the browser's session.
    """

    name: str = ""
    path: str = ""
    ttl: Milliseconds | None = None


class Sticky(Message, frozen=True):
    """What tells users apart, so that each stays with one version; `header` names one. Not a field of Istio's."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("!", "cookie", "header", "source_address"),)

    cookie: StickyCookie | None = None
    header: str = ""
    source_address: bool = False


class HTTPRoute(Message, frozen=True):
    """One rule: the first whose `match` holds decides; no match entries match everything.

    `sticky` is Pidalio's own field (design record 0011).
    """

    name: str = ""
    match: tuple[HTTPMatchRequest, ...] = ()
    route: tuple[HTTPRouteDestination, ...] = ()
    redirect: HTTPRedirect | None = None
    direct_response: HTTPDirectResponse | None = None
    delegate: Delegate | None = None
    rewrite: HTTPRewrite | None = None
    timeout: Milliseconds | None = None
    retries: HTTPRetry | None = None
    fault: HTTPFaultInjection | None = None
    mirror: Destination | None = None
    mirrors: tuple[HTTPMirrorPolicy, ...] = ()
    mirror_percent: int | None = None
    mirror_percentage: Percent | None = None
    cors_policy: CorsPolicy | None = None
    headers: Headers | None = None
    sticky: Sticky | None = None


class TLSMatchAttributes(Message, frozen=True):
    """Conditions on a TLS connection that is passed through."""

    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    port: int = 0
    source_labels: StringMap = ()
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class L4MatchAttributes(Message, frozen=True):
    """Conditions on a TCP connection; `source_subnet` is Istio's hidden field."""

    destination_subnets: tuple[str, ...] = ()
    port: int = 0
    source_subnet: str = ""
    source_labels: StringMap = ()
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class TLSRoute(Message, frozen=True):
    """Route TLS connections by server name."""

    match: tuple[TLSMatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class TCPRoute(Message, frozen=True):
    """Route TCP connections by port and subnet."""

    match: tuple[L4MatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class VirtualService(Message, frozen=True):
    """The rules of one or more hosts; no `gateways` means `mesh`, no `hosts` makes it a delegate."""

    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    http: tuple[HTTPRoute, ...] = ()
    tls: tuple[TLSRoute, ...] = ()
    tcp: tuple[TCPRoute, ...] = ()
    export_to: tuple[str, ...] = ()

    @property
    def connection_matches(self) -> list[TLSMatchAttributes | L4MatchAttributes]:
        """Return every condition on connections, those of `tls` first."""
        by_name = [match for rule in self.tls for match in rule.match]
        return [*by_name, *(match for rule in self.tcp for match in rule.match)]

    @property
    def connection_routes(self) -> list[tuple[str, tuple[RouteDestination, ...]]]:
        """Return the destinations of each rule for connections, with its field path (`tls[0]`)."""
        by_name = [(f"tls[{index}]", rule.route) for index, rule in enumerate(self.tls)]
        return [*by_name, *((f"tcp[{index}]", rule.route) for index, rule in enumerate(self.tcp))]
