"""Worlds of YAML and what the compiler makes of them, for tables of rules."""

from collections.abc import Iterable
from typing import Any

from pidalio.ir import ClusterPlan, ForwardPlan, ListenerPlan, ProxyPlans, RoutePlan, VirtualHostPlan
from pidalio.model import Proxy, ProxyType, Severity, labels_of
from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh

OWNED = frozenset({"unknown-host", "unknown-port", "unknown-subset", "unknown-delegate"})
DOMAIN = "svc.cluster.local"


def document(
    kind: str, name: str, spec: str, namespace: str = "default", *, created: str = "", group: str = "", more: str = ""
) -> str:
    """Return one object; `spec` is a flow mapping, `more` further members of its metadata."""
    known = {"Service": "v1", "Pod": "v1", "Endpoints": "v1", "EndpointSlice": "discovery.k8s.io/v1"}
    version = group or known.get(kind, "networking.istio.io/v1")
    stamp = f", creationTimestamp: {created!r}" if created else ""
    extra = f", {more}" if more else ""
    body = spec if kind in ("Pod", "Endpoints", "EndpointSlice") else f"spec: {spec}\n"
    return (
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}{stamp}{extra}}}\n{body}"
    )


def service(name: str, namespace: str = "default", ports: str = "80", *, export: str = "", address: str = "") -> str:
    """Return a platform service; `ports` is `80 9090/grpc`."""
    parts = [one.partition("/") for one in ports.split()]
    listed = ", ".join(f"{{port: {number}, name: {protocol or 'http'}-{number}}}" for number, _, protocol in parts)
    more = f"annotations: {{networking.istio.io/exportTo: {export!r}}}" if export else ""
    own = f", clusterIP: {address}" if address else ""
    return document("Service", name, f"{{ports: [{listed}]{own}}}", namespace, more=more)


def entry(
    name: str, host: str, namespace: str = "default", rest: str = "", *, ports: str = "80", created: str = ""
) -> str:
    """Return a ServiceEntry with static resolution unless `rest` says otherwise."""
    parts = [one.partition("/") for one in ports.split()]
    listed = ", ".join(
        f"{{number: {number}, name: p{number}, protocol: {(protocol or 'http').upper()}}}"
        for number, _, protocol in parts
    )
    resolution = "" if "resolution" in rest else ", resolution: STATIC"
    if not any(word in rest for word in ("resolution", "endpoints", "workloadSelector")):
        resolution += ", endpoints: [{address: 10.0.0.1}]"
    spec = f"{{hosts: [{host}], ports: [{listed}]{resolution}{', ' + rest if rest else ''}}}"
    return document("ServiceEntry", name, spec, namespace, created=created)


def rule(
    name: str, hosts: str, http: str = "", namespace: str = "default", rest: str = "", *, created: str = ""
) -> str:
    """Return a VirtualService; `http` is a flow list, by default one route to a host of the rule's name."""
    routes = http or f"[{{route: [{{destination: {{host: {name}}}}}]}}]"
    spec = f"{{hosts: [{hosts}], http: {routes}{', ' + rest if rest else ''}}}"
    return document("VirtualService", name, spec, namespace, created=created)


def to(host: str, rest: str = "") -> str:
    """Return a route list with one destination."""
    return f"[{{route: [{{destination: {{host: {host}}}}}]{', ' + rest if rest else ''}}}]"


def mesh_config(spec: str) -> str:
    return f"apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {{name: mesh}}\nspec: {spec}\n"


def mesh(*documents: str) -> OfflineMesh:
    """Return the mesh of `documents`; a mistake that nobody meant fails the test."""
    found = OfflineMesh.from_text("\n---\n".join(documents))
    mistakes = [one.line() for one in found.reports() if one.severity is Severity.ERROR and one.code not in OWNED]
    assert not mistakes, "\n".join(mistakes)
    return found


def sidecar(namespace: str = "default", name: str = "client", address: str = "10.9.9.9", **labels: str) -> Proxy:
    return Proxy(ProxyType.SIDECAR, address, name, namespace, labels=labels_of(labels), outbound="127.0.0.1:15001")


def router(namespace: str = "default", **labels: str) -> Proxy:
    return Proxy(ProxyType.ROUTER, "10.9.9.8", "edge", namespace, labels=labels_of(labels or {"istio": "ingress"}))


def plans(found: OfflineMesh, proxy: Proxy | None = None) -> ProxyPlans:
    return plans_for(found.world, proxy or sidecar())


def hosts(found: OfflineMesh, proxy: Proxy | None = None) -> dict[str, VirtualHostPlan]:
    """Return the virtual hosts by name, catch-all and placeholder left out; no domain may be there twice."""
    table = plans(found, proxy).tables[0]
    taken = [domain for host in table.virtual_hosts for domain in host.domains]
    assert len(taken) == len(set(taken)), sorted(one for one in taken if taken.count(one) > 1)
    return {host.name: host for host in table.virtual_hosts if host.name not in ("allow_any", "block_all", "~")}


def routes(found: OfflineMesh, host: str, proxy: Proxy | None = None) -> tuple[RoutePlan, ...]:
    return hosts(found, proxy)[host].routes


def route(found: OfflineMesh, host: str, proxy: Proxy | None = None) -> RoutePlan:
    (only,) = routes(found, host, proxy)
    return only


def action(found: OfflineMesh, host: str, proxy: Proxy | None = None) -> Any:
    return route(found, host, proxy).action


def sent_to(one: RoutePlan) -> str | dict[str, int]:
    """Return the cluster of a route, or the weight of each of several."""
    assert isinstance(one.action, ForwardPlan)
    found = one.action.clusters
    return found[0].cluster if len(found) == 1 else {each.cluster: each.weight for each in found}


def domain_owners(found: OfflineMesh, proxy: Proxy | None = None) -> dict[str, str]:
    """Return by domain the virtual host that has it."""
    return {domain: name for name, host in hosts(found, proxy).items() for domain in host.domains}


def clusters(found: OfflineMesh, proxy: Proxy | None = None) -> dict[str, ClusterPlan]:
    return {one.name: one for one in plans(found, proxy).clusters if one.name.startswith("outbound|")}


def endpoints(found: OfflineMesh, cluster: str, proxy: Proxy | None = None) -> list[str]:
    """Return `address:port` of the endpoints of a cluster, sorted."""
    compiled = plans(found, proxy)
    plan = compiled.cluster(cluster)
    assert plan is not None, [one.name for one in compiled.clusters]
    assignment = plan.assignment or compiled.assignment(cluster)
    assert assignment is not None
    return sorted(f"{one.address}:{one.port}" for each in assignment.localities for one in each.endpoints)


def seen_services(found: OfflineMesh, proxy: Proxy | None = None) -> set[str]:
    """Return `host` of every service in the proxy's scope."""
    return {name.split("|")[3] for name in clusters(found, proxy)}


def listeners(found: OfflineMesh, proxy: Proxy) -> dict[str, ListenerPlan]:
    return {one.name: one for one in plans(found, proxy).listeners}


def told(found: OfflineMesh, *codes: str) -> list[tuple[str, str, str]]:
    """Return code, object and path of each report, of the given codes where some are given."""
    return [(one.code, str(one.object), one.path) for one in _reports(found) if not codes or one.code in codes]


def _reports(found: OfflineMesh) -> Iterable[Any]:
    return found.reports()
