"""Fields of Istio's that have no meaning here and never will: each is told by name, with the reason."""

from typing import Any

from pidalio.api.object import Object

_NO_TELEMETRY = "Pidalio collects no telemetry through Envoy: its access log and metrics are its own"
_NOT_UPGRADED = "only callers upgrade; what comes in goes on in the version in which it came or that its port declares"
_NOT_OURS = "Pidalio starts its proxies itself"
REASONS: dict[str, dict[str, str]] = {
    "MeshConfig": {
        "hboneIdleTimeout": "there is no ambient mode",
        "serviceScopeConfigs": "there is no ambient mode",
        "serviceEntryVisibility": "who sees a ServiceEntry is said by its exportTo, or by defaultServiceExportTo",
        "serviceSettings": "a mesh is one cluster: every instance is local to it",
        "discoverySelectors": "what is read is said when Pidalio is started, by its folders and platforms",
        "defaultInboundHttpRetryPolicy": "no release of Istio has it; requests that come in are never repeated",
        "enablePrometheusMerge": "the metrics of applications are not passed on",
        "enableTracing": _NO_TELEMETRY,
        "enableEnvoyAccessLogService": _NO_TELEMETRY,
        "disableEnvoyListenerLog": "listeners write no log of their own",
        "extensionProviders": _NO_TELEMETRY,
        "defaultProviders": _NO_TELEMETRY,
        "certificates": "certificates of names belong to Istio's control plane: `pidalio certs` makes those of agents",
        "configSources": "where objects come from is said when Pidalio is started",
        "defaultConfig.configPath": _NOT_OURS,
        "defaultConfig.binaryPath": f"{_NOT_OURS}; --envoy names another program",
        "defaultConfig.serviceCluster": "a proxy is named after its workload",
        "defaultConfig.discoveryAddress": "an agent is told its control plane when it is started",
        "defaultConfig.proxyAdminPort": "Envoy's admin interface is a UNIX socket, never a port",
        "defaultConfig.statusPort": "agents open no port for their status",
        "defaultConfig.statNameLength": "Envoy has no such limit any more",
        "defaultConfig.proxyHeaders.metadataExchangeHeaders": "proxies do not tell each other about themselves",
        "defaultConfig.statsdUdpAddress": _NO_TELEMETRY,
        "defaultConfig.proxyBootstrapTemplatePath": _NOT_OURS,
        "defaultConfig.tracing": _NO_TELEMETRY,
        "defaultConfig.envoyAccessLogService": _NO_TELEMETRY,
        "defaultConfig.envoyMetricsService": _NO_TELEMETRY,
        "defaultConfig.extraStatTags": _NO_TELEMETRY,
        "defaultConfig.interceptionMode": "how calls reach a proxy is said when its agent is started",
        "defaultConfig.readinessProbe": "an agent sees by itself when its Envoy serves; a workload has its own probe",
        "defaultConfig.image": f"{_NOT_OURS}, and not in containers",
        "defaultConfig.controlPlaneAuthPolicy": "how an agent proves itself is said when it is started",
        "defaultConfig.availabilityZone": "an instance's locality says where it is",
    },
    "Service": {
        "externalIPs": "only the platform's nodes take traffic for these addresses: callers use the name or clusterIP",
        "ports[].nodePort": "only the platform's nodes open it: callers of the mesh use the port",
        "sessionAffinity": (
            "proxies balance by DestinationRule: use trafficPolicy.loadBalancer.consistentHash.useSourceIp instead"
        ),
    },
    "LocalWorkload": {
        "ports[].protocol": "a port speaks what the Service or ServiceEntry that leads to it declares",
    },
    "Sidecar": {
        "ingress[].connectionPool.http.h2UpgradePolicy": _NOT_UPGRADED,
        "inboundConnectionPool.http.h2UpgradePolicy": _NOT_UPGRADED,
        "ingress[].port.targetPort": "where the application takes it is said by defaultEndpoint",
        "egress[].port.targetPort": "where calls go is for rules and services to say",
    },
    "ProxyConfig": {"image": f"{_NOT_OURS}, and not in containers; --envoy names another program"},
    "VirtualService": {"tcp[].match[].sourceSubnet": "Istio hides this field and does nothing with it either"},
    "Gateway": {"servers[].defaultEndpoint": "a server leads where VirtualServices say, in Istio as well"},
}
"""Fields that are refused for good, by kind and pattern, each with the reason."""
_ASKS_FOR_NOTHING = frozenset({("sessionAffinity", "None")})
_OF_ALIASES = frozenset({"type", "externalName"})


def reason(item: Object[Any], pattern: str, value: object) -> str:
    """Return why the field `pattern` of `item` is refused for good, empty where it is not."""
    if item.kind == "Service" and item.spec.type == "ExternalName" and pattern not in _OF_ALIASES:
        return "a service of type ExternalName is another's second name, and has nothing of its own"
    return "" if (pattern, value) in _ASKS_FOR_NOTHING else REASONS.get(item.kind, {}).get(pattern, "")
