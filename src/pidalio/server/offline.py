"""A mesh from files, with no server running: what `compile`, `validate` and `explain -f` work on.

It is the same catalog and compiler as the control plane's; only instances that `up` would start are planned, with the
addresses they would get, instead of running.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pidalio.api.load import Loaded, load
from pidalio.api.object import Object
from pidalio.derive import Database
from pidalio.effectiveness import Survey, implied_proxies, survey
from pidalio.errors import NotFound, UsageError
from pidalio.model import Interception, Labels, Locality, Proxy, Report, Workload, labelled_locality, labels_of
from pidalio.platforms.files.paths import read_paths
from pidalio.platforms.local.addresses import subnets
from pidalio.platforms.local.gateways import gateway_name, label_sets
from pidalio.platforms.local.workloads import planned_workloads
from pidalio.rules.effective import reports_for
from pidalio.rules.gateway_ports import gateway, gateways
from pidalio.store import tables
from pidalio.store.catalog import Catalog


class OfflineMesh:
    """The objects of some files, compiled on demand."""

    def __init__(self, units: Mapping[str, Loaded], reports: Sequence[Report] = (), folder: str = ".") -> None:
        self.catalog = Catalog()
        self.world = Database()
        self._reading = tuple(reports)
        self.world.apply(self.catalog.replace_all("files", units).edits)
        planned = planned_workloads(self.catalog.objects("LocalWorkload"), next(subnets(folder)))
        rows = {(row.namespace, row.name, "LocalWorkload"): row for row in planned.workloads}
        self.world.apply(self.catalog.feed("local", {tables.WORKLOADS: rows}).edits)
        self._reading = (*self._reading, *planned.reports)

    @classmethod
    def from_text(cls, text: str, file: str = "mesh.yaml") -> "OfflineMesh":
        """Return the mesh of one text of YAML documents."""
        return cls({file: load(text, file)})

    @classmethod
    def from_paths(cls, paths: Sequence[str], default_namespace: str = "default") -> "OfflineMesh":
        """Return the mesh of files and folders (`-` is standard input)."""
        read = read_paths(paths)
        return cls({unit: load(content, unit, default_namespace) for unit, content in read.units}, read.reports)

    def reports(self) -> tuple[Report, ...]:
        """Return everything there is to tell about the objects by themselves, in order of place."""
        found = [report for item in self.catalog.objects() for report in reports_for(self.world, item)]
        return tuple(dict.fromkeys(self.catalog.locate((*self._reading, *self.catalog.reports(), *found))))

    def survey(self) -> Survey:
        """Return what every object does and does not do, for the proxies that the objects imply."""
        return survey(self.world, implied_proxies(self.world), self.catalog.objects())

    def objects(self, kind: str | None = None) -> tuple[Object[Any], ...]:
        """Return the objects, by kind."""
        return self.catalog.objects(kind)

    def workload(self, name: str, namespace: str) -> Workload | None:
        """Return the instance called `name`, or the one whose pods would bear that name (a Deployment's)."""
        keys = tables.WORKLOADS_BY_NAMESPACE.keys(self.world, namespace)
        rows = [row for key in keys if (row := tables.WORKLOADS.get(self.world, key))]
        exact = [row for row in rows if row.name == name]
        prefixed = [row for row in rows if name.startswith(f"{row.name}-")]
        best = exact or sorted(prefixed, key=lambda row: -len(row.name))
        return best[0] if best else None

    def proxy(
        self,
        node_id: str,
        labels: Labels | None = None,
        outbound: str = "127.0.0.1:15001",
        interception: Interception = Interception.NONE,
    ) -> Proxy:
        """Return the proxy with Istio's `node_id`; its labels are those of its workload unless given.

        Where connections are redirected to it, callers need no HTTP proxy, and there is none.
        """
        base = Proxy.from_id(node_id)
        try:
            ipaddress.ip_address(base.address)
        except ValueError as error:
            raise UsageError(
                f"{node_id}: {base.address!r} is no IP address: write TYPE~IP~NAME.NAMESPACE~DOMAIN"
            ) from error
        workload = self.workload(base.name, base.namespace)
        redirected = interception is not Interception.NONE
        known = workload.labels if workload and labels is None else labels or ()
        place = workload.locality if workload and workload.locality != Locality() else labelled_locality(dict(known))
        return msgspec.structs.replace(
            base, labels=known, locality=place, outbound="" if redirected else outbound, interception=interception
        )

    def gateway_labels(self, name: str) -> Labels | None:
        """Return the labels of the gateway `[namespace/]name`, as `up` calls it or as its Gateway; None without one."""
        namespace, slash, short = name.rpartition("/")
        for labels in label_sets(gateways(self.world)):
            if gateway_name(labels) == short and namespace in ("", "default"):
                return labels
        found = gateway(self.world, (namespace if slash else "default", short))
        return labels_of(found.spec.selector) if found else None

    def proxy_of_workload(
        self,
        name: str,
        outbound: str = "127.0.0.1:15001",
        labels: Labels | None = None,
        interception: Interception = Interception.NONE,
    ) -> Proxy:
        """Return the sidecar of workload `[namespace/]name`; raise `NotFound` when there is none."""
        namespace, slash, short = name.rpartition("/")
        workload = self.workload(short, namespace if slash else "default")
        if workload is None:
            raise NotFound(f"no workload {name}: name one that the files declare, as [namespace/]name")
        address = workload.address or "127.0.0.1"
        identity = f"sidecar~{address}~{short}.{workload.namespace}~{workload.namespace}.svc.cluster.local"
        return self.proxy(identity, labels or workload.labels, outbound, interception)
