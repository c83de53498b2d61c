"""What a DestinationRule must fulfil (reference §1.2): each row one mistake and where it is told."""

from tests.unit.api.mistakes.shapes import policy

DESTINATION_RULE = {
    "distribute-name": (
        policy("loadBalancer: {localityLbSetting: {distribute: [{from: a/*/c, to: {a: 100}}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute[0].from",
    ),
    "distribute-weight": (
        policy("loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 0, b: 100}}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to.a",
    ),
    "failover-half": (
        policy("loadBalancer: {localityLbSetting: {failover: [{from: a}]}}"),
        "error",
        "missing-field",
        "trafficPolicy.loadBalancer.localityLbSetting.failover[0]",
    ),
    "failover-and-priority": (
        policy(
            "loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}], failoverPriority: [topology.kubernetes.io/region]}}"
        ),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.failoverPriority",
    ),
    "zone-priority": (
        policy("loadBalancer: {zoneAwareLbSetting: {failoverPriority: [topology.kubernetes.io/zone]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.zoneAwareLbSetting.failoverPriority[0]",
    ),
    "cookie-attribute-twice": (
        policy("loadBalancer: {consistentHash: {httpCookie: {name: a, attributes: [{name: x}, {name: x}]}}}"),
        "error",
        "duplicate-value",
        "trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[1]",
    ),
    "maglev-too-large": (
        policy("loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 5000011}}}"),
        "error",
        "bad-hash",
        "trafficPolicy.loadBalancer.consistentHash.maglev.tableSize",
    ),
    "tunnel-protocol": (
        policy("tunnel: {protocol: GET, targetHost: a, targetPort: 80}"),
        "error",
        "unknown-value",
        "trafficPolicy.tunnel.protocol",
    ),
    "no-host": ("subsets: [{name: v1}]", "error", "missing-field", "host"),
    "bad-host": ("host: a b", "error", "bad-host", "host"),
    "empty-policy": ("host: a\ntrafficPolicy: {}", "error", "empty-policy", "trafficPolicy"),
    "subset-without-name": ("host: a\nsubsets: [{labels: {a: b}}]", "error", "missing-field", "subsets[0].name"),
    "subset-name": ("host: a\nsubsets: [{name: v1.2}]", "error", "bad-name", "subsets[0].name"),
    "subset-twice": ("host: a\nsubsets: [{name: v1}, {name: v1}]", "error", "duplicate-value", "subsets[1].name"),
    "subset-labels": (
        "host: a\nsubsets: [{name: v1, labels: {'/x': y}}]",
        "error",
        "bad-label",
        'subsets[0].labels["/x"]',
    ),
    "subset-policy": (
        "host: a\nsubsets: [{name: v1, trafficPolicy: {}}]",
        "error",
        "empty-policy",
        "subsets[0].trafficPolicy",
    ),
    "selector-export": (
        "host: a\nexportTo: ['*']\nworkloadSelector: {matchLabels: {a: b}}",
        "error",
        "bad-export",
        "exportTo",
    ),
    "two-balancers": (
        policy("loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}"),
        "error",
        "oneof-conflict",
        "trafficPolicy.loadBalancer.consistentHash",
    ),
    "hash-without-key": (
        policy("loadBalancer: {consistentHash: {ringHash: {}}}"),
        "error",
        "bad-hash",
        "trafficPolicy.loadBalancer.consistentHash",
    ),
    "hash-two-keys": (
        policy("loadBalancer: {consistentHash: {useSourceIp: true, httpHeaderName: x}}"),
        "error",
        "oneof-conflict",
        "trafficPolicy.loadBalancer.consistentHash.useSourceIp",
    ),
    "hash-cookie": (
        policy("loadBalancer: {consistentHash: {httpCookie: {ttl: 0s}}}"),
        "error",
        "missing-field",
        "trafficPolicy.loadBalancer.consistentHash.httpCookie.name",
    ),
    "hash-maglev": (
        policy("loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 100}}}"),
        "error",
        "bad-hash",
        "trafficPolicy.loadBalancer.consistentHash.maglev.tableSize",
    ),
    "warmup": (
        policy("loadBalancer: {warmup: {aggression: 0}}"),
        "error",
        "missing-field",
        "trafficPolicy.loadBalancer.warmup.duration",
    ),
    "warmup-percent": (
        policy("loadBalancer: {warmup: {duration: 1s, minimumPercent: 101}}"),
        "error",
        "out-of-range",
        "trafficPolicy.loadBalancer.warmup.minimumPercent",
    ),
    "distribute-sum": (
        policy("loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 50}}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to",
    ),
    "distribute-overlap": (
        policy(
            "loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: {a: 100}}, {from: a/b, to: {a: 100}}]}}"
        ),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute",
    ),
    "distribute-and-failover": (
        policy(
            "loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 100}}], failover: [{from: a, to: b}]}}"
        ),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute",
    ),
    "failover-self": (
        policy("loadBalancer: {localityLbSetting: {failover: [{from: a, to: a}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.failover[0]",
    ),
    "failover-zone": (
        policy("loadBalancer: {localityLbSetting: {failover: [{from: a/b, to: c}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.failover[0].from",
    ),
    "zone-and-locality": (
        policy("loadBalancer: {localityLbSetting: {}, zoneAwareLbSetting: {}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.zoneAwareLbSetting",
    ),
    "empty-pool": (policy("connectionPool: {}"), "error", "bad-pool", "trafficPolicy.connectionPool"),
    "connect-timeout": (
        policy("connectionPool: {tcp: {connectTimeout: 0s}}"),
        "error",
        "bad-duration",
        "trafficPolicy.connectionPool.tcp.connectTimeout",
    ),
    "max-connections": (
        policy("connectionPool: {tcp: {maxConnections: -1}}"),
        "error",
        "out-of-range",
        "trafficPolicy.connectionPool.tcp.maxConnections",
    ),
    "client-protocol": (
        policy("connectionPool: {http: {useClientProtocol: true, h2UpgradePolicy: UPGRADE}}"),
        "error",
        "bad-pool",
        "trafficPolicy.connectionPool.http.useClientProtocol",
    ),
    "keep-alive": (
        policy("connectionPool: {http: {http2KeepAlive: {interval: 1s}}}"),
        "error",
        "bad-pool",
        "trafficPolicy.connectionPool.http.http2KeepAlive",
    ),
    "outlier-interval": (
        policy("outlierDetection: {interval: 0s}"),
        "error",
        "bad-duration",
        "trafficPolicy.outlierDetection.interval",
    ),
    "outlier-percent": (
        policy("outlierDetection: {maxEjectionPercent: 101}"),
        "error",
        "out-of-range",
        "trafficPolicy.outlierDetection.maxEjectionPercent",
    ),
    "outlier-local": (
        policy("outlierDetection: {consecutiveLocalOriginFailures: 3}"),
        "error",
        "bad-outlier",
        "trafficPolicy.outlierDetection.consecutiveLocalOriginFailures",
    ),
    "mutual-without-key": (
        policy("tls: {mode: MUTUAL, clientCertificate: /c}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.privateKey",
    ),
    "simple-with-key": (
        policy("tls: {mode: SIMPLE, privateKey: /k}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.privateKey",
    ),
    "istio-with-ca": (
        policy("tls: {mode: ISTIO_MUTUAL, caCertificates: /c}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.caCertificates",
    ),
    "credential-and-file": (
        policy("tls: {mode: MUTUAL, credentialName: x, privateKey: /k}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.privateKey",
    ),
    "insecure-with-ca": (
        policy("tls: {mode: SIMPLE, insecureSkipVerify: true, caCertificates: /c}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.caCertificates",
    ),
    "port-without-number": (
        policy("portLevelSettings: [{loadBalancer: {simple: RANDOM}}]"),
        "error",
        "missing-field",
        "trafficPolicy.portLevelSettings[0].port",
    ),
    "port-number": (
        policy("portLevelSettings: [{port: {number: 0}}]"),
        "error",
        "bad-port",
        "trafficPolicy.portLevelSettings[0].port.number",
    ),
    "port-twice": (
        policy("portLevelSettings: [{port: {number: 1}}, {port: {number: 1}}]"),
        "warning",
        "duplicate-value",
        "trafficPolicy.portLevelSettings[1].port",
    ),
    "tunnel": (policy("tunnel: {targetPort: 80}"), "error", "missing-field", "trafficPolicy.tunnel.targetHost"),
    "tunnel-and-proxy": (
        policy("tunnel: {targetHost: a, targetPort: 80}, proxyProtocol: {}"),
        "error",
        "oneof-conflict",
        "trafficPolicy.proxyProtocol",
    ),
}
