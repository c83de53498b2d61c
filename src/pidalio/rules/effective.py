"""What a rule says that the compiler does not do yet.

Nothing that users write is silently ignored: a field that was set and is in no list here is reported
(`not-yet-effective`), so that a new field of the API is reported until somebody compiles it and lists it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from pidalio.api.annotations import PROXY_CONFIG, proxy_config_of
from pidalio.api.findings import Findings
from pidalio.api.object import Object
from pidalio.api.places import join
from pidalio.api.walk import set_fields
from pidalio.derive import Database, derived
from pidalio.model import Report, Severity
from pidalio.rules.gateway_ports import has_tls
from pidalio.rules.references import references
from pidalio.rules.refused import reason
from pidalio.rules.sticky import sticky_reports
from pidalio.store import tables
from pidalio.store.tables import Key


class _Honoured(msgspec.Struct, frozen=True):
    """The field patterns of one kind that have an effect.

    `fields` are honoured themselves, `whole` with all that is inside, except `but`;
    `values` are single values of honoured fields that have none.
    """

    fields: frozenset[str]
    whole: tuple[str, ...] = ()
    but: frozenset[str] = frozenset()
    values: frozenset[tuple[str, str]] = frozenset()

    def covers(self, pattern: str) -> bool:
        """Tell whether the field has an effect."""
        if pattern in self.but:
            return False
        return pattern in self.fields or any(_is_within(pattern, one) for one in self.whole)


def _honoured(written: str, *, but: str = "", values: Iterable[tuple[str, str]] = ()) -> _Honoured:
    """Read a list of patterns; `x.*` means x with all that is inside."""
    patterns = written.split()
    return _Honoured(
        fields=frozenset(one.removesuffix(".*") for one in patterns),
        whole=tuple(one.removesuffix(".*") for one in patterns if one.endswith(".*")),
        but=frozenset(but.split()),
        values=frozenset(values),
    )


def _is_within(pattern: str, outer: str) -> bool:
    return pattern == outer or pattern.startswith((f"{outer}.", f"{outer}[]"))


_POLICY = """
    {0} {0}.loadBalancer {0}.loadBalancer.simple {0}.loadBalancer.consistentHash.*
    {0}.loadBalancer.localityLbSetting.* {0}.loadBalancer.zoneAwareLbSetting.*
    {0}.loadBalancer.warmup.* {0}.loadBalancer.warmupDurationSecs
    {0}.connectionPool.* {0}.outlierDetection.*
"""
_POLICIES = [
    outer + port for outer in ("trafficPolicy", "subsets[].trafficPolicy") for port in ("", ".portLevelSettings[]")
]
_EFFECTIVE: dict[str, _Honoured] = {
    "VirtualService": _honoured(
        """
        hosts gateways exportTo http
        http[].name http[].match.* http[].route.* http[].redirect.* http[].directResponse.* http[].rewrite.*
        http[].timeout http[].retries.* http[].fault.* http[].mirror.* http[].mirrors.* http[].mirrorPercent
        http[].mirrorPercentage http[].corsPolicy.* http[].headers.* http[].delegate.* tls.* tcp.*
        http[].sticky.*
    """,
    ),
    "DestinationRule": _honoured(
        "host exportTo workloadSelector.* subsets subsets[].name subsets[].labels "
        "trafficPolicy.portLevelSettings subsets[].trafficPolicy.portLevelSettings "
        "trafficPolicy.retryBudget.* subsets[].trafficPolicy.retryBudget.* "
        "trafficPolicy.tunnel.* subsets[].trafficPolicy.tunnel.* "
        "trafficPolicy.proxyProtocol.* subsets[].trafficPolicy.proxyProtocol.* "
        + " ".join(_POLICY.format(one) for one in _POLICIES)
        + " ".join(f" {one}.port.*" for one in _POLICIES if one.endswith("[]")),
    ),
    "Gateway": _honoured(
        "selector servers servers[].port.* servers[].hosts servers[].bind servers[].name servers[].tls "
        "servers[].tls.httpsRedirect"
    ),
    "ServiceEntry": _honoured(
        "hosts addresses ports.* location resolution endpoints.* workloadSelector.* exportTo",
        but="endpoints[].serviceAccount",
    ),
    "Service": _honoured(
        "type clusterIP clusterIPs ports.* selector sessionAffinity externalName externalIPs internalTrafficPolicy "
        "publishNotReadyAddresses trafficDistribution"
    ),
    "Ingress": _honoured("ingressClassName defaultBackend.* rules.*"),
    "IngressClass": _honoured("controller"),
    "WorkloadEntry": _honoured("address ports labels weight locality network"),
    "WorkloadGroup": _honoured("metadata.* template.* probe.*", but="template.serviceAccount"),
    "Sidecar": _honoured(
        """
        workloadSelector.* egress egress[].hosts egress[].bind egress[].captureMode egress[].port egress[].port.number
        egress[].port.protocol egress[].port.name outboundTrafficPolicy.*
        ingress ingress[].port.* ingress[].bind ingress[].captureMode ingress[].defaultEndpoint
        ingress[].connectionPool.* inboundConnectionPool.*
        """
    ),
    "MeshConfig": _honoured(
        """
        connectTimeout outboundTrafficPolicy outboundTrafficPolicy.mode rootNamespace dnsRefreshRate
        protocolDetectionTimeout proxyListenPort proxyHttpPort
        ingressClass ingressService ingressSelector ingressControllerMode
        defaultServiceExportTo defaultVirtualServiceExportTo defaultDestinationRuleExportTo defaultHttpRetryPolicy.*
        outboundClusterStatName localityLbSetting.* zoneAwareLbSetting.* defaultTrafficPolicy.* tcpKeepalive.*
        h2UpgradePolicy inboundTrafficPolicy.* proxyInboundListenPort inboundClusterStatName
        pathNormalization.* accessLogFile accessLogFormat accessLogEncoding
        defaultConfig defaultConfig.concurrency defaultConfig.drainDuration defaultConfig.terminationDrainDuration
        defaultConfig.fileFlushInterval defaultConfig.fileFlushMinSizeKb defaultConfig.proxyMetadata
        defaultConfig.runtimeValues defaultConfig.proxyStatsMatcher.* defaultConfig.holdApplicationUntilProxyStarts
        defaultConfig.gatewayTopology.* defaultConfig.proxyHeaders.* defaultConfig.connectionSettings.*
        """,
    ),
    "ProxyConfig": _honoured("selector.* concurrency environmentVariables"),
    "HealthCheck": _honoured(
        "host port subset http.* grpc.* tcp.* interval timeout jitter unhealthyThreshold healthyThreshold exportTo"
    ),
    "LocalWorkload": _honoured("labels replicas command ports.* environment probe.* locality workingDirectory"),
}
_UNREAD = frozenset({"EnvoyFilter"})
"""Kinds that have no effect as a whole."""


_ANNOTATED = frozenset(
    [
        "concurrency",
        "drainDuration",
        "terminationDrainDuration",
        "fileFlushInterval",
        "fileFlushMinSizeKb",
        "proxyMetadata",
        "runtimeValues",
        "proxyStatsMatcher",
        "holdApplicationUntilProxyStarts",
    ]
)
"""Settings that a workload's annotation may have."""
MISSING = frozenset({"unknown-host", "unknown-port", "unknown-subset", "unknown-delegate"})
"""Codes of reports on destinations and delegates that do not exist: requests to them would fail."""


def not_yet_effective(item: Object[Any]) -> Iterator[Report]:
    """Yield a report for each field of `item` that is accepted and has no effect yet, the outermost only."""
    if item.kind in _UNREAD:
        yield _report(item, "", f"{item.kind} objects are read and have no effect yet")
        return
    honoured = _EFFECTIVE.get(item.kind)
    if honoured is None:
        return
    told = ""
    for path, pattern, value in set_fields(item.spec):
        if told and path.startswith((f"{told}.", f"{told}[")):
            continue
        if why := reason(item, pattern, value):
            told = path
            yield Report(
                Severity.WARNING, "refused-field", f"this field has no effect: {why}", item.ref, f"spec.{path}"
            )
            continue
        if not honoured.covers(pattern) or (pattern, str(getattr(value, "value", value))) in honoured.values:
            told = path
            yield _report(item, f"spec.{path}")
    yield from _gateway_protocols(item)
    yield from _annotation(item)


def _gateway_protocols(item: Object[Any]) -> Iterator[Report]:
    if item.kind != "Gateway":
        return
    for index, server in enumerate(item.spec.servers):
        if has_tls(server):
            message = f"{server.port.protocol} servers open no port yet: only those without TLS do"
            yield _report(item, f"spec.servers[{index}].port.protocol", message)


def _report(item: Object[Any], path: str, message: str = "this field is accepted and has no effect yet") -> Report:
    return Report(Severity.WARNING, "not-yet-effective", f"{message} (docs/limits.md)", item.ref, path)


def _annotation(item: Object[Any]) -> Iterator[Report]:
    """Yield a report for each setting of an annotation that only the mesh can have so far."""
    if item.kind == "LocalWorkload":
        text, outer = dict(item.meta.annotations).get(PROXY_CONFIG, ""), "metadata"
    elif item.kind == "WorkloadGroup" and item.spec.metadata:
        text, outer = dict(item.spec.metadata.annotations).get(PROXY_CONFIG, ""), "spec.metadata"
    else:
        return
    for path, pattern, _ in set_fields(proxy_config_of(text, Findings())) if text else ():
        if "." not in pattern and pattern not in _ANNOTATED:
            where = join(f"{outer}.annotations", PROXY_CONFIG)
            yield _report(item, where, f"{path} is for MeshConfig.defaultConfig, not for annotations yet")


def reports_for(world: Database, item: Object[Any]) -> tuple[Report, ...]:
    """Return all that the compiler has to say of one object; for rules it is remembered until it may differ."""
    key = (item.meta.namespace, item.meta.name)
    if item.kind == "VirtualService" and tables.VIRTUAL_SERVICES.get(world, key) is item:
        return virtual_service_reports(world, key)
    if item.kind == "DestinationRule" and tables.DESTINATION_RULES.get(world, key) is item:
        return destination_rule_reports(world, key)
    return (*not_yet_effective(item), *references(world, item))


@derived
def virtual_service_reports(world: Database, key: Key) -> tuple[Report, ...]:
    """Return all that there is to say of VirtualService `key`."""
    row = tables.VIRTUAL_SERVICES.get(world, key)
    return (*not_yet_effective(row), *references(world, row), *sticky_reports(world, row)) if row else ()


@derived
def destination_rule_reports(world: Database, key: Key) -> tuple[Report, ...]:
    """Return all that there is to say of DestinationRule `key`."""
    row = tables.DESTINATION_RULES.get(world, key)
    return (*not_yet_effective(row), *references(world, row)) if row else ()
