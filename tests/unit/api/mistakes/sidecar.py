"""What a Sidecar must fulfil (reference §1.6): each row one mistake and where it is told."""

SIDECAR = {
    "bad-pool": ("inboundConnectionPool: {}", "error", "bad-pool", "inboundConnectionPool"),
    "selector-labels": ("workloadSelector: {labels: {a: 'b c'}}", "error", "bad-label", "workloadSelector.labels.a"),
    "egress-proxy-short": (
        "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a}}",
        "error",
        "bad-egress",
        "outboundTrafficPolicy.egressProxy",
    ),
    "ingress-pool": (
        "ingress: [{port: {number: 80}, connectionPool: {}}]",
        "error",
        "bad-pool",
        "ingress[0].connectionPool",
    ),
    "egress-host-form": ("egress: [{hosts: ['./a b']}]", "error", "bad-egress", "egress[0].hosts[0]"),
    "egress-address": ("egress: [{hosts: ['./1.2.3.4']}]", "error", "bad-egress", "egress[0].hosts[0]"),
    "socket-with-port": (
        "egress: [{port: {number: 1}, bind: 'unix:///s', hosts: ['./*']}]",
        "error",
        "bad-port",
        "egress[0].port.number",
    ),
    "empty": ("workloadSelector: {labels: {a: b}}", "error", "missing-field", ""),
    "host-without-namespace": ("egress: [{hosts: [a.com]}]", "error", "bad-egress", "egress[0].hosts[0]"),
    "host-namespace": ("egress: [{hosts: [A_/a.com]}]", "error", "bad-egress", "egress[0].hosts[0]"),
    "no-hosts": ("egress: [{}]", "error", "missing-field", "egress[0].hosts"),
    "catch-all-not-last": (
        "egress: [{hosts: ['./*']}, {port: {number: 1}, hosts: ['./*']}]",
        "error",
        "bad-listener",
        "egress[0]",
    ),
    "bind-without-port": ("egress: [{bind: 1.2.3.4, hosts: ['./*']}]", "error", "bad-listener", "egress[0].bind"),
    "ingress-without-port": (
        "ingress: [{defaultEndpoint: '127.0.0.1:80'}]",
        "error",
        "missing-field",
        "ingress[0].port",
    ),
    "ingress-port-twice": (
        "ingress: [{port: {number: 80}}, {port: {number: 80}}]",
        "error",
        "duplicate-value",
        "ingress[1].port.number",
    ),
    "ingress-endpoint": (
        "ingress: [{port: {number: 80}, defaultEndpoint: '10.0.0.1:80'}]",
        "error",
        "bad-listener",
        "ingress[0].defaultEndpoint",
    ),
    "ingress-bind": ("ingress: [{port: {number: 80}, bind: x}]", "error", "bad-address", "ingress[0].bind"),
    "egress-proxy-mode": (
        "outboundTrafficPolicy: {egressProxy: {host: a.b, port: {number: 1}}}",
        "error",
        "bad-egress",
        "outboundTrafficPolicy.egressProxy",
    ),
}
