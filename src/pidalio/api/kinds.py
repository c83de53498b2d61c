"""The table of kinds that are read: group, versions, struct, validation. Adding a kind is adding a line.

The struct of a kind is the object's `spec`, or the whole object where the kind has none (`whole`).
Kubernetes' own kinds are `lenient`: what we do not read is ignored there, and unknown in Istio's and ours.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from pidalio.api import kubernetes
from pidalio.api.destination_rule import DestinationRule
from pidalio.api.envoy_filter import EnvoyFilter
from pidalio.api.findings import Findings
from pidalio.api.gateway import Gateway
from pidalio.api.health_check import HealthCheck
from pidalio.api.local_workload import LocalWorkload
from pidalio.api.mesh_config import MeshConfig
from pidalio.api.object import Meta
from pidalio.api.proxy_config import ProxyConfig
from pidalio.api.scalars import Message
from pidalio.api.service_entry import ServiceEntry
from pidalio.api.sidecar import Sidecar
from pidalio.api.validate.destination_rule import validate as check_destination_rule
from pidalio.api.validate.gateway import validate as check_gateway
from pidalio.api.validate.health_check import validate as check_health_check
from pidalio.api.validate.kubernetes import (
    validate_deployment,
    validate_endpoint_slice,
    validate_endpoints,
    validate_pod,
    validate_service,
)
from pidalio.api.validate.local_workload import validate as check_local_workload
from pidalio.api.validate.mesh_config import validate as check_mesh_config
from pidalio.api.validate.proxy_config import validate as check_proxy_config
from pidalio.api.validate.proxy_config import validate_filter as check_envoy_filter
from pidalio.api.validate.service_entry import validate as check_service_entry
from pidalio.api.validate.sidecar import validate as check_sidecar
from pidalio.api.validate.virtual_service import validate as check_virtual_service
from pidalio.api.validate.workload_entry import validate as check_workload_entry
from pidalio.api.validate.workload_entry import validate_group as check_workload_group
from pidalio.api.virtual_service import VirtualService
from pidalio.api.workload_entry import WorkloadEntry, WorkloadGroup

Validator: TypeAlias = Callable[[Any, Meta, Findings], None]

ISTIO_GROUP = "networking.istio.io"
OWN_GROUP = "pidalio.dev"


class Kind(msgspec.Struct, frozen=True):
    """One kind: the newest version first; `cluster_wide` objects have no namespace."""

    name: str
    group: str
    versions: tuple[str, ...]
    struct: type[Message]
    validate: Validator | None = None
    whole: bool = False
    lenient: bool = False
    cluster_wide: bool = False

    @property
    def api_version(self) -> str:
        """Return the group with its newest version."""
        return f"{self.group}/{self.versions[0]}" if self.group else self.versions[0]


def _istio(struct: type[Message], validate: Validator, *versions: str) -> Kind:
    return Kind(struct.__name__, ISTIO_GROUP, versions or ("v1", "v1beta1", "v1alpha3"), struct, validate)


def _own(struct: type[Message], validate: Validator, *, cluster_wide: bool = False) -> Kind:
    return Kind(struct.__name__, OWN_GROUP, ("v1",), struct, validate, cluster_wide=cluster_wide)


def _kubernetes(
    group: str,
    struct: type[Message],
    validate: Validator | None = None,
    *,
    whole: bool = False,
    cluster_wide: bool = False,
) -> Kind:
    return Kind(struct.__name__, group, ("v1",), struct, validate, whole, lenient=True, cluster_wide=cluster_wide)


KINDS: tuple[Kind, ...] = (
    _istio(VirtualService, check_virtual_service),
    _istio(DestinationRule, check_destination_rule),
    _istio(Gateway, check_gateway),
    _istio(ServiceEntry, check_service_entry),
    _istio(WorkloadEntry, check_workload_entry),
    _istio(WorkloadGroup, check_workload_group),
    _istio(Sidecar, check_sidecar),
    _istio(ProxyConfig, check_proxy_config, "v1beta1"),
    _istio(EnvoyFilter, check_envoy_filter, "v1alpha3"),
    _own(MeshConfig, check_mesh_config, cluster_wide=True),
    _own(LocalWorkload, check_local_workload),
    _own(HealthCheck, check_health_check),
    _kubernetes("", kubernetes.Service, validate_service),
    _kubernetes("", kubernetes.Endpoints, validate_endpoints, whole=True),
    _kubernetes("discovery.k8s.io", kubernetes.EndpointSlice, validate_endpoint_slice, whole=True),
    _kubernetes("", kubernetes.Pod, validate_pod, whole=True),
    _kubernetes("apps", kubernetes.Deployment, validate_deployment),
    _kubernetes("networking.k8s.io", kubernetes.Ingress),
    _kubernetes("networking.k8s.io", kubernetes.IngressClass, cluster_wide=True),
)

BY_GROUP: dict[tuple[str, str], Kind] = {(kind.group, kind.name): kind for kind in KINDS}
BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}
