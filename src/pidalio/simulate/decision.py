"""The answer: everything that leads from a request to what becomes of it, ready to be printed or sent as JSON.

Shares are probabilities from 0 to 1, times milliseconds. Origins name rules; the edge joins `file:line` to them.
"""

import msgspec

from pidalio.ir import (
    FaultPlan,
    HashPlan,
    HeaderEdits,
    HealthCheckPlan,
    MirrorPlan,
    RetryPlan,
    TunnelPlan,
    ZoneAwarePlan,
)
from pidalio.ir.cluster import Discovery, LoadBalancing
from pidalio.model import Origin
from pidalio.simulate.domain import DomainRule
from pidalio.simulate.override import Timeout
from pidalio.simulate.pool import Pool
from pidalio.simulate.request import Request
from pidalio.simulate.settings import Setting
from pidalio.simulate.sticky import Bucket


class HostChoice(msgspec.Struct, frozen=True):
    """The virtual host of the request, and why its domain won; `name` is empty when there is none."""

    name: str
    domain: str
    rule: DomainRule | None
    reason: str
    origin: Origin | None = None


class RouteTry(msgspec.Struct, frozen=True):
    """One route that was compared; `missed` is its first condition not met, empty for the chosen route.

    `root` is the rule that delegated to `origin`, where one did.
    """

    position: int
    name: str
    missed: str
    origin: Origin | None = None
    root: Origin | None = None


class Destination(msgspec.Struct, frozen=True):
    """One possible cluster: its share of the requests, what is known of it, and what it would receive.

    `known` is False for a cluster that does not exist (503, flag NC); `fault` is what a campaign adds. What an active
    `health_check` found is not known here: `pool` goes by what the control plane knows.
    With `tunnel` the instances are proxies, which carry the connection on.
    `settings` hold for all its calls together, said or inherited.
    """

    cluster: str
    weight: int
    share: float
    known: bool
    path: str = ""
    authority: str = ""
    request_edits: tuple[HeaderEdits, ...] = ()
    response_edits: tuple[HeaderEdits, ...] = ()
    host: str = ""
    subset: str = ""
    subset_origin: Origin | None = None
    port: int = 0
    discovery: Discovery | None = None
    load_balancing: LoadBalancing | None = None
    lb_origin: Origin | None = None
    zone_aware: ZoneAwarePlan | None = None
    connect_timeout: int = 0
    connect_timeout_origin: Origin | None = None
    health_check: HealthCheckPlan | None = None
    pool: Pool = Pool()
    pool_origin: Origin | None = None
    origin: Origin | None = None
    fault: FaultPlan | None = None
    tunnel: TunnelPlan | None = None
    settings: tuple[Setting, ...] = ()


class Mirrored(msgspec.Struct, frozen=True):
    """A copy of `percent` of the requests; `known` is False for a cluster that does not exist (then none is sent)."""

    plan: MirrorPlan
    known: bool
    pool: Pool = Pool()


class Forwarded(msgspec.Struct, frozen=True, tag="forward"):
    """The request goes to one of `destinations`.

    `dynamic` says that its own host is resolved by DNS at that time.
    `bucket` says, of a sticky route, why it is these.
    `hashes` make the key by which hashing clusters choose one instance: their shares are those of many keys.
    `settings` are the timeouts and retries in force, said or inherited.
    """

    destinations: tuple[Destination, ...]
    timeout: Timeout = Timeout()
    retry: RetryPlan | None = None
    mirrors: tuple[Mirrored, ...] = ()
    dynamic: bool = False
    bucket: Bucket | None = None
    hashes: tuple[HashPlan, ...] = ()
    settings: tuple[Setting, ...] = ()


class Redirected(msgspec.Struct, frozen=True, tag="redirect"):
    """The proxy answers with a redirect."""

    status: int
    location: str
    response_edits: tuple[HeaderEdits, ...] = ()


class Answered(msgspec.Struct, frozen=True, tag="answer"):
    """The proxy answers by itself; `reason` explains an answer that Pidalio decided on."""

    status: int
    body: bytes = b""
    location: str = ""
    reason: str = ""
    response_edits: tuple[HeaderEdits, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """One outcome and its share.

    `status` None means the upstream's own; `flag` and `details` are what Envoy logs as %RESPONSE_FLAGS% and
    %RESPONSE_CODE_DETAILS%; `delay` is what faults add.
    """

    share: float
    status: int | None
    flag: str
    details: str
    cluster: str = ""
    grpc_status: int | None = None
    delay: int = 0
    why: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What Envoy does with one request, step by step; `verdicts` have the largest share first and sum to 1.

    `request` is the request as routes saw it: path normalised, headers as Envoy leaves and adds them; `cors` is what
    the filter for cross-origin requests sets on the answer, whoever gives it.
    """

    listener: str
    listener_origin: Origin | None = None
    chain: str = ""
    chain_origin: Origin | None = None
    table: str = ""
    request: Request
    host: HostChoice | None = None
    tried: tuple[RouteTry, ...] = ()
    route: RouteTry | None = None
    action: Forwarded | Redirected | Answered | None = None
    fault: FaultPlan | None = None
    cors: HeaderEdits = HeaderEdits()
    verdicts: tuple[Verdict, ...]

    @property
    def verdict(self) -> Verdict:
        """Return the most likely outcome."""
        return self.verdicts[0]
