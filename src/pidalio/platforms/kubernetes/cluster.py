"""One cluster as it is known: pods, slices, nodes, and how they make instances of services.

A slice knows addresses, a pod labels, place and identity; an endpoint is published when both are known, and stays until
its slice says otherwise. Invariant: what a change touches is what it costs; each method says which rows it changed.
Pure. Source of the mapping: Istio's documented model of Kubernetes (reference §1.4).
"""

import contextlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from pidalio.derive import Table
from pidalio.model import NETWORK, REGION, ZONE, Endpoint, Locality, Workload, labelled_locality
from pidalio.model.locality import SUBZONE
from pidalio.platforms.kubernetes.messages import EndpointSlice, Metadata, Pod
from pidalio.platforms.kubernetes.settings import Origin
from pidalio.platforms.kubernetes.sharing import Shared
from pidalio.store import tables
from pidalio.store.hosts import kubernetes_host
from pidalio.store.kubernetes_rows import SERVICE_NAME, pod_workload, slice_endpoint, slice_members

T = TypeVar("T")
Key: TypeAlias = tuple[str, str]
"""Namespace and name."""
Changed: TypeAlias = dict[Table[Any, Any], dict[Any, Any]]
SYSTEM: Final = "istio-system"
"""The namespace whose label says in which network the whole cluster is."""
_OLD_REGION: Final = "failure-domain.beta.kubernetes.io/region"
_OLD_ZONE: Final = "failure-domain.beta.kubernetes.io/zone"


class Instance(msgspec.Struct, gc=False):
    """A pod as it is kept, or one that slices name and nobody knows.

    `uid` tells which one of its name it is (a hash of it), `families` are those of its addresses (`46` for both).
    `slices` are the names of those that name it. One that is gone stays as long as there are such, not `is_there`.
    """

    uid: int = 0
    row: Workload | None = None
    families: str = ""
    slices: tuple[str, ...] = ()
    is_there: bool = True


class Slice(msgspec.Struct, frozen=True, gc=False):
    """A slice as it is kept: its service, and what it says (packed: it is read again only when its pods change)."""

    service: str
    said: bytes
    row: tuple[Endpoint, ...] = ()


class Cluster:
    """What is known of one cluster.

    `parks` says that an endpoint whose pod is not known waits for it; without, it is published as its slice has it.
    `stale` are the slices whose rows would be made otherwise now (`remake` does it), and `stamp` is another number
    whenever that may be so for slices that are on their way; `spoiled` is called then. Nothing is made anew while a
    complete list is `judged`: it may be of what that list does not have any more, and would outlive it.
    `wrong` are, by kind, the objects about which something is told.
    """

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.parks = True
        self.pods: dict[Key, Instance] = {}
        self.slices: dict[Key, Slice] = {}
        self.wrong: dict[str, set[Key]] = {}
        self.families: dict[Key, str] = {}
        self._nodes: dict[str, Locality] = {}
        self._network = origin.network
        self.stale: dict[Key, None] = {}
        self._misplaced: dict[Key, None] = {}
        self._judged = 0
        self._is_moved = False
        self.stamp = 0
        self.spoiled: Callable[[], None] = lambda: None
        self._shared = Shared()

    # Reading: how each kind is kept.

    def instance(self, pod: Pod) -> Instance | None:
        """Return a pod as it is kept, None for one that has ended."""
        meta = pod.metadata.meta()
        row = pod_workload(meta, pod)
        if row is None:
            return None
        one, labels = self._shared.one, self._shared.labels
        account = pod.spec.service_account_name if pod.spec else ""
        ips = [each.ip for each in pod.status.pod_ips] if pod.status else []
        row = msgspec.structs.replace(
            row,
            labels=labels(row.labels),
            named_ports=one(row.named_ports),
            namespace=one(row.namespace),
            service_account=one(account or "default"),
            node=one(row.node),
        )
        families = "".join(sorted({"6" if ":" in ip else "4" for ip in ips}))
        return Instance(hash(pod.metadata.uid), self._placed(row), one(families))

    def slice(self, said: EndpointSlice) -> Slice | None:
        """Return a slice as it is kept, its row not made yet; None for one without a service."""
        service = said.metadata.labels.get(SERVICE_NAME, "")
        if not service:
            return None
        bare = msgspec.structs.replace(said, metadata=_NO_METADATA)
        return Slice(self._shared.one(service), zlib.compress(msgspec.json.encode(bare), 1))

    def made(self, key: Key, kept: Slice) -> Slice:
        """Return a slice with its row as its pods are known now."""
        said = _unpacked(kept, EndpointSlice)
        return msgspec.structs.replace(kept, row=tuple(self._joined(key[0], kept.service, said)))

    # Rows: what each kind means.

    def workload_key(self, key: Key) -> tables.WorkloadKey:
        """Return the key of a pod's row: two clusters may have pods of one name."""
        return (*key, self._shared.one(f"{self.origin.platform}/Pod"))

    def endpoints_key(self, key: Key, service: str) -> tables.EndpointsKey:
        """Return the key of a slice's row."""
        host = self._shared.one(kubernetes_host(service, key[0], self.origin.domain))
        return host, key[0], f"{self.origin.platform}/EndpointSlice {key[1]}"

    # Changes: what each becomes, and which rows that changes.

    def put_pod(self, key: Key, pod: Instance | None) -> Changed:
        """Take over a pod; slices whose endpoints waited for it, or look different by it, are stale."""
        former = self.pods.get(key)
        if pod is None:
            if former is not None and former.slices:
                former.is_there = False  # its slices decide when its endpoints end
            else:
                self.pods.pop(key, None)
            return {tables.WORKLOADS: {self.workload_key(key): None}}
        if former is not None:
            pod.slices = former.slices
        self.pods[key] = pod
        if former is not None and former.slices and _of_endpoints(former) != _of_endpoints(pod):
            self._spoil((key[0], name) for name in former.slices)
        return {tables.WORKLOADS: {self.workload_key(key): pod.row}}

    def put_slice(self, key: Key, kept: Slice | None) -> Changed:
        """Take over a slice, its row made."""
        former = self.slices.get(key)
        rows: dict[Any, Any] = {}
        if former is not None and (kept is None or kept.service != former.service):
            rows[self.endpoints_key(key, former.service)] = None
        if kept is None:
            self.slices.pop(key, None)
            self.stale.pop(key, None)
        else:
            self.slices[key] = kept
            rows[self.endpoints_key(key, kept.service)] = kept.row
        self._note_places(key, former, kept)
        return {tables.ENDPOINTS: rows}

    @contextlib.contextmanager
    def judged(self) -> Iterator[None]:
        """Let what is to be made anew wait, inside the `with` block, for a complete list to be taken over."""
        self._judged += 1
        try:
            yield
        finally:
            self._judged -= 1
            if self._is_moved and not self._judged:
                self._is_moved = False
                self._misplaced = dict.fromkeys(self.pods)
            self.spoiled()

    @property
    def is_to_be_remade(self) -> bool:
        """Tell whether there is something to be made anew, now."""
        return not self._judged and bool(self.stale or self._misplaced)

    def remake(self) -> Changed:
        """Make the row of one pod or stale slice anew."""
        if self._misplaced:
            return self._relocated(self._misplaced.popitem()[:1])
        key, _ = self.stale.popitem()
        made = self.slices[key] = self.made(key, self.slices[key])
        return {tables.ENDPOINTS: {self.endpoints_key(key, made.service): made.row}}

    def spoil(self) -> None:
        """Take every slice for stale."""
        self._spoil(self.slices)

    def put_families(self, key: Key, families: tuple[str, ...]) -> None:
        """Take over the address families of a service: of a pod with two addresses the first family's is used."""
        first = families[0] if len(families) > 1 else ""
        if self.families.get(key, "") == first:
            return
        if first:
            self.families[key] = first
        else:
            del self.families[key]
        self._spoil(at for at, one in self.slices.items() if (at[0], one.service) == key)

    def put_node(self, name: str, labels: Mapping[str, str] | None) -> Changed:
        """Take over where a node is; the pods on it are where it is."""
        place = Locality() if labels is None else self._shared.one(_node_locality(labels))
        if labels is None or self._nodes.get(name, Locality()) == place:
            return {}  # a node that is gone tells nothing of the pods that it still has
        self._nodes[name] = place
        return self._relocated(key for key, pod in self.pods.items() if pod.row is not None and pod.row.node == name)

    def put_network(self, network: str) -> Changed:
        """Take over the network of the whole cluster, unless the settings say it."""
        if self.origin.network or network == self._network:
            return {}
        self._network = network
        return self._relocated(self.pods)

    def set_parking(self, parks: bool) -> None:
        """Let endpoints wait for their pods, or not, because pods may not be read."""
        if self.parks != parks:
            self.parks = parks
            self.spoil()

    def _spoil(self, keys: Iterable[Key]) -> None:
        self.stamp += 1
        self.stale.update(dict.fromkeys(keys))
        if self.stale:
            self.spoiled()

    def _relocated(self, keys: Iterable[Key]) -> Changed:
        rows: dict[Any, Any] = {}
        if self._judged:
            self._is_moved = True
            return {tables.WORKLOADS: rows}
        for key in list(keys):
            pod = self.pods.get(key)
            if pod is not None and pod.row is not None and pod.is_there:
                moved = Instance(pod.uid, self._placed(pod.row), pod.families)
                rows.update(self.put_pod(key, moved)[tables.WORKLOADS])
        return {tables.WORKLOADS: rows}

    def _placed(self, row: Workload) -> Workload:
        """Return a pod's row with what its node and its cluster say where it says nothing."""
        labels = dict(row.labels)
        own, node = labelled_locality(labels), self._nodes.get(row.node, Locality())
        where = own if own.region and "istio-locality" in labels else _filled(own, node)
        network = labels.get(NETWORK) or self._network
        return msgspec.structs.replace(row, locality=self._shared.one(where), network=self._shared.one(network))

    def _note_places(self, key: Key, former: Slice | None, kept: Slice | None) -> None:
        """Remember which slices name which pods; forget pods that are gone and that none names any more."""
        before = set(_pods_of(former)) if former else set()
        after = set(_pods_of(kept)) if kept else set()
        for name in after - before:
            pod = self.pods.setdefault((key[0], name), Instance(is_there=False))
            pod.slices = self._shared.one((*pod.slices, key[1]))
        for name in before - after:
            pod = self.pods[key[0], name]
            pod.slices = tuple(one for one in pod.slices if one != key[1])
            if not pod.slices and not pod.is_there:
                del self.pods[key[0], name]

    def _joined(self, namespace: str, service: str, said: EndpointSlice) -> Iterator[Endpoint]:
        """Yield the endpoints of a slice whose pods are known, with what pods say; names as addresses are none."""
        if said.address_type == "FQDN":
            return
        first = self.families.get((namespace, service), "")
        one = self._shared.one
        for member, port in slice_members(said):
            made = slice_endpoint(member, port)
            if not made.workload:
                yield self._bare(made)
                continue
            key = (namespace, made.workload)
            pod = self.pods.get(key)
            uid = getattr(member.target_ref, "uid", "")
            if pod is None or pod.row is None or (uid and pod.uid != hash(uid)):
                if not self.parks:
                    yield self._bare(made)
                continue
            if first and first != said.address_type and first[-1:] in pod.families:
                continue
            row = pod.row
            yield msgspec.structs.replace(
                made,
                address=row.address if row.address == made.address else made.address,
                port_name=one(made.port_name),
                labels=row.labels,
                locality=one(_filled(row.locality, made.locality)),
                workload=row.name,
                network=row.network,
                node=row.node or one(made.node),
                identity=one(f"spiffe://{self.origin.trust_domain}/ns/{namespace}/sa/{row.service_account}"),
            )

    def _bare(self, made: Endpoint) -> Endpoint:
        one = self._shared.one
        where = _filled(self._nodes.get(made.node, Locality()), made.locality)
        return msgspec.structs.replace(
            made, locality=one(where), network=self._network, port_name=one(made.port_name), node=one(made.node)
        )


def _of_endpoints(pod: Instance) -> tuple[Any, ...]:
    """Return what endpoints have of a pod."""
    row = pod.row
    if row is None:
        return ()
    return pod.uid, row.labels, row.locality, row.network, row.service_account, row.node, pod.families


def _pods_of(kept: Slice) -> Iterator[str]:
    """Yield the names of the pods that a slice's endpoints stand for."""
    said = _unpacked(kept, _Targets)
    return (one.targetRef.name for one in said.endpoints if one.targetRef and one.targetRef.kind == "Pod")


def _unpacked(kept: Slice, type_: type[T]) -> T:
    return msgspec.json.decode(zlib.decompress(kept.said), type=type_)


class _Target(msgspec.Struct, frozen=True, gc=False):
    kind: str = ""
    name: str = ""


class _Targeted(msgspec.Struct, frozen=True, gc=False):
    targetRef: _Target | None = None  # noqa: N815 - as it is written


class _Targets(msgspec.Struct, frozen=True, gc=False):
    endpoints: tuple[_Targeted, ...] = ()


def _filled(own: Locality, other: Locality) -> Locality:
    """Return `own` with what it does not say as `other` has it, where the two do not contradict each other."""
    if own.region and other.region and own.region != other.region:
        return own
    if own.zone and other.zone and own.zone != other.zone:
        return Locality(own.region or other.region, own.zone, own.subzone)
    return Locality(own.region or other.region, own.zone or other.zone, own.subzone or other.subzone)


def _node_locality(labels: Mapping[str, str]) -> Locality:
    return Locality(
        labels.get(REGION) or labels.get(_OLD_REGION, ""),
        labels.get(ZONE) or labels.get(_OLD_ZONE, ""),
        labels.get(SUBZONE, ""),
    )


_NO_METADATA: Final = Metadata()
