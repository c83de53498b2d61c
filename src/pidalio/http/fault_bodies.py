"""The JSON of fault campaigns, both ways: what is ordered, what runs, and what it did.

Percentages are 0 to 100, times seconds; the rest as in `wire`.
"""

import msgspec

from pidalio.http.wire import Body


class FaultOrder(Body, frozen=True):
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
