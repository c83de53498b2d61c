"""Who may see what: `exportTo` on one side, a Sidecar's egress hosts on the other.

A scope is what a proxy may see. Namespaces that own nothing and are named by nothing share one scope, the
anonymous namespace "": proxies of equal scope share every byte.
Source of the rules: Istio's documented visibility (reference §1.6, §2.2).
"""

from collections.abc import Iterable

import msgspec

from pidalio.api.object import Object
from pidalio.api.sidecar import OutboundMode, Sidecar
from pidalio.derive import Database, derived
from pidalio.model import Labels, Origin, Proxy, ProxyType, host_matches, host_subset_of, labels_of, selects
from pidalio.rules import mesh, names
from pidalio.store import tables
from pidalio.store.hosts import host_reference
from pidalio.store.tables import Key


class Client(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Whose DestinationRules hold: those who call from `namespace` with `labels`, as far as rules tell them apart.

    Empty, and false, stands for callers whom no rule tells apart.
    """

    namespace: str = ""
    labels: Labels = ()

    def __bool__(self) -> bool:
        return bool(self.namespace)


ANYBODY = Client()


class EgressHost(msgspec.Struct, frozen=True, gc=False):
    """One entry of a Sidecar's egress hosts: `namespace` is `*` or a name, `host` a name or wildcard.

    With `excludes` (`~namespace/host`) it keeps out what another entry lets in.
    """

    namespace: str
    host: str
    excludes: bool = False


class Scope(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """What decides the view of a proxy.

    `namespace` is "" for clients whose namespace makes no difference; `labels` are only those that some rule asks
    for; `egress` is what the Sidecar that applies lets in, None where nothing is restricted;
    `node` is the machine that the proxy runs on, "" where that makes no difference.
    """

    namespace: str
    labels: Labels = ()
    egress: tuple[EgressHost, ...] | None = None
    node: str = ""

    @property
    def client(self) -> Client:
        """Return who asks for DestinationRules."""
        return Client(self.namespace, self.labels)


class OutboundPolicy(msgspec.Struct, frozen=True, gc=False):
    """What happens to unknown hosts, and who says so.

    `by_name` resolves them by DNS whatever address was called; `through` is the cluster that takes all of them instead.
    """

    allows_any: bool
    origin: Origin | None = None
    by_name: bool = False
    through: str = ""


def is_exported(export_to: tuple[str, ...], owner: str, client: str, default: tuple[str, ...] = ()) -> bool:
    """Tell whether an object of namespace `owner` is visible from `client`; `default` counts where nothing is said."""
    for target in export_to or default:
        if target == "*" or target == client or (target == "." and owner == client):
            return True
    return False


@derived
def scope_of(world: Database, proxy: Proxy) -> Scope:
    """Return the scope of `proxy`, in canonical form: all that any of its egress listeners lets in."""
    row = sidecar_of(world, proxy)
    if row is None or not row.spec.egress:
        return _caller_scope(world, proxy)
    written = [host for listener in row.spec.egress for host in listener.hosts]
    policy = row.spec.outbound_traffic_policy
    if policy and policy.egress_proxy:
        written.append(f"*/{host_reference(policy.egress_proxy.host, row.meta.namespace)}")
    return restricted(world, proxy, written)


def restricted(world: Database, proxy: Proxy, hosts: Iterable[str]) -> Scope:
    """Return what `proxy` may see of `hosts`, written as a Sidecar writes them; nothing for none."""
    egress = tuple(dict.fromkeys(_egress_host(host, proxy.namespace) for host in hosts))
    lets_all_in = EgressHost("*", "*") in egress and not any(one.excludes for one in egress)
    return msgspec.structs.replace(_caller_scope(world, proxy), egress=None if lets_all_in else egress)


def _caller_scope(world: Database, proxy: Proxy) -> Scope:
    labels = tuple(pair for pair in proxy.labels if _asks_for(world, proxy.namespace, pair))
    namespace = proxy.namespace if _is_distinct(world, proxy.namespace) else ""
    node = node_of(world, proxy) if tables.SERVICES_BY_NODE.keys(world, "") else ""
    return Scope(namespace, labels, node=node)


def _asks_for(world: Database, namespace: str, pair: tuple[str, str]) -> bool:
    """Tell whether some rule for clients of `namespace` asks whether they bear a label."""
    return bool(tables.VS_BY_SOURCE.keys(world, pair) or tables.DR_BY_CLIENT.keys(world, (namespace, *pair)))


@derived
def outbound_policy(world: Database, proxy: Proxy) -> OutboundPolicy:
    """Tell whether unknown hosts are let through for `proxy`: its Sidecar decides, else the mesh."""
    row = sidecar_of(world, proxy)
    if row and row.spec.outbound_traffic_policy:
        mode = row.spec.outbound_traffic_policy.mode
        origin: Origin | None = Origin(row.ref, "outboundTrafficPolicy.mode")
    else:
        mode, origin = mesh.outbound_mode(world)
    if mode is OutboundMode.REGISTRY_ONLY:
        return OutboundPolicy(allows_any=False, origin=origin)
    egress = row.spec.outbound_traffic_policy.egress_proxy if row and row.spec.outbound_traffic_policy else None
    if row and egress and mode is OutboundMode.ALLOW_ANY:
        host = host_reference(egress.host, row.meta.namespace)
        through = names.outbound_cluster(host, egress.port.number if egress.port else 0, egress.subset)
        return OutboundPolicy(
            allows_any=True, origin=Origin(row.ref, "outboundTrafficPolicy.egressProxy"), through=through
        )
    return OutboundPolicy(allows_any=True, origin=origin, by_name=mode is OutboundMode.ALLOW_ANY_DYNAMIC_DNS)


def sidecar_of(world: Database, proxy: Proxy) -> Object[Sidecar] | None:
    """Return the Sidecar that governs `proxy`, None for gateways and where there is none."""
    if proxy.type is ProxyType.ROUTER:
        return None
    key = sidecar_for(world, proxy.namespace, proxy.labels)
    return tables.SIDECARS.get(world, key) if key else None


def node_of(world: Database, proxy: Proxy) -> str:
    """Return the machine that the proxy's workload runs on, empty when unknown."""
    keys = tables.WORKLOADS_BY_NAME.keys(world, (proxy.namespace, proxy.name))
    return next((row.node for key in keys if (row := tables.WORKLOADS.get(world, key)) and row.node), "")


def _is_distinct(world: Database, namespace: str) -> bool:
    """Tell whether what clients of `namespace` see may differ from what clients of any other namespace see."""
    return bool(
        namespace == mesh.root_namespace(world)
        or any(namespace in mesh.default_export(world, kind) for kind in mesh.EXPORTED_KINDS)
        or ("." in mesh.default_export(world, "VirtualService") and tables.VS_BY_NAMESPACE.keys(world, namespace))
        or tables.SERVICES_BY_NAMESPACE.keys(world, namespace)
        or tables.SERVICES_BY_EXPORT.keys(world, namespace)
        or tables.ALIASES_BY_NAMESPACE.keys(world, namespace)
        or tables.VS_BY_EXPORT.keys(world, namespace)
        or tables.DR_BY_EXPORT.keys(world, namespace)
        or tables.DR_BY_NAMESPACE.keys(world, namespace)
        or tables.HC_BY_EXPORT.keys(world, namespace)
        or tables.HC_BY_NAMESPACE.keys(world, namespace)
        or tables.VS_BY_SOURCE.keys(world, ("", namespace))
    )


@derived
def sidecar_for(world: Database, namespace: str, labels: Labels) -> Key | None:
    """Return the Sidecar that governs workloads with `labels`.

    A matching selector comes first, then the namespace's own without selector, then the root namespace's;
    the oldest wins, equal age goes by name.
    """
    own = _sidecars(world, namespace)
    for item in own:
        selector = item.spec.workload_selector
        if selector and selector.labels and selects(labels_of(selector.labels), labels):
            return item.meta.namespace, item.meta.name
    for item in (*own, *_sidecars(world, mesh.root_namespace(world))):
        if not (item.spec.workload_selector and item.spec.workload_selector.labels):
            return item.meta.namespace, item.meta.name
    return None


def _sidecars(world: Database, namespace: str) -> list[Object[Sidecar]]:
    keys = tables.SIDECARS_BY_NAMESPACE.keys(world, namespace)
    rows = [row for key in keys if (row := tables.SIDECARS.get(world, key))]
    return sorted(rows, key=lambda row: (row.meta.created, row.meta.name))


def _egress_host(written: str, namespace: str) -> EgressHost:
    left, _, host = written.partition("/")
    if len(left) > 1 and left.startswith("~"):
        return EgressHost(left[1:], host.lower(), excludes=True)
    return EgressHost(namespace if left == "." else left, host.lower())


def imports(hosts: tuple[EgressHost, ...] | None, namespace: str, host: str) -> bool:
    """Tell whether the egress hosts let in a rule of `namespace` for `host`: a name in common is enough."""
    return hosts is None or _lets_in(one for one in hosts if _is_of(one, namespace) and host_matches(host, one.host))


def imports_service(hosts: tuple[EgressHost, ...] | None, namespace: str, host: str) -> bool:
    """Tell whether the egress hosts let in the service `host` of `namespace`: with all its names."""
    return hosts is None or _lets_in(one for one in hosts if _is_of(one, namespace) and host_subset_of(host, one.host))


def _is_of(one: EgressHost, namespace: str) -> bool:
    return one.namespace in ("*", namespace)


def _lets_in(found: Iterable[EgressHost]) -> bool:
    fitting = tuple(found)
    return bool(fitting) and not any(one.excludes for one in fitting)
