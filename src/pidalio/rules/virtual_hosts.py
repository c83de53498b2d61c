"""Virtual hosts of a sidecar's route table: which there are, their domains, their routes.

`VirtualHostKey` holds exactly what a virtual host depends on beside rules and services, so that proxies of
different scopes share it wherever it is the same for them.
The table is that of the explicit HTTP-proxy listener (design record 0005): one for all ports, so that domains carry
`:port`, and port 80 goes without it too.
Source of the rules: Istio's documented route tables (reference §2.4, §2.5).
"""

import msgspec

from pidalio.derive import Database, derived
from pidalio.ir import (
    DirectResponsePlan,
    ForwardPlan,
    HeaderEdits,
    HeaderMatch,
    MatchKind,
    MatchPlan,
    RoutePlan,
    RouteTablePlan,
    StringPattern,
    VirtualHostPlan,
    WeightedCluster,
)
from pidalio.model import Labels, Origin, Protocol, is_wildcard
from pidalio.rules import mesh, names, services
from pidalio.rules.matching import RouteContext
from pidalio.rules.routes import default_route, routes_of
from pidalio.rules.virtual_services import Head, governing, is_visible, mesh_candidates, mesh_hosts
from pidalio.rules.visibility import Scope, egress_hosts
from pidalio.store import tables
from pidalio.store.hosts import DOMAIN, kubernetes_aliases
from pidalio.store.tables import Key

_LOOP_HEADER = "x-pidalio-passthrough"
_ABSENT = "invalid"


class VirtualHostKey(msgspec.Struct, frozen=True):
    """What a sidecar's virtual host is compiled from.

    `owner` is the service's namespace, None for a host that only a VirtualService names;
    `near` says that callers share the service's namespace and may use its bare name;
    `namespace` and `labels` are the caller's where the VirtualService asks for them, else empty;
    `view` is the namespace from which names are resolved.
    """

    host: str
    port: int
    owner: str | None
    rule: Key | None = None
    near: bool = False
    tunnel: bool = False
    namespace: str = ""
    labels: Labels = ()
    view: str = ""

    @property
    def name(self) -> str:
        """Return the virtual host's name inside its table."""
        return names.virtual_host(self.host, self.port)


@derived
def virtual_host_keys(world: Database, scope: Scope) -> tuple[VirtualHostKey, ...]:
    """Return every virtual host of the scope's table, sorted by name."""
    view = scope.namespace if services.has_own_view(world, scope.namespace) else ""
    result: list[VirtualHostKey] = []
    visible = services.visible_services(world, scope)
    for host, owner in visible:
        rule = governing(world, scope, host)
        result += [
            _key(scope, host, port.number, owner, rule, view, tunnel=_is_tunnel(port.protocol))
            for port in services.ports(world, (host, owner))
            if port.protocol is not Protocol.UDP
        ]
    known = {host for host, _ in visible}
    result += _rule_only(world, scope, known, view)
    return tuple(sorted(result, key=lambda key: key.name))


def _is_tunnel(protocol: Protocol) -> bool:
    return not (protocol.is_http or protocol is Protocol.UNSUPPORTED)


def _key(
    scope: Scope, host: str, port: int, owner: str | None, rule: Head | None, view: str, *, tunnel: bool
) -> VirtualHostKey:
    by_source = rule is not None and rule.by_source and not tunnel
    return VirtualHostKey(
        host=host,
        port=port,
        owner=owner,
        rule=rule.key if rule and not tunnel else None,
        near=owner is not None and owner == scope.namespace and bool(kubernetes_aliases(host)),
        tunnel=tunnel,
        namespace=scope.namespace if by_source else "",
        labels=scope.labels if by_source else (),
        view=view,
    )


def _rule_only(world: Database, scope: Scope, known: set[str], view: str) -> list[VirtualHostKey]:
    """Return hosts that a visible VirtualService names and no visible service has: on port 80 only."""
    hosts = egress_hosts(world, scope)
    result = []
    for host in mesh_hosts(world):
        if host in known or host == "*":
            continue
        rule = next(
            (
                one
                for one in mesh_candidates(world, host)
                if host in one.hosts and is_visible(world, one, scope.namespace, hosts)
            ),
            None,
        )
        if rule:
            result.append(_key(scope, host, 80, None, rule, view, tunnel=False))
    return result


@derived
def virtual_host(world: Database, key: VirtualHostKey) -> VirtualHostPlan:
    """Return the plan of one virtual host.

    A rule of which nothing applies to these callers counts as absent: the service's default takes its place, and a
    host that only the rule names is left to the catch-all (its domain is then one that no request can have).
    """
    domains = tuple(
        domain
        for name in _names(world, key)
        for domain in ((name, f"{name}:80") if key.port == 80 else (f"{name}:{key.port}",))
    )
    routes: tuple[RoutePlan, ...] = ()
    if key.rule:
        context = RouteContext("mesh", key.port, key.namespace, key.labels, key.view)
        routes = routes_of(world, key.rule, context)
    origin = Origin(row.ref) if routes and key.rule and (row := tables.VIRTUAL_SERVICES.get(world, key.rule)) else None
    if key.tunnel:
        routes = (_tunnel(names.outbound_cluster(key.host, key.port)),)
    if not routes and key.owner is not None:
        routes = (default_route(world, key.host, key.port),)
    if not routes:
        domains = (f"{key.name}.{_ABSENT}",)
    return VirtualHostPlan(name=key.name, domains=domains, routes=routes, origin=origin)


def _names(world: Database, key: VirtualHostKey) -> list[str]:
    """Return the names and addresses under which callers know the host, unless another host has a better claim."""
    host = key.host
    if key.owner is None or is_wildcard(host):
        return [host]
    aliases = list(kubernetes_aliases(host))
    if key.near:
        aliases.append(host.partition(".")[0])
    found = services.service(world, (host, key.owner))
    addresses = [one for one in (found.addresses if found else ()) if "/" not in one and one != "0.0.0.0"]  # noqa: S104
    own = [host, f"{host}."] if host.endswith(f".{DOMAIN}") or "." in host else [host]
    return [*own, *(one for one in (*aliases, *addresses) if _may_use(world, key, one))]


def _may_use(world: Database, key: VirtualHostKey, name: str) -> bool:
    """Tell whether `name` is no other host's own, and this service the first of those that claim it on the port."""
    if tables.SERVICES_BY_HOST.keys(world, name) or tables.VS_BY_HOST.keys(world, name):
        return False
    claims = tables.SERVICES_BY_CLAIM.keys(world, name)
    rivals = {(one[0], one[1]) for one in claims if services.resolve(world, one[0], key.view) == (one[0], one[1])}
    for rival in sorted(rivals):
        if rival == (key.host, key.owner):
            return True
        if any(port.number == key.port for port in services.ports(world, rival)):
            return False
    return True


def _tunnel(cluster: str) -> RoutePlan:
    return RoutePlan(MatchPlan(connect=True), ForwardPlan((WeightedCluster(cluster, 1),)), name="default")


@derived
def sidecar_table(world: Database, scope: Scope) -> RouteTablePlan:
    """Return the sidecar's route table: its virtual hosts travel by themselves, the catch-all is inline."""
    allowed, origin = outbound_policy(world, scope)
    catch_all = _allow_any(origin) if allowed else _block_all(origin)
    return RouteTablePlan(names.HTTP_PROXY, (catch_all,), delta=True)


@derived
def outbound_policy(world: Database, scope: Scope) -> tuple[bool, Origin | None]:
    """Tell whether unknown hosts are let through for the scope: its Sidecar decides, else the mesh."""
    row = tables.SIDECARS.get(world, scope.sidecar) if scope.sidecar else None
    if row and row.spec.outbound_traffic_policy:
        mode = row.spec.outbound_traffic_policy.mode
        return mode.value != "REGISTRY_ONLY", Origin(row.ref, "outboundTrafficPolicy.mode")
    return mesh.allows_any(world)


def _block_all(origin: Origin | None) -> VirtualHostPlan:
    refusal = DirectResponsePlan(502, reason="no service has this host, and only registered ones are allowed")
    return VirtualHostPlan("block_all", ("*",), (RoutePlan(MatchPlan(), refusal, "block_all"),), origin=origin)


def _allow_any(origin: Origin | None) -> VirtualHostPlan:
    """Let unknown hosts through to the address that DNS gives for them, but never twice: that would be a loop."""
    again = HeaderMatch(_LOOP_HEADER, StringPattern(MatchKind.PRESENT))
    loop = DirectResponsePlan(502, reason="the request came back to a proxy of the mesh: no service has this host")
    forward = ForwardPlan((WeightedCluster(names.PASSTHROUGH, 1),), dynamic=True)
    mark = HeaderEdits(set=((_LOOP_HEADER, "1"),))
    return VirtualHostPlan(
        "allow_any",
        ("*",),
        (
            RoutePlan(MatchPlan(headers=(again,)), loop, "loop"),
            RoutePlan(MatchPlan(connect=True), forward, "allow_any"),
            RoutePlan(MatchPlan(), forward, "allow_any", request_headers=mark),
        ),
        origin=origin,
    )
