"""What a rule says that the compiler does not do yet, and what it names that does not exist.

Nothing that users write is silently ignored: a field that was set and is in no list here is reported
(`not-yet-effective`). A missing reference is an owned failure: the route stays and answers 503, and the report says so.
"""

from collections.abc import Iterator
from typing import Any

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.object import Object
from pidalio.api.strings import Destination
from pidalio.api.virtual_service import VirtualService
from pidalio.api.walk import set_fields
from pidalio.derive import Database
from pidalio.model import Report, Severity, host_matches, labels_of, selects
from pidalio.rules import destination_rules, services
from pidalio.store import tables
from pidalio.store.hosts import host_reference
from pidalio.store.protocols import protocol_named

_MATCH = [
    "name",
    "uri",
    "scheme",
    "method",
    "authority",
    "headers",
    "port",
    "sourceLabels",
    "gateways",
    "queryParams",
    "ignoreUriCase",
]
_MATCH += ["withoutHeaders", "sourceNamespace", "statPrefix"]
_EFFECTIVE: dict[str, frozenset[str]] = {
    "VirtualService": frozenset(
        {"hosts", "gateways", "exportTo", "http", "http[].name", "http[].match", "http[].route", "http[].redirect"}
        | {"http[].directResponse", "http[].rewrite", "http[].timeout", "http[].retries", "http[].fault"}
        | {"http[].mirror", "http[].mirrors", "http[].mirrorPercent", "http[].mirrorPercentage", "http[].corsPolicy"}
        | {"http[].headers"}
        | {f"http[].match[].{name}" for name in _MATCH}
    ),
    "DestinationRule": frozenset(
        {"host", "exportTo", "subsets", "subsets[].name", "subsets[].labels"}
        | {
            f"{prefix}trafficPolicy{rest}"
            for prefix in ("", "subsets[].")
            for port in ("", ".portLevelSettings[]")
            for rest in (
                *((port, f"{port}.port") if port else ("", ".portLevelSettings")),
                f"{port}.loadBalancer",
                f"{port}.loadBalancer.simple",
                f"{port}.connectionPool",
                f"{port}.connectionPool.tcp",
                f"{port}.connectionPool.tcp.connectTimeout",
            )
        }
    ),
    "Gateway": frozenset(
        {"selector", "servers", "servers[].port", "servers[].hosts", "servers[].bind", "servers[].name"}
        | {"servers[].tls", "servers[].tls.httpsRedirect"}
    ),
    "ServiceEntry": frozenset(
        {"hosts", "addresses", "ports", "location", "resolution", "endpoints", "workloadSelector", "exportTo"}
    ),
    "WorkloadEntry": frozenset({"address", "ports", "labels", "weight", "locality", "serviceAccount"}),
    "Sidecar": frozenset(
        {"workloadSelector", "egress", "egress[].hosts", "outboundTrafficPolicy", "outboundTrafficPolicy.mode"}
    ),
    "MeshConfig": frozenset(
        {"connectTimeout", "outboundTrafficPolicy", "outboundTrafficPolicy.mode", "rootNamespace", "dnsRefreshRate"}
        | {f"default{kind}ExportTo" for kind in ("Service", "VirtualService", "DestinationRule")}
        | {"defaultHttpRetryPolicy"}
    ),
    "LocalWorkload": frozenset(
        [
            "labels",
            "replicas",
            "command",
            "ports",
            "environment",
            "probe",
            "serviceAccount",
            "locality",
            "workingDirectory",
        ]
    ),
}
_LEAVES_FOLLOW = frozenset(
    {"http[].redirect", "http[].directResponse", "http[].rewrite", "http[].retries", "http[].fault", "http[].mirror"}
    | {"http[].mirrors", "http[].corsPolicy", "http[].headers", "http[].route"}
    | {f"http[].match[].{name}" for name in _MATCH}
    | {"servers[].port", "ports", "endpoints", "workloadSelector", "probe", "defaultHttpRetryPolicy"}
    | {"trafficPolicy.portLevelSettings[].port", "subsets[].trafficPolicy.portLevelSettings[].port"}
)
"""Fields that are honoured with all that is inside them."""


MISSING = frozenset({"unknown-host", "unknown-port", "unknown-subset"})
"""Codes of reports on destinations that do not exist: requests to them would fail."""


def not_yet_effective(item: Object[Any]) -> Iterator[Report]:
    """Yield a report for each field of `item` that is accepted and has no effect yet, the outermost only."""
    allowed = _EFFECTIVE.get(item.kind)
    if allowed is None:
        if item.kind in ("WorkloadGroup", "Ingress") or (item.kind == "Service" and item.spec.type == "ExternalName"):
            yield _report(item, "not-yet-effective", "", f"{item.kind} objects are read and have no effect yet")
        return
    silent: list[str] = []
    for path, pattern, value in set_fields(item.spec):
        if any(pattern == outer or pattern.startswith((f"{outer}.", f"{outer}[]")) for outer in silent):
            continue
        if pattern in allowed and not _is_exception(item.kind, pattern, value):
            if pattern in _LEAVES_FOLLOW:
                silent.append(pattern)
            continue
        if not any(pattern.startswith((f"{outer}.", f"{outer}[]")) for outer in _LEAVES_FOLLOW):
            silent.append(pattern)
            yield _report(
                item,
                "not-yet-effective",
                f"spec.{path}",
                "this field is accepted and has no effect yet (docs/limits.md)",
            )
    yield from _gateway_protocols(item)


def _is_exception(kind: str, pattern: str, value: object) -> bool:
    """Tell whether a field that is honoured in general has a value that is not."""
    text = str(getattr(value, "value", value))
    if kind == "DestinationRule" and pattern.endswith("loadBalancer.simple"):
        return text == "PASSTHROUGH"
    if pattern == "outboundTrafficPolicy.mode":
        return text == "ALLOW_ANY_DYNAMIC_DNS"
    return kind == "ServiceEntry" and pattern == "resolution" and text == "DYNAMIC_DNS"


def _gateway_protocols(item: Object[Any]) -> Iterator[Report]:
    if item.kind != "Gateway":
        return
    for index, server in enumerate(item.spec.servers):
        protocol = protocol_named(server.port.protocol) if server.port else None
        if protocol is not None and not protocol.is_http:
            message = f"{protocol.value} servers open no port yet: only plain HTTP ones do"
            yield _report(item, "not-yet-effective", f"spec.servers[{index}].port.protocol", message)


def references(world: Database, item: Object[Any]) -> Iterator[Report]:
    """Yield a report for each reference of `item` to something that does not exist, or selects nothing."""
    if isinstance(item.spec, VirtualService):
        yield from _virtual_service(world, item)
    elif isinstance(item.spec, DestinationRule):
        yield from _destination_rule(world, item)


def _virtual_service(world: Database, item: Object[VirtualService]) -> Iterator[Report]:
    for path, destination in destinations(item.spec):
        yield from _destination(world, item, path, destination)
    namespace = item.meta.namespace
    for index, name in enumerate(item.spec.gateways):
        reference = tables.gateway_reference(name, namespace)
        owner, _, short = reference.partition("/")
        if reference != "mesh" and tables.GATEWAYS.get(world, (owner, short)) is None:
            message = f"no Gateway {reference}: add it, or correct the name"
            yield _report(item, "unknown-gateway", f"spec.gateways[{index}]", message)


def destinations(spec: VirtualService) -> Iterator[tuple[str, Destination]]:
    """Yield every HTTP destination of a VirtualService with its field path, mirrors included."""
    for index, route in enumerate(spec.http):
        for position, one in enumerate(route.route):
            if one.destination:
                yield f"spec.http[{index}].route[{position}].destination", one.destination
        for position, mirror in enumerate(route.mirrors):
            if mirror.destination:
                yield f"spec.http[{index}].mirrors[{position}].destination", mirror.destination
        if route.mirror:
            yield f"spec.http[{index}].mirror", route.mirror


def _destination(
    world: Database, item: Object[VirtualService], path: str, destination: Destination
) -> Iterator[Report]:
    namespace = item.meta.namespace
    host = host_reference(destination.host, namespace)
    identity = services.resolve(world, host, namespace)
    if identity is None:
        message = f"no service {host} is visible from {namespace}: requests get 503; add a Service or ServiceEntry"
        yield _report(item, "unknown-host", f"{path}.host", message, Severity.ERROR)
        return
    port = destination.port.number if destination.port else 0
    known = [one.number for one in services.ports(world, identity)]
    if port and port not in known:
        message = f"{host} has no port {port}: requests get 503; it has {', '.join(map(str, known))}"
        yield _report(item, "unknown-port", f"{path}.port.number", message, Severity.ERROR)
    view = destination_rules.client_view(world, namespace, identity)
    subsets = [one.name for one in destination_rules.subsets(world, view, identity)]
    if destination.subset and destination.subset not in subsets:
        has = f"it has {', '.join(subsets)}" if subsets else "no DestinationRule for it is in effect"
        message = f"{host} has no subset {destination.subset!r}: requests get 503; {has}"
        yield _report(item, "unknown-subset", f"{path}.subset", message, Severity.ERROR)


def _destination_rule(world: Database, item: Object[DestinationRule]) -> Iterator[Report]:
    host = host_reference(item.spec.host, item.meta.namespace)
    if host.startswith("*"):
        return
    keys = tables.SERVICES_BY_HOST.keys(world, host)
    if not keys and not any(host_matches(host, one) for one in tables.SERVICES_BY_HOST.index_keys(world)):
        message = f"no service {host}: the rule has no effect; a short name belongs to the rule's own namespace"
        yield _report(item, "unreferenced-host", "spec.host", message)
        return
    for key in keys:
        members = services.endpoints(world, (key[0], key[1]))
        known = services.selected_workloads(world, (key[0], key[1]))
        for index, subset in enumerate(item.spec.subsets):
            labels = labels_of(subset.labels)
            if (
                members
                and not any(selects(labels, one.labels) for one in members)
                and not any(selects(labels, one.labels) for one in known)
            ):
                message = f"subset {subset.name!r} selects none of the {len(members)} endpoints of {host}"
                yield _report(item, "empty-subset", f"spec.subsets[{index}].labels", message)


def _report(item: Object[Any], code: str, path: str, message: str, severity: Severity = Severity.WARNING) -> Report:
    return Report(severity, code, message, item.ref, path)


def reports_for(world: Database, item: Object[Any]) -> tuple[Report, ...]:
    """Return all that the compiler has to say of one object."""
    return (*not_yet_effective(item), *references(world, item))
