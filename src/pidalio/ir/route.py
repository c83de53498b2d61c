"""Routes: what happens to a request of a virtual host."""

import msgspec

from pidalio.ir.campaign import CampaignPlan
from pidalio.ir.match import MatchPlan, StringPattern
from pidalio.ir.policy import HashPlan, TunnelPlan
from pidalio.ir.sticky import StickyPlan
from pidalio.model import Origin


class HeaderEdits(msgspec.Struct, frozen=True, gc=False):
    """Header changes, names lower-case; `set` overwrites, `add` appends; values may hold Envoy's `%VAR%`."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.add or self.remove)


class WeightedCluster(msgspec.Struct, frozen=True, gc=False):
    """One destination and its share: `weight` over the sum of all weights of the route.

    `host_rewrite`, header edits and the fault campaign apply to requests of this destination only.
    """

    cluster: str
    weight: int = 0
    request_headers: HeaderEdits = HeaderEdits()
    response_headers: HeaderEdits = HeaderEdits()
    host_rewrite: str = ""
    origin: Origin | None = None
    campaign: CampaignPlan | None = None


IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")
"""Methods of which a second request does what the first did (RFC 9110 §9.2.2)."""


NO_POLICY_ATTEMPTS = 1
"""How often Envoy repeats a request whose caller alone states conditions."""
CALLER_OVERRIDES = (
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-stream-duration-ms",
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-hedge-on-per-try-timeout",
)
"""Headers by which a caller that is believed replaces a route's timeouts and retries."""


class RetryPlan(msgspec.Struct, frozen=True, gc=False):
    """Retries: at most `attempts` after the first try.

    `retry_on` are Envoy's conditions; `status_codes` are repeated too; times in milliseconds (None: Envoy's own).
    `avoid_previous_hosts` makes a retry look for another instance (up to `host_selection_attempts` draws).
    Methods that are not idempotent go by `unsafe_retry_on` instead, and by no status, unless it is None.
    `origin` is the policy, None for the default; `conditions_origin` is the same where it states conditions, and
    `profile_origin` is who chose the profile that fills the rest, None for Istio's.
    """

    attempts: int
    retry_on: tuple[str, ...]
    status_codes: tuple[int, ...] = ()
    per_try_timeout: int | None = None
    backoff: int | None = None
    avoid_previous_hosts: bool = True
    remote_localities: bool = False
    host_selection_attempts: int = 5
    unsafe_retry_on: tuple[str, ...] | None = None
    origin: Origin | None = None
    conditions_origin: Origin | None = None
    profile_origin: Origin | None = None

    def for_method(self, method: str) -> "RetryPlan":
        """Return the retries of requests with `method`."""
        if self.unsafe_retry_on is None or method in IDEMPOTENT:
            return self
        return msgspec.structs.replace(self, retry_on=self.unsafe_retry_on, status_codes=())


class MirrorPlan(msgspec.Struct, frozen=True, gc=False):
    """Copy `percent` (0–100) of the requests to `cluster` and drop the answers."""

    cluster: str
    percent: float = 100.0
    origin: Origin | None = None


class RegexRewrite(msgspec.Struct, frozen=True, gc=False):
    r"""Replace what RE2 `pattern` matches in the path by `substitution` (`\1` references)."""

    pattern: str
    substitution: str


class ForwardPlan(msgspec.Struct, frozen=True, gc=False):
    """Send the request to one of `clusters`.

    `timeout` in milliseconds, 0 for none; at most one of `prefix_rewrite` and `regex_rewrite`.
    `dynamic` resolves the request's own host by DNS (only with a DYNAMIC_FORWARD_PROXY cluster).
    With `sticky` it is not drawn but decided by the user's bucket; the weights are then numbers of buckets.
    `hashes` make the key by which hashing clusters choose an instance, all of them together.
    `tells_host` adds the host as it was to `x-forwarded-host` where the route rewrites it.
    `retry_off` is the policy that switches retries off, where one does.
    `deaf` is who takes callers' own headers for timeouts and retries away, None where they count.
    A tunnel ends when nothing passes for `idle_timeout` or after `max_duration` (ms, None: never).
    With `tunnel` it does not end here: the instance is a proxy that is asked to carry it on to where `tunnel` leads.
    """

    clusters: tuple[WeightedCluster, ...]
    timeout: int = 0
    timeout_origin: Origin | None = None
    retry: RetryPlan | None = None
    prefix_rewrite: str | None = None
    regex_rewrite: RegexRewrite | None = None
    host_rewrite: str = ""
    mirrors: tuple[MirrorPlan, ...] = ()
    dynamic: bool = False
    sticky: StickyPlan | None = None
    hashes: tuple[HashPlan, ...] = ()
    tells_host: bool = False
    deaf: Origin | None = None
    retry_off: Origin | None = None
    idle_timeout: int | None = None
    max_duration: int | None = None
    tunnel: TunnelPlan | None = None


class RedirectPlan(msgspec.Struct, frozen=True, gc=False):
    """Answer with a redirect; empty parts keep the request's own; `port` 0 keeps it too."""

    code: int = 301
    scheme: str = ""
    authority: str = ""
    port: int = 0
    path: str | None = None
    prefix_rewrite: str | None = None


class DirectResponsePlan(msgspec.Struct, frozen=True, gc=False):
    """Answer at once with `status` and `body`; `reason` explains an answer that Pidalio itself decided on.

    `origin` is the part of a rule that leads to it, where it is another than the route's own.
    """

    status: int
    body: bytes = b""
    reason: str = ""
    origin: Origin | None = None


class DelayPlan(msgspec.Struct, frozen=True, gc=False):
    """Hold `percent` (0–100) of the requests for `duration` milliseconds."""

    duration: int
    percent: float


class AbortPlan(msgspec.Struct, frozen=True, gc=False):
    """End `percent` (0–100) of the requests with an HTTP status, or a gRPC status number."""

    percent: float
    http_status: int | None = None
    grpc_status: int | None = None


class FaultPlan(msgspec.Struct, frozen=True, gc=False):
    """Inject faults: the delay comes first, the two draws are independent."""

    delay: DelayPlan | None = None
    abort: AbortPlan | None = None
    origin: Origin | None = None


class CorsPlan(msgspec.Struct, frozen=True, gc=False):
    """Answer preflights of matching origins; `max_age` in seconds as text, empty when unset."""

    allow_origins: tuple[StringPattern, ...]
    allow_methods: str = ""
    allow_headers: str = ""
    expose_headers: str = ""
    max_age: str = ""
    allow_credentials: bool | None = None
    forward_unmatched: bool = True


class RoutePlan(msgspec.Struct, frozen=True, gc=False):
    """One route; `origin` None means Pidalio's (Istio's) default for a service without rule.

    `root` is the rule that delegated to `origin`, where one did.
    """

    match: MatchPlan
    action: ForwardPlan | RedirectPlan | DirectResponsePlan
    name: str = ""
    fault: FaultPlan | None = None
    cors: CorsPlan | None = None
    request_headers: HeaderEdits = HeaderEdits()
    response_headers: HeaderEdits = HeaderEdits()
    stat_prefix: str = ""
    origin: Origin | None = None
    root: Origin | None = None


class VirtualHostPlan(msgspec.Struct, frozen=True, gc=False):
    """The routes of some domains, first match wins; no match is a 404.

    `domains` are lower-case and appear in one virtual host of a table only.
    `require_tls` answers every plain request with a 301 to https.
    `counts_attempts` tells the upstream in `x-envoy-attempt-count` which try it is.
    `grpc_web` makes gRPC of requests in gRPC-Web.
    """

    name: str
    domains: tuple[str, ...]
    routes: tuple[RoutePlan, ...]
    require_tls: bool = False
    counts_attempts: bool = True
    grpc_web: bool = False
    origin: Origin | None = None


class RouteTablePlan(msgspec.Struct, frozen=True, gc=False):
    """A RouteConfiguration.

    With `delta` its virtual hosts travel one by one (VHDS) and `virtual_hosts` holds only inline ones.
    `ignore_port` drops `:port` of the request's host before domains are compared.
    """

    name: str
    virtual_hosts: tuple[VirtualHostPlan, ...] = ()
    delta: bool = False
    ignore_port: bool = False
