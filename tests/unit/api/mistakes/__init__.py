"""Tables of mistakes, one per kind: name → (spec, severity, code, path inside the spec)."""

from tests.unit.api.mistakes.destination_rule import DESTINATION_RULE
from tests.unit.api.mistakes.entries import SERVICE_ENTRY, WORKLOAD_ENTRY, WORKLOAD_GROUP
from tests.unit.api.mistakes.gateway import GATEWAY
from tests.unit.api.mistakes.health_check import HEALTH_CHECK
from tests.unit.api.mistakes.mesh import ENVOY_FILTER, LOCAL_WORKLOAD, MESH_CONFIG, PROXY_CONFIG
from tests.unit.api.mistakes.sidecar import SIDECAR
from tests.unit.api.mistakes.virtual_service import VIRTUAL_SERVICE

TABLES = {
    "VirtualService": VIRTUAL_SERVICE,
    "DestinationRule": DESTINATION_RULE,
    "Gateway": GATEWAY,
    "ServiceEntry": SERVICE_ENTRY,
    "WorkloadEntry": WORKLOAD_ENTRY,
    "WorkloadGroup": WORKLOAD_GROUP,
    "Sidecar": SIDECAR,
    "ProxyConfig": PROXY_CONFIG,
    "EnvoyFilter": ENVOY_FILTER,
    "MeshConfig": MESH_CONFIG,
    "LocalWorkload": LOCAL_WORKLOAD,
    "HealthCheck": HEALTH_CHECK,
}
