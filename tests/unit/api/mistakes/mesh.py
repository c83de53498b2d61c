"""What the mesh's settings and our own kinds must fulfil (reference §1.8, §1.9): each row one mistake and where it is told."""

MESH_CONFIG = {
    "negative-probes": ("tcpKeepalive: {probes: -1}", "error", "out-of-range", "tcpKeepalive.probes"),
    "log-format": ("accessLogEncoding: JSON\naccessLogFormat: '[x'", "error", "bad-log-format", "accessLogFormat"),
    "log-list": ("accessLogEncoding: JSON\naccessLogFormat: '[]'", "error", "bad-log-format", "accessLogFormat"),
    "trusted-proxies": (
        "defaultConfig: {gatewayTopology: {numTrustedProxies: -1}}",
        "error",
        "out-of-range",
        "defaultConfig.gatewayTopology.numTrustedProxies",
    ),
    "listener-buffer": (
        "defaultConfig: {connectionSettings: {listenerPerConnectionBufferLimitBytes: -1}}",
        "error",
        "out-of-range",
        "defaultConfig.connectionSettings.listenerPerConnectionBufferLimitBytes",
    ),
    "cluster-buffer": (
        "defaultConfig: {connectionSettings: {clusterPerConnectionBufferLimitBytes: -1}}",
        "error",
        "out-of-range",
        "defaultConfig.connectionSettings.clusterPerConnectionBufferLimitBytes",
    ),
    "streams": (
        "defaultConfig: {connectionSettings: {httpMaxConcurrentStreams: 0}}",
        "error",
        "out-of-range",
        "defaultConfig.connectionSettings.httpMaxConcurrentStreams",
    ),
    "stream-window": (
        "defaultConfig: {connectionSettings: {http2InitialStreamWindowSize: 65534}}",
        "error",
        "out-of-range",
        "defaultConfig.connectionSettings.http2InitialStreamWindowSize",
    ),
    "connection-window": (
        "defaultConfig: {connectionSettings: {http2InitialConnectionWindowSize: 65534}}",
        "error",
        "out-of-range",
        "defaultConfig.connectionSettings.http2InitialConnectionWindowSize",
    ),
    "inbound-retries": (
        "defaultInboundHttpRetryPolicy: {attempts: -1}",
        "error",
        "out-of-range",
        "defaultInboundHttpRetryPolicy.attempts",
    ),
    "locality": (
        "localityLbSetting: {failover: [{from: a, to: a}]}",
        "error",
        "bad-locality",
        "localityLbSetting.failover[0]",
    ),
    "outlier": (
        "defaultTrafficPolicy: {outlierDetection: {interval: 0s}}",
        "error",
        "bad-duration",
        "defaultTrafficPolicy.outlierDetection.interval",
    ),
    "connect-timeout": ("connectTimeout: 0s", "error", "bad-duration", "connectTimeout"),
    "root-namespace": ("rootNamespace: A", "error", "bad-name", "rootNamespace"),
    "port": ("proxyHttpPort: 70000", "error", "bad-port", "proxyHttpPort"),
    "export": ("defaultVirtualServiceExportTo: ['~']", "error", "bad-export", "defaultVirtualServiceExportTo[0]"),
    "retries": (
        "defaultHttpRetryPolicy: {attempts: 1, retryOn: x}",
        "error",
        "bad-retry",
        "defaultHttpRetryPolicy.retryOn",
    ),
    "pool": ("defaultTrafficPolicy: {connectionPool: {}}", "error", "bad-pool", "defaultTrafficPolicy.connectionPool"),
    "dns-refresh": ("dnsRefreshRate: 0s", "error", "bad-duration", "dnsRefreshRate"),
    "service-export": ("defaultServiceExportTo: [A_]", "error", "bad-export", "defaultServiceExportTo[0]"),
    "rule-export": (
        "defaultDestinationRuleExportTo: ['*', a]",
        "error",
        "bad-export",
        "defaultDestinationRuleExportTo",
    ),
    "zone-failover": (
        "zoneAwareLbSetting: {failoverPriority: [topology.kubernetes.io/region]}",
        "error",
        "bad-locality",
        "zoneAwareLbSetting.failoverPriority[0]",
    ),
    "stat-name": ("outboundClusterStatName: '%SERVICE%_%POD%'", "warning", "unknown-value", "outboundClusterStatName"),
    "concurrency": ("defaultConfig: {concurrency: -1}", "error", "out-of-range", "defaultConfig.concurrency"),
    "admin-port": ("defaultConfig: {proxyAdminPort: 70000}", "error", "bad-port", "defaultConfig.proxyAdminPort"),
    "status-port": ("defaultConfig: {statusPort: 70000}", "error", "bad-port", "defaultConfig.statusPort"),
    "stat-length": ("defaultConfig: {statNameLength: -1}", "error", "out-of-range", "defaultConfig.statNameLength"),
    "drain": ("defaultConfig: {drainDuration: 1.5s}", "error", "bad-duration", "defaultConfig.drainDuration"),
    "proxy-metadata": (
        "defaultConfig: {proxyMetadata: {a=b: c}}",
        "error",
        "bad-name",
        'defaultConfig.proxyMetadata["a=b"]',
    ),
    "statistics": (
        "defaultConfig: {proxyStatsMatcher: {inclusionRegexps: ['(']}}",
        "error",
        "bad-regex",
        "defaultConfig.proxyStatsMatcher.inclusionRegexps[0]",
    ),
}

LOCAL_WORKLOAD = {
    "locality": ("command: [x]\nlocality: a/b/c/d", "error", "bad-locality", "locality"),
    "probe-scheme": (
        "command: [x]\nprobe: {httpGet: {port: 1, scheme: FTP}}",
        "error",
        "bad-probe",
        "probe.httpGet.scheme",
    ),
    "no-command": ("replicas: 1", "error", "no-command", "command"),
    "replicas": ("command: [x]\nreplicas: -1", "error", "out-of-range", "replicas"),
    "port": ("command: [x]\nports: [{port: 0}]", "error", "bad-port", "ports[0].port"),
    "port-twice": ("command: [x]\nports: [{port: 1}, {port: 1}]", "error", "duplicate-value", "ports[1].port"),
    "port-name": ("command: [x]\nports: [{port: 1, name: A}]", "error", "bad-name", "ports[0].name"),
    "environment": ("command: [x]\nenvironment: {a=b: c}", "error", "bad-name", "environment"),
    "labels": ("command: [x]\nlabels: {a: 'b c'}", "error", "bad-label", "labels.a"),
    "probe": (
        "command: [x]\nprobe: {httpGet: {port: 1}, exec: {command: [x]}}",
        "error",
        "oneof-conflict",
        "probe.exec",
    ),
    "port-protocol": ("command: [x]\nports: [{port: 1, protocol: SPDY}]", "error", "bad-protocol", "ports[0].protocol"),
}

PROXY_CONFIG = {
    "labels": ("selector: {matchLabels: {a: 'b c'}}", "error", "bad-label", "selector.matchLabels.a"),
    "concurrency": ("concurrency: -1", "error", "out-of-range", "concurrency"),
    "variable": ("environmentVariables: {a=b: c}", "error", "bad-name", 'environmentVariables["a=b"]'),
}

ENVOY_FILTER = {
    "labels": ("workloadSelector: {labels: {a: 'b c'}}", "error", "bad-label", "workloadSelector.labels.a"),
    "many-targets": ("targetRefs: [" + ", ".join(["{}"] * 17) + "]", "error", "out-of-range", "targetRefs"),
    "two-selections": ("workloadSelector: {}\ntargetRefs: [{}]", "error", "oneof-conflict", "targetRefs"),
}
