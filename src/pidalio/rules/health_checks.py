"""Which HealthCheck holds for a cluster, and what its instances are asked.

Rules are looked up as DestinationRules are (the caller's namespace, the service's, the root's; the first that has any
for the host decides), and of these the most specific holds as a whole: that of the subset, then that of the port, then
the host's; of equals the oldest.
Source of the rules: design record 0016.
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from pidalio.api.health_check import HealthCheck, statuses
from pidalio.api.object import Object
from pidalio.derive import Database, derived
from pidalio.ir import (
    ClusterPlan,
    Discovery,
    GrpcQuestion,
    HealthCheckPlan,
    HttpQuestion,
    TcpQuestion,
    UpstreamProtocol,
)
from pidalio.model import Origin, Port, Protocol
from pidalio.rules import mesh
from pidalio.rules.services import ServiceId
from pidalio.rules.visibility import is_exported
from pidalio.store import tables
from pidalio.store.hosts import host_reference
from pidalio.store.tables import Key

Row: TypeAlias = Object[HealthCheck]

INTERVAL, TIMEOUT = 5_000, 1_000
UNHEALTHY_THRESHOLD, HEALTHY_THRESHOLD = 3, 2
_JITTER_SHARE = 10
PUBLIC = ("*",)
"""To whom a rule without `exportTo` is visible."""
_LISTED = frozenset({Discovery.EDS, Discovery.STATIC, Discovery.STRICT_DNS, Discovery.LOGICAL_DNS})
_REQUESTS = frozenset({Protocol.HTTP, Protocol.HTTP2})
_CALLS = frozenset({Protocol.GRPC, Protocol.GRPC_WEB})


def checked(world: Database, view: str, plan: ClusterPlan, port: Port) -> ClusterPlan:
    """Return `plan` with the check that holds for it, if any; its protocol is settled before."""
    if not tables.HC_BY_HOST.keys(world, plan.host):
        return plan
    row = check_for(world, view, plan, port)
    return msgspec.structs.replace(plan, health_check=_plan(row, plan)) if row else plan


def check_for(world: Database, view: str, plan: ClusterPlan, port: Port) -> Row | None:
    """Return the rule that holds for a cluster, None when no rule can."""
    fitting = (row for row in covering(world, view, plan) if not unfit(row.spec, plan, port))
    return max(fitting, key=lambda row: (bool(row.spec.subset), bool(row.spec.port)), default=None)


def covering(world: Database, view: str, plan: ClusterPlan) -> Iterator[Row]:
    """Yield the rules that are for a cluster, the oldest first, whether they can be carried out or not."""
    for key in rules_for(world, view, (plan.host, plan.namespace)):
        row = tables.HEALTH_CHECKS.get(world, key)
        if row and row.spec.port in (0, plan.port) and row.spec.subset in ("", plan.subset):
            yield row


@derived
def rules_for(world: Database, view: str, identity: ServiceId) -> tuple[Key, ...]:
    """Return the HealthChecks for a service as clients of namespace `view` see it, the oldest first."""
    keys = tables.HC_BY_HOST.keys(world, identity[0])
    root = mesh.root_namespace(world)
    rows = [row for key in keys if (row := tables.HEALTH_CHECKS.get(world, key))]
    for place in dict.fromkeys((view if view != root else identity[1], identity[1], root)):
        own = [row for row in rows if row.meta.namespace == place]
        if visible := [row for row in own if is_exported(row.spec.export_to, place, view, PUBLIC)]:
            return tuple((row.meta.namespace, row.meta.name) for row in sorted(visible, key=_age))
    return ()


def _age(row: Row) -> tuple[str, str]:
    return row.meta.created, row.meta.name


@derived
def hosts_apart(world: Database, client: str) -> frozenset[str]:
    """Return the hosts that clients in a namespace may check otherwise than anonymous clients do.

    They are those of its own rules, and those of rules that are not exported to everybody.
    """
    keys = (*tables.HC_BY_NAMESPACE.keys(world, client), *tables.HC_BY_PRIVACY.keys(world, ""))
    rows = (tables.HEALTH_CHECKS.get(world, key) for key in keys)
    return frozenset(host_reference(row.spec.host, row.meta.namespace) for row in rows if row)


def unfit(spec: HealthCheck, plan: ClusterPlan, port: Port) -> str:
    """Return why a cluster cannot be checked as a rule says, empty when it can.

    A rule that names no port is for those that are declared to speak what it asks.
    """
    if plan.discovery not in _LISTED:
        return f"instances of {plan.host} are not listed: they are found when they are called"
    if spec.tcp:
        return ""
    if port.protocol.is_tls:
        return f"port {port.number} speaks TLS, and checks do not"
    if not spec.port and port.protocol not in (_CALLS if spec.grpc else _REQUESTS):
        wanted = "GRPC" if spec.grpc else "HTTP"
        return f"port {port.number} is not declared {wanted}: declare it, or name the port here"
    if spec.grpc and plan.protocol is not UpstreamProtocol.HTTP2:
        return f"port {port.number} is not spoken to in HTTP/2, which gRPC needs: declare it GRPC or HTTP2"
    return ""


def _plan(row: Row, plan: ClusterPlan) -> HealthCheckPlan:
    spec = row.spec
    threshold = spec.unhealthy_threshold or UNHEALTHY_THRESHOLD
    interval = INTERVAL if spec.interval is None else spec.interval
    jitter = interval // _JITTER_SHARE if spec.jitter is None else spec.jitter
    return HealthCheckPlan(
        question=_question(spec, plan),
        interval=interval,
        timeout=TIMEOUT if spec.timeout is None else spec.timeout,
        jitter=-(-jitter // threshold),
        unhealthy_threshold=threshold,
        healthy_threshold=spec.healthy_threshold or HEALTHY_THRESHOLD,
        origin=Origin(row.ref),
    )


def _question(spec: HealthCheck, plan: ClusterPlan) -> HttpQuestion | GrpcQuestion | TcpQuestion:
    if spec.grpc:
        return GrpcQuestion(authority=spec.grpc.authority or plan.host, service=spec.grpc.service)
    if spec.http:
        return HttpQuestion(
            host=spec.http.host or plan.host,
            path=spec.http.path or "/",
            method=spec.http.method or "GET",
            headers=spec.http.headers,
            expected=_ranges(spec.http.expected) or ((200, 200),),
            retriable=_ranges(spec.http.retriable),
            http2=plan.protocol is UpstreamProtocol.HTTP2,
        )
    return TcpQuestion(spec.tcp.send, spec.tcp.receive) if spec.tcp else TcpQuestion()


def _ranges(written: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((found[0], found[-1]) for one in written if (found := statuses(one)))
