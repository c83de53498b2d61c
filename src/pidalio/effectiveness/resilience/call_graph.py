"""Who calls whom, as far as anybody says it.

Rules tell how calls are routed, not who makes them. Known are: what a user states (`pidalio.dev/calls`), the hosts
that a Sidecar for certain workloads lets in by name, and what gateways are routed to. A statement counts instead of
Sidecars.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from pidalio.api.object import Object
from pidalio.api.resilience import called_hosts
from pidalio.effectiveness.resilience.paths import TOGETHER, Path, Paths
from pidalio.ir import ForwardPlan
from pidalio.model import Labels, ObjectRef, Origin, Protocol, is_wildcard, labels_of
from pidalio.rules.services import ServiceId, service
from pidalio.rules.visibility import sidecar_for
from pidalio.store import tables
from pidalio.store.hosts import host_reference

_GRPC = frozenset({Protocol.GRPC, Protocol.GRPC_WEB})


class Hop(msgspec.Struct, frozen=True):
    """One call, from whom to which service, and the action of the route that it takes."""

    caller: str
    service: ServiceId
    action: ForwardPlan
    is_grpc: bool

    @property
    def origin(self) -> Origin | None:
        """Return where its retries are stated, None for defaults."""
        return self.action.retry.origin if self.action.retry else None


class CallGraph:
    """The calls that are known, once gathered: of services by service, and `entries`, those of gateways and anybody."""

    def __init__(self, paths: Paths, objects: Iterable[Object[Any]]) -> None:
        self._paths = paths
        self._at: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        for at, alike in enumerate(paths.facts.alike):
            for proxy in () if alike.is_gateway else alike.proxies:
                for name, value in proxy.labels:
                    self._at[proxy.namespace, name, value].add(at)
        self.calls: dict[ServiceId, tuple[Hop, ...]] = {}
        self.entries: tuple[Hop, ...] = ()
        self._objects = objects

    def gather(self) -> Iterator[None]:
        """Take note of the calls, a little at a time."""
        stated = self._stated(self._objects)
        for number, key in enumerate(tables.SERVICES.keys(self._paths.world)):
            if number % TOGETHER == 0:
                yield
            identity = key[0], key[1]
            if identity not in self.calls and (hops := tuple(self._calls_of(identity, stated))):
                self.calls[identity] = hops
        yield
        self.entries = tuple(self._entries())
        yield

    def _stated(self, objects: Iterable[Object[Any]]) -> dict[ServiceId, dict[str, None]]:
        """Return the hosts that services call by statement: their own, or of a workload that they select."""
        by_object: dict[ObjectRef, tuple[str, ...]] = {}
        by_labels: list[tuple[str, Labels, tuple[str, ...]]] = []
        for item in objects:
            if hosts := called_hosts(item.meta.annotations):
                full = tuple(host_reference(host, item.meta.namespace) for host in hosts)
                by_object[item.ref] = full
                if item.kind == "LocalWorkload":
                    by_labels.append((item.meta.namespace, labels_of(item.spec.labels), full))
        found: dict[ServiceId, dict[str, None]] = defaultdict(dict)
        for key in tables.SERVICES.keys(self._paths.world) if by_object else ():
            row = tables.SERVICES.get(self._paths.world, key)
            if row is None:
                continue
            several = [by_object.get(row.object, ())]
            several += [
                hosts
                for namespace, labels, hosts in by_labels
                if namespace == row.namespace and row.selector and set(row.selector) <= set(labels)
            ]
            for host in (host for hosts in several for host in hosts):
                found[row.hostname, row.namespace][host] = None
        return found

    def _calls_of(self, identity: ServiceId, stated: dict[ServiceId, dict[str, None]]) -> Iterator[Hop]:
        holders = self._proxies(identity)
        hosts: Iterable[str] = stated.get(identity) or ()
        if not hosts:
            hosts = dict.fromkeys(host for at in sorted(holders) for host in self._let_in(at))
        elif not holders:
            holders = self._anybody(identity[1])
        for host in hosts:
            for path in self._paths.called(host):
                if not holders.isdisjoint(path.holders):
                    yield from self._hops(identity[0], path)

    def _proxies(self, identity: ServiceId) -> set[int]:
        """Return the proxies beside a service's workloads."""
        row = service(self._paths.world, identity)
        if row is None or not row.selector:
            return set()
        return set.intersection(*(self._at.get((row.namespace, *pair), set()) for pair in row.selector))

    def _anybody(self, namespace: str) -> set[int]:
        """Return the sidecars of a namespace, where none is known to be the service's own."""
        every = self._paths.facts.alike
        return {at for at, one in enumerate(every) if not one.is_gateway and one.proxy.namespace == namespace}

    def _let_in(self, at: int) -> Iterator[str]:
        """Yield the hosts that the Sidecar of certain workloads names, wildcards left out."""
        one = self._paths.facts.alike[at]
        key = sidecar_for(self._paths.world, one.proxy.namespace, one.proxy.labels)
        row = tables.SIDECARS.get(self._paths.world, key) if key else None
        if row and row.spec.workload_selector and row.spec.workload_selector.labels:
            yield from (
                each.host for each in one.scope.egress or () if not each.excludes and not is_wildcard(each.host)
            )

    def _entries(self) -> Iterator[Hop]:
        """Yield the calls that come from gateways, and those of anybody that a rule speaks of."""
        for path in self._paths.inward:
            labels = self._paths.facts.alike[min(path.holders)].proxy.labels
            yield from self._hops("gateway " + ",".join(f"{name}={value}" for name, value in labels), path)
        for several in self._paths.outbound.values():
            for path in several:
                if path.action.retry and path.action.retry.origin:
                    yield from self._hops("a caller", path)

    def _hops(self, caller: str, path: Path) -> Iterator[Hop]:
        for cluster in dict.fromkeys((one.identity, one.port) for one in self._paths.destinations(path)):
            identity, number = cluster
            row = service(self._paths.world, identity)
            port = row.port(number) if row else None
            yield Hop(caller, identity, path.action, is_grpc=port is not None and port.protocol in _GRPC)


def described(chain: Sequence[Hop]) -> str:
    """Return the services that a chain passes: `a → b → c`."""
    return " → ".join((chain[0].caller, *(hop.service[0] for hop in chain)))
