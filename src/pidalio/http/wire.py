"""The JSON of the API, both ways: what the server encodes is what the client decodes.

Invariant: these structs are the whole contract; `openapi` describes them, and nothing internal leaks through them.
Names are lower camel case; times are seconds since the epoch, durations seconds, unless a field says otherwise.
"""

from typing import Any, Final

import msgspec

from pidalio.ir import ProcessPlan
from pidalio.model import Health, Labels, Locality, ObjectRef, Place, Report, Severity, Sight, Source, Word, Workload


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """What every body has in common."""


class ReportView(Body, frozen=True):
    """One thing told to a user; `severity` is `info`, `warning` or `error`, `line` its form for people."""

    severity: str
    code: str
    message: str
    line: str
    object: ObjectRef | None = None
    path: str = ""
    place: Place | None = None

    @classmethod
    def of(cls, report: Report) -> "ReportView":
        """Return the view of `report`."""
        return cls(
            report.severity.name.lower(),
            report.code,
            report.message,
            report.line(),
            report.object,
            report.path,
            report.place,
        )

    def report(self) -> Report:
        """Return the report that this is the view of."""
        severity = Severity[self.severity.upper()] if self.severity.upper() in Severity.__members__ else Severity.ERROR
        return Report(severity, self.code, self.message, self.object, self.path, self.place)


class ErrorAnswer(Body, frozen=True):
    """Why nothing was done: `code` is stable, `message` one line, `reports` the mistakes that led to it."""

    code: str
    message: str
    reports: tuple[ReportView, ...] = ()


class SourceFile(Body, frozen=True, forbid_unknown_fields=True):
    """One file of YAML or JSON documents; `name` is what places in it are shown with."""

    name: str
    text: str


class SourceFiles(Body, frozen=True, forbid_unknown_fields=True):
    """Several files that are applied as one change."""

    files: tuple[SourceFile, ...]


class ObjectNames(Body, frozen=True, forbid_unknown_fields=True):
    """Objects by kind, namespace and name."""

    objects: tuple[ObjectRef, ...]


class AppliedAnswer(Body, frozen=True):
    """What a change did, or with `dryRun` would do: the objects, and by proxy and type the resources that differ.

    `revision` and `generation` are those that hold it; unchanged objects are in no list.
    """

    revision: int
    generation: int
    dry_run: bool = False
    added: tuple[ObjectRef, ...] = ()
    changed: tuple[ObjectRef, ...] = ()
    removed: tuple[ObjectRef, ...] = ()
    reports: tuple[ReportView, ...] = ()
    concerned: dict[str, dict[str, tuple[str, ...]]] = {}


class RejectionView(Body, frozen=True):
    """A resource that a proxy refused, why, and the place of the rule that it was made from."""

    type: str
    name: str
    version: str
    error: str
    object: ObjectRef | None = None
    path: str = ""
    place: Place | None = None


class ReleasedAnswer(Body, frozen=True):
    """A source that is believed again, and the generation that holds what it says."""

    source: str
    generation: int


class LiveView(Body, frozen=True):
    """How one proxy stands to a generation: `live`, `lagging`, `rejected`, or `gone` when it left meanwhile."""

    proxy: str
    state: str
    generation: int
    reason: str = ""
    rejections: tuple[RejectionView, ...] = ()


class LiveAnswer(Body, frozen=True):
    """How the proxies that a generation concerns stand to it; `settled` when none is lagging."""

    generation: int
    settled: bool
    proxies: tuple[LiveView, ...]


class StatusView(Body, frozen=True):
    """What becomes of an object: whether the compiler reads it, and on how many of `proxies` it is effective.

    `effectiveOn` is None for kinds that concern no proxy. `ineffective` are the parts of it that do nothing and
    `conflicts` where it loses to another object, each with the reason; `risks` are what would disappoint when
    something fails; `remarks` are things to know that may well be meant.
    """

    compiled: bool
    effective_on: int | None
    proxies: int
    ineffective: tuple[ReportView, ...] = ()
    conflicts: tuple[ReportView, ...] = ()
    risks: tuple[ReportView, ...] = ()
    remarks: tuple[ReportView, ...] = ()


class ObjectView(Body, frozen=True):
    """An object as it is live: its tree, who owns it (`source`, and there `unit`), and where it is written.

    `status` is None where it was not asked for.
    """

    object: dict[str, Any]
    source: str
    unit: str = ""
    place: Place | None = None
    status: StatusView | None = None


class ObjectsAnswer(Body, frozen=True):
    """Live objects, by kind, namespace and name."""

    objects: tuple[ObjectView, ...]


class TypeView(Body, frozen=True):
    """One resource type on one stream: how many are acknowledged, on their way, still to be sent."""

    type: str
    acked: int
    sent: int
    due: int
    rejected: tuple[RejectionView, ...] = ()


class ProxyView(Body, frozen=True):
    """One stream of one proxy; `behind` counts generations, None before it has applied the first."""

    id: str
    type: str
    name: str
    namespace: str
    address: str
    identities: tuple[str, ...]
    connected: float
    generation: int
    behind: int | None
    waiting: str
    streams: int
    responses: int
    bytes: int
    types: tuple[TypeView, ...]


PLATFORM_STATES: Final = ("starting", "synced", "stale", "held")


class PlatformView(Body, frozen=True):
    """One source of objects or instances; `detail` says how it is.

    Of a platform that is followed: its `kind`, its `state` (`starting`, `synced`, `stale`: it does not answer, `held`:
    its answer is not believed), when it was read completely and when it was `heard` last, its last `error`.
    """

    name: str
    objects: int = 0
    instances: int = 0
    detail: str = ""
    kind: str = ""
    state: str = "synced"
    services: int = 0
    synced: float | None = None
    heard: float | None = None
    error: str = ""
    reports: tuple[ReportView, ...] = ()


class PlatformsAnswer(Body, frozen=True):
    """Everything that feeds the mesh."""

    platforms: tuple[PlatformView, ...]


class StatusAnswer(Body, frozen=True):
    """The state of the mesh: every proxy, every standing report, every platform."""

    revision: int
    generation: int
    proxies: tuple[ProxyView, ...]
    reports: tuple[ReportView, ...]
    platforms: tuple[PlatformView, ...]


class OriginView(Body, frozen=True):
    """The part of an object that something stems from, and where it is written."""

    object: ObjectRef
    path: str = ""
    place: Place | None = None


class ResourceView(Body, frozen=True):
    """One resource of a proxy: `equal`, `differs`, `missing` (not held yet) or `extra` (held, and not to be).

    `held` and `wanted` are versions, `content` is what it should hold.
    """

    type: str
    name: str
    state: str
    held: str = ""
    wanted: str = ""
    origins: tuple[OriginView, ...] = ()
    content: dict[str, Any] | None = None


class HoldingsAnswer(Body, frozen=True):
    """What a proxy holds of one kind of resource, by what it acknowledged, beside what it should hold."""

    proxy: str
    resources: tuple[ResourceView, ...]


class RevisionView(Body, frozen=True):
    """One recorded change; `changes` name its objects with `added`, `changed`, `removed` or `moved`."""

    number: int
    time: float
    author: str
    message: str
    changes: tuple[tuple[ObjectRef, str], ...] = ()


class HistoryAnswer(Body, frozen=True):
    """Revisions, newest first."""

    revisions: tuple[RevisionView, ...]


class DifferenceView(Body, frozen=True):
    """One object in two revisions; None where it does not exist."""

    object: ObjectRef
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class RevisionAnswer(Body, frozen=True):
    """A revision and what it changed."""

    revision: RevisionView
    differences: tuple[DifferenceView, ...]


class DiffAnswer(Body, frozen=True):
    """How the objects of two revisions differ."""

    older: int
    newer: int
    differences: tuple[DifferenceView, ...]


class WorkloadView(Body, frozen=True):
    """One running instance, as the agent beside it knows it; `ports` are those it really has, by name."""

    name: str
    namespace: str
    address: str
    labels: dict[str, str] = {}
    ports: dict[str, int] = {}
    named_ports: dict[str, int] = {}
    moved_ports: dict[int, int] = {}
    weight: int = 0
    locality: Locality = Locality()
    health: Health = Health.HEALTHY
    service_account: str = ""
    network: str = ""

    @classmethod
    def of(cls, row: Workload) -> "WorkloadView":
        """Return the view of `row`."""
        return cls(
            row.name,
            row.namespace,
            row.address,
            dict(row.labels),
            dict(row.ports),
            dict(row.named_ports),
            dict(row.moved_ports),
            row.weight,
            row.locality,
            row.health,
            row.service_account,
            row.network,
        )

    def row(self) -> Workload:
        """Return the row of the store."""
        return Workload(
            name=self.name,
            namespace=self.namespace,
            address=self.address,
            labels=_sorted(self.labels),
            ports=tuple(sorted(self.ports.items())),
            named_ports=tuple(sorted(self.named_ports.items())),
            moved_ports=tuple(sorted(self.moved_ports.items())),
            weight=self.weight,
            locality=self.locality,
            health=self.health,
            service_account=self.service_account,
            network=self.network,
            source=Source.AGENT,
        )


class WordView(Body, frozen=True):
    """What one source says of an instance; `source` is `platform`, `agent`, `active-check` or `outlier-detection`.

    `by` names who says so (an object, the agents, a proxy); `since` is 0 where nobody knows, `until` is not 0 where it
    is over.
    """

    source: str
    health: str
    by: str = ""
    reason: str = ""
    since: float = 0.0
    until: float = 0.0


class EndpointView(Body, frozen=True):
    """One instance's address for one service port; `health` is what every proxy is told, `words` who says what.

    `outAt` names the proxies that send it nothing because of their own checks or its errors.
    """

    host: str
    port: int
    namespace: str
    instance: str
    address: str
    health: str
    words: tuple[WordView, ...] = ()
    out_at: tuple[str, ...] = ()


class SightsView(Body, frozen=True):
    """All that a proxy's Envoy took out of its own pools by now; it counts for `lease` seconds without renewal."""

    sights: tuple[Sight, ...]
    lease: float = 30.0


class SightsAnswer(Body, frozen=True):
    """Of how many instances note was taken."""

    taken: int


class EndpointsAnswer(Body, frozen=True):
    """Endpoints by host, port and address."""

    endpoints: tuple[EndpointView, ...]


class Registration(Body, frozen=True):
    """An instance that wants to be part of the mesh for `lease` seconds, and what its agent has to tell.

    `word` says why its health is what it is, and since when.
    """

    workload: WorkloadView
    lease: float = 30.0
    reports: tuple[ReportView, ...] = ()
    word: Word | None = None


class RegistrationAnswer(Body, frozen=True):
    """The instance's id (`name.namespace`), how long it is known without renewal, and the generation that holds it."""

    id: str
    lease: float
    generation: int


class GroupAnswer(Body, frozen=True):
    """What the instances of a WorkloadGroup have in common: its tree."""

    object: dict[str, Any]


class ProcessAnswer(Body, frozen=True):
    """How the Envoy of a proxy is to be started (ProxyConfig, MeshConfig.defaultConfig)."""

    process: ProcessPlan


class HealthAnswer(Body, frozen=True):
    """Whether the control plane is well, or ready; `reason` when it is not."""

    ok: bool
    reason: str = ""


def _sorted(pairs: dict[str, str]) -> Labels:
    return tuple(sorted(pairs.items()))
