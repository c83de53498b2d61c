"""What a rule names that does not exist, or selects nothing.

A missing reference is an owned failure: the route stays and answers 503, and the report says so.
It stands beside the compiler: nothing that is compiled depends on a report.
"""

from collections.abc import Iterator
from typing import Any

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.health_check import HealthCheck
from pidalio.api.kubernetes import Ingress, IngressBackend, Service
from pidalio.api.mesh_config import IngressControllerMode
from pidalio.api.object import Object
from pidalio.api.places import join
from pidalio.api.resilience import CALLS, called_hosts
from pidalio.api.strings import Destination, claim_of
from pidalio.api.virtual_service import VirtualService
from pidalio.derive import Database
from pidalio.model import Protocol, Report, Severity, host_matches, is_wildcard, labels_of, selects
from pidalio.rules import aliases, destination_rules, ingress, mesh, services
from pidalio.rules.delegates import delegated
from pidalio.rules.virtual_services import mesh_candidates
from pidalio.store import tables
from pidalio.store.hosts import host_reference, kubernetes_host


def references(world: Database, item: Object[Any]) -> Iterator[Report]:
    """Yield a report for each reference of `item` to something that does not exist, or selects nothing."""
    yield from _calls(world, item)
    if isinstance(item.spec, VirtualService):
        yield from _virtual_service(world, item)
    elif isinstance(item.spec, DestinationRule):
        yield from _destination_rule(world, item)
    elif isinstance(item.spec, HealthCheck):
        yield from _health_check(world, item)
    elif isinstance(item.spec, Ingress):
        yield from _ingress(world, item)
    elif isinstance(item.spec, Service) and item.spec.type == "ExternalName":
        yield from _alias(world, item)
    elif isinstance(item.spec, Service):
        yield from _target_ports(world, item)


def _calls(world: Database, item: Object[Any]) -> Iterator[Report]:
    """Say which hosts a workload is said to call that nobody serves: of them nothing is known."""
    for written in called_hosts(item.meta.annotations):
        host = host_reference(written, item.meta.namespace)
        if services.resolve(world, host, item.meta.namespace) is None and not _is_ruled(world, host):
            message = f"no service {host} is visible from {item.meta.namespace}: correct the name, or leave it out"
            yield _told(item, "unknown-callee", join("metadata.annotations", CALLS), message)


def _is_ruled(world: Database, host: str) -> bool:
    """Tell whether a host that no service has is a rule's, or below a wildcard."""
    wildcards = (known for known in tables.SERVICES_BY_HOST.index_keys(world) if is_wildcard(known))
    return bool(mesh_candidates(world, host)) or any(host_matches(known, host) for known in wildcards)


def _virtual_service(world: Database, item: Object[VirtualService]) -> Iterator[Report]:
    for path, destination in destinations(item.spec):
        yield from _destination(world, item, path, destination)
    yield from _delegates(world, item)
    yield from _claims(item)
    namespace = item.meta.namespace
    for index, host in enumerate(item.spec.hosts if "mesh" in (item.spec.gateways or ("mesh",)) else ()):
        if target := _served_as(world, host_reference(host, namespace)):
            message = f"{host} is a second name of {target}: sidecars follow the rules for {target}; name that host"
            yield _told(item, "alias-host", f"spec.hosts[{index}]", message)
    for index, name in enumerate(item.spec.gateways):
        reference = tables.gateway_reference(name, namespace)
        owner, _, short = reference.partition("/")
        if reference != "mesh" and tables.GATEWAYS.get(world, (owner, short)) is None:
            message = f"no Gateway {reference}: add it, or correct the name"
            yield _told(item, "unknown-gateway", f"spec.gateways[{index}]", message)


def _alias(world: Database, item: Object[Service]) -> Iterator[Report]:
    """Say that an alias stands for no service: its name is then an unknown host, which only DNS may know."""
    host = kubernetes_host(item.meta.name, item.meta.namespace)
    if not _served_as(world, host):
        message = f"no service {item.spec.external_name}: the name is an unknown host to proxies; add a ServiceEntry"
        yield _told(item, "unserved-alias", "spec.externalName", message, Severity.INFO)


def _target_ports(world: Database, item: Object[Service]) -> Iterator[Report]:
    """Yield a report for each target port by name that none of the instances has, where there are any."""
    identity = kubernetes_host(item.meta.name, item.meta.namespace), item.meta.namespace
    selected = services.selected_workloads(world, identity)
    listed = {one.service_port for one in services.endpoints(world, identity)}
    for index, stated in enumerate(item.spec.ports):
        port = services.port(world, identity, stated.port)
        if port is None or port.protocol is Protocol.UDP or not port.target_port_name:
            continue
        if port.number in listed or not selected:
            continue
        if all(services.instance_port(port, one) is None for one in selected):
            message = (
                f"no instance has a port named {stated.target_port!r} ({len(selected)} selected): calls get 503; "
                "correct the name, or name the instances' port so"
            )
            yield _told(item, "unknown-target-port", f"spec.ports[{index}].targetPort", message)


def _served_as(world: Database, host: str) -> str:
    """Return the host of the service for which `host` is a second name, empty when it is none."""
    target = aliases.target_of(world, host)
    return target if target and tables.SERVICES_BY_HOST.keys(world, target) else ""


def _delegates(world: Database, item: Object[VirtualService]) -> Iterator[Report]:
    key = (item.meta.namespace, item.meta.name)
    for index, route in enumerate(item.spec.http):
        if route.delegate is None:
            continue
        path = f"spec.http[{index}].delegate"
        found = delegated(world, key, index)
        name = "/".join(tables.delegate_key(route.delegate, key[0]))
        if found.missing:
            message = f"{found.missing}: requests get 503; add it, or correct the name"
            yield _told(item, "unknown-delegate", path, message, Severity.ERROR)
        for one in found.dropped:
            message = f"http[{one.index}] of VirtualService {name} is dropped here: {one.why}"
            yield _told(item, "delegate-conflict", path, message)
    if not item.spec.hosts and not tables.VS_BY_DELEGATE.keys(world, key):
        message = "no rule delegates to this VirtualService: add hosts, or a rule that delegates to it"
        yield _told(item, "unused-delegate", "spec.hosts", message)


def _claims(item: Object[VirtualService]) -> Iterator[Report]:
    """Yield a report for each condition on a claim: tokens are not verified, so that no request has any."""
    for index, rule in enumerate(item.spec.http):
        for position, match in enumerate(rule.match):
            for field, conditions in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
                for name, _ in conditions:
                    if claim_of(name):
                        path = join(f"spec.http[{index}].match[{position}].{field}", name)
                        holds = "always" if field == "withoutHeaders" else "never"
                        message = f"no RequestAuthentication verifies tokens, so that this condition {holds} holds"
                        yield _told(item, "jwt-claim-without-authentication", path, message)


def destinations(spec: VirtualService) -> Iterator[tuple[str, Destination]]:
    """Yield every destination of a VirtualService with its field path, mirrors included."""
    for index, route in enumerate(spec.http):
        for position, one in enumerate(route.route):
            if one.destination:
                yield f"spec.http[{index}].route[{position}].destination", one.destination
        for position, mirror in enumerate(route.mirrors):
            if mirror.destination:
                yield f"spec.http[{index}].mirrors[{position}].destination", mirror.destination
        if route.mirror:
            yield f"spec.http[{index}].mirror", route.mirror
    for path, stated in spec.connection_routes:
        for position, part in enumerate(stated):
            if part.destination:
                yield f"spec.{path}.route[{position}].destination", part.destination


def _fate(path: str) -> str:
    """Return what becomes of calls to the destination at `path`, which is not there."""
    if not path.startswith("spec.http"):
        return "connections are closed"
    return "nothing is mirrored" if "].mirror" in path else "requests get 503"


def _destination(
    world: Database, item: Object[VirtualService], path: str, destination: Destination
) -> Iterator[Report]:
    namespace = item.meta.namespace
    fate = _fate(path)
    host = host_reference(destination.host, namespace)
    identity = services.resolve(world, host, namespace)
    if identity is None:
        message = f"no service {host} is visible from {namespace}: {fate}; add a Service or ServiceEntry"
        yield _told(item, "unknown-host", f"{path}.host", message, Severity.ERROR)
        return
    port = destination.port.number if destination.port else 0
    known = [one.number for one in services.ports(world, identity)]
    if port and port not in known:
        message = f"{host} has no port {port}: {fate}; it has {', '.join(map(str, known))}"
        yield _told(item, "unknown-port", f"{path}.port.number", message, Severity.ERROR)
    subsets = destination_rules.known_subsets(world, namespace, identity)
    if destination.subset and destination.subset not in subsets:
        has = f"it has {', '.join(subsets)}" if subsets else "no DestinationRule for it is in effect"
        message = f"{host} has no subset {destination.subset!r}: {fate}; {has}"
        yield _told(item, "unknown-subset", f"{path}.subset", message, Severity.ERROR)


def _destination_rule(world: Database, item: Object[DestinationRule]) -> Iterator[Report]:
    host = host_reference(item.spec.host, item.meta.namespace)
    if host.startswith("*"):
        return
    keys = tables.SERVICES_BY_HOST.keys(world, host)
    covers = any(host_matches(host, one) for one in tables.SERVICES_BY_HOST.index_keys(world)) if not keys else True
    if report := _missing_host(world, item, host, is_known=covers):
        yield report
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
                yield _told(item, "empty-subset", f"spec.subsets[{index}].labels", message)


def _missing_host(world: Database, item: Object[Any], host: str, *, is_known: bool) -> Report | None:
    """Return that a rule is for a host that no service has, or has as a second name only."""
    if target := _served_as(world, host):
        message = f"{host} is a second name of {target}: write the rule for {target}"
        return _told(item, "alias-host", "spec.host", message)
    if is_known:
        return None
    message = f"no service {host}: the rule has no effect; a short name belongs to the rule's own namespace"
    return _told(item, "unreferenced-host", "spec.host", message)


def _health_check(world: Database, item: Object[HealthCheck]) -> Iterator[Report]:
    spec, host = item.spec, host_reference(item.spec.host, item.meta.namespace)
    identities = tuple(dict.fromkeys((key[0], key[1]) for key in tables.SERVICES_BY_HOST.keys(world, host)))
    if report := _missing_host(world, item, host, is_known=bool(identities)):
        yield report
        return
    ports = [one.number for identity in identities for one in services.ports(world, identity)]
    if spec.port and spec.port not in ports:
        message = f"{host} has no port {spec.port}: the rule has no effect; it has {', '.join(map(str, ports))}"
        yield _told(item, "unreferenced-port", "spec.port", message)
    known = (destination_rules.known_subsets(world, item.meta.namespace, one) for one in identities)
    subsets = [name for names in known for name in names]
    if spec.subset and spec.subset not in subsets:
        has = f"it has {', '.join(subsets)}" if subsets else "no DestinationRule for it defines any"
        message = f"{host} has no subset {spec.subset!r}: the rule has no effect; {has}"
        yield _told(item, "unreferenced-subset", "spec.subset", message)


def _ingress(world: Database, item: Object[Ingress]) -> Iterator[Report]:
    """Tell why an Ingress has no effect as a whole, or which backends it leads to in vain."""
    namespace = item.meta.namespace
    if not ingress.counts(world, (namespace, item.meta.name)):
        message = (
            f"its class is not ours, so it has no effect: write ingressClassName with an IngressClass of "
            f"{ingress.CONTROLLER}, or the annotation {ingress.CLASS_ANNOTATION}: {mesh.ingress_class(world)}"
        )
        if mesh.ingress_mode(world) is IngressControllerMode.OFF:
            message = "the mesh's ingressControllerMode is OFF, so it has no effect: set it to STRICT"
        yield _told(item, "foreign-ingress", "spec.ingressClassName", message)
        return
    for where, backend in _backends(item.spec):
        if backend.service is None:
            yield _told(item, "refused-field", where, "only services can be backends: name one under `service`")
            continue
        host = kubernetes_host(backend.service.name, namespace)
        if services.resolve(world, host, namespace) is None:
            message = f"no service {host}: requests get 500; add the Service"
            yield _told(item, "unknown-host", f"{where}.service.name", message, Severity.ERROR)
        elif not ingress.backend_port(world, host, backend.service, namespace):
            message = f"{host} has no such port: requests get 500; write one of its ports by number or name"
            yield _told(item, "unknown-port", f"{where}.service.port", message, Severity.ERROR)


def _backends(spec: Ingress) -> Iterator[tuple[str, IngressBackend]]:
    if spec.default_backend:
        yield "spec.defaultBackend", spec.default_backend
    for index, rule in enumerate(spec.rules):
        for position, path in enumerate(rule.http.paths if rule.http else ()):
            yield f"spec.rules[{index}].http.paths[{position}].backend", path.backend or IngressBackend()


def _told(item: Object[Any], code: str, path: str, message: str, severity: Severity = Severity.WARNING) -> Report:
    return Report(severity, code, message, item.ref, path)
