"""The JSON of fault campaigns, both ways: what is ordered, what runs, and what it did.

Percentages are 0 to 100, times seconds; the rest as in `wire`.
"""

import msgspec

from pidalio.http.wire import Body
from pidalio.model import Tally


class FaultOrder(Body, frozen=True, forbid_unknown_fields=True):
    """What is ordered: delays and aborts for a share of the requests to a host, for `duration` seconds.

    `host` may be short, as seen from `namespace`; `port` 0 and `subset` "" are any. A request is concerned when it has
    this `path` (a `*` at its end: what begins so), `method` and these `headers`, and comes from a proxy in
    `source_namespace` that bears `source_labels`. `lease` is how many seconds an Envoy goes on without the control
    plane. `force` lifts the bound on shares, `dry_run` only tells whom it would concern.
    """

    name: str
    host: str
    namespace: str = "default"
    port: int = 0
    subset: str = ""
    delay: float = 0.0
    delay_percent: float = 0.0
    http_status: int | None = None
    grpc_status: str = ""
    abort_percent: float = 0.0
    path: str = ""
    method: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    source_namespace: str = ""
    source_labels: dict[str, str] = msgspec.field(default_factory=dict)
    duration: float = 300.0
    lease: float = 10.0
    author: str = ""
    force: bool = False
    dry_run: bool = False

    @property
    def faults(self) -> str:
        """Return what it does to requests, in words."""
        parts = []
        if self.delay:
            parts.append(f"delay {self.delay_percent:g} % by {self.delay * 1000:g} ms")
        if self.abort_percent:
            parts.append(f"abort {self.abort_percent:g} % with {self.grpc_status or self.http_status}")
        return " and ".join(parts)


class Figures(Body, frozen=True):
    """What the proxies concerned counted in `seconds`, all of their outgoing calls together.

    `requests` were answered, `errors` of them with 500 to 599, `aborts` and `delays` were injected (those of rules
    too); half of the requests took at most `half_within` milliseconds, 99 % at most `most_within`: bounds of Envoy's
    histogram. `host_requests` were answered by the campaign's host itself, `host_errors` of them with 500 to 599.
    """

    seconds: float = 0.0
    requests: int = 0
    errors: int = 0
    aborts: int = 0
    delays: int = 0
    half_within: float | None = None
    most_within: float | None = None
    host_requests: int = 0
    host_errors: int = 0

    @property
    def success(self) -> float | None:
        """Return the share of the calls without an error, in percent; None without calls."""
        return 100 * (1 - self.errors / self.requests) if self.requests else None

    @property
    def host_success(self) -> float | None:
        """Return it for calls of the host, those that were aborted on their way included."""
        called = self.host_requests + self.aborts
        return 100 * (self.host_requests - self.host_errors) / called if called else None


class FaultEffect(Body, frozen=True):
    """What `proxies` of those concerned have told: in the minute before the campaign, and since it started."""

    proxies: int
    before: Figures
    during: Figures


class TalliesView(Body, frozen=True):
    """What a proxy's Envoy counted of its own calls, oldest first."""

    tallies: tuple[Tally, ...]


class TalliesAnswer(Body, frozen=True):
    """Of how many tallies note was taken."""

    taken: int


class FaultView(Body, frozen=True):
    """One campaign; `running` until it is `ended`, and `why` it is. `host` is the full name.

    `proxies` are those that inject its faults, as of its start.
    """

    order: FaultOrder
    host: str
    started: float
    until: float
    proxies: tuple[str, ...] = ()
    ended: float | None = None
    why: str = ""
    effect: FaultEffect | None = None

    @property
    def running(self) -> bool:
        """Tell whether it goes on."""
        return self.ended is None


class FaultAnswer(Body, frozen=True):
    """A campaign that was started or stopped, or with `dryRun` would be; `concerned` as in `AppliedAnswer`.

    `notes` are what there is to tell about it; `generation` is the one that holds the change.
    """

    fault: FaultView
    generation: int
    dry_run: bool = False
    concerned: dict[str, dict[str, tuple[str, ...]]] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()


class FaultsAnswer(Body, frozen=True):
    """Every campaign that runs, then those that are over, the newest first."""

    faults: tuple[FaultView, ...]
