"""What ServiceEntry, WorkloadEntry and WorkloadGroup must fulfil (reference §1.4, §1.5): each row one mistake and where it is told."""

from tests.unit.api.mistakes.shapes import PORTS, entry

SERVICE_ENTRY = {
    "target-port": (
        entry("", ports="ports: [{number: 1, name: a, protocol: HTTP, targetPort: 70000}]"),
        "error",
        "bad-port",
        "ports[0].targetPort",
    ),
    "dynamic-protocol": (
        entry("resolution: DYNAMIC_DNS\naddresses: []", "'*.a.com'", "ports: [{number: 1, name: a, protocol: TCP}]"),
        "error",
        "bad-resolution",
        "ports[0].protocol",
    ),
    "many-addresses": (entry(f"addresses: [{', '.join(['1.2.3.4'] * 257)}]"), "error", "out-of-range", "addresses"),
    "no-hosts": (PORTS, "error", "missing-field", "hosts"),
    "star": (entry("", "'*'"), "error", "bad-host", "hosts[0]"),
    "address-as-host": (entry("", "1.2.3.4"), "error", "bad-host", "hosts[0]"),
    "host-twice": (entry("", "a.com, a.com"), "error", "duplicate-host", "hosts[1]"),
    "many-hosts": (entry("", ", ".join(f"h{i}.com" for i in range(257))), "error", "out-of-range", "hosts"),
    "no-ports": ("hosts: [a.com]", "warning", "missing-field", "ports"),
    "port-number": (entry("", ports="ports: [{number: 0, name: a}]"), "error", "bad-port", "ports[0].number"),
    "port-name": (entry("", ports="ports: [{number: 1, protocol: HTTP}]"), "error", "missing-field", "ports[0].name"),
    "port-protocol": (
        entry("", ports="ports: [{number: 1, name: a, protocol: X}]"),
        "error",
        "bad-protocol",
        "ports[0].protocol",
    ),
    "port-twice": (
        entry("", ports="ports: [{number: 1, name: a, protocol: HTTP}, {number: 1, name: b, protocol: HTTP}]"),
        "error",
        "duplicate-value",
        "ports[1].number",
    ),
    "name-twice": (
        entry("", ports="ports: [{number: 1, name: a, protocol: HTTP}, {number: 2, name: a, protocol: HTTP}]"),
        "error",
        "duplicate-value",
        "ports[1].name",
    ),
    "tcp-without-address": (
        entry("", ports="ports: [{number: 1, name: a, protocol: TCP}]"),
        "warning",
        "bad-address",
        "ports[0]",
    ),
    "address": (entry("addresses: [x]"), "error", "bad-address", "addresses[0]"),
    "range-with-dns": (entry("addresses: [10.0.0.0/8]\nresolution: DNS"), "error", "bad-resolution", "addresses[0]"),
    "none-with-endpoints": (entry("endpoints: [{address: 1.2.3.4}]"), "error", "bad-resolution", "endpoints"),
    "static-without-endpoints": (entry("resolution: STATIC"), "error", "bad-resolution", "resolution"),
    "static-with-name": (
        entry("resolution: STATIC\nendpoints: [{address: b.com}]"),
        "error",
        "bad-resolution",
        "endpoints[0].address",
    ),
    "dns-wildcard": (entry("resolution: DNS", "'*.a.com'"), "error", "bad-resolution", "hosts[0]"),
    "dns-socket": (
        entry("resolution: DNS\nendpoints: [{address: 'unix:///s'}]"),
        "error",
        "bad-resolution",
        "endpoints[0].address",
    ),
    "round-robin": (
        entry("resolution: DNS_ROUND_ROBIN\nendpoints: [{address: b.com}, {address: c.com}]"),
        "error",
        "bad-resolution",
        "endpoints",
    ),
    "dynamic-plain-host": (entry("resolution: DYNAMIC_DNS"), "error", "bad-resolution", "hosts[0]"),
    "dynamic-endpoints": (
        entry("resolution: DYNAMIC_DNS\naddresses: [1.2.3.4]", "'*.a.com'"),
        "error",
        "bad-resolution",
        "resolution",
    ),
    "selector-and-endpoints": (
        entry("resolution: STATIC\nworkloadSelector: {labels: {a: b}}\nendpoints: [{address: 1.2.3.4}]"),
        "error",
        "bad-endpoints",
        "endpoints",
    ),
    "empty-selector": (entry("resolution: STATIC\nworkloadSelector: {}"), "error", "bad-endpoints", "workloadSelector"),
    "endpoint-port": (
        entry("resolution: STATIC\nendpoints: [{address: 1.2.3.4, ports: {web: 1}}]"),
        "error",
        "bad-endpoints",
        "endpoints[0].ports",
    ),
    "endpoint-twice": (
        entry("resolution: STATIC\nendpoints: [{address: 1.2.3.4}, {address: 1.2.3.4}]"),
        "error",
        "duplicate-value",
        "endpoints[1].address",
    ),
    "shared-tcp": (
        entry("addresses: [1.2.3.4]\nresolution: DNS", "a.com, b.com", "ports: [{number: 1, name: a, protocol: TCP}]"),
        "error",
        "bad-resolution",
        "hosts",
    ),
    "export-nobody-and-more": (entry("exportTo: ['~', a]"), "error", "bad-export", "exportTo"),
    "selector-labels": (
        entry("resolution: STATIC\nworkloadSelector: {labels: {a: 'b c'}}"),
        "error",
        "bad-label",
        "workloadSelector.labels.a",
    ),
    "endpoint": (
        entry("resolution: STATIC\nendpoints: [{address: 1.2.3.4, weight: -1}]"),
        "error",
        "out-of-range",
        "endpoints[0].weight",
    ),
    "many-endpoints": (
        entry(
            "resolution: STATIC\nendpoints: ["
            + ", ".join(f"{{address: 10.0.{n // 256}.{n % 256}}}" for n in range(4097))
            + "]"
        ),
        "error",
        "out-of-range",
        "endpoints",
    ),
    "long-address": (entry(f"addresses: ['{'1' * 65}']"), "error", "bad-address", "addresses[0]"),
    "partial-wildcard": (entry("", "'*a.com'"), "warning", "bad-host", "hosts[0]"),
    "wildcard-inside": (entry("", "'a*.com'"), "error", "bad-host", "hosts[0]"),
    "port-name-twice": (
        entry("", ports="ports: [{number: 1, name: a, protocol: HTTP}, {number: 2, name: a, protocol: HTTP}]"),
        "error",
        "duplicate-value",
        "ports[1].name",
    ),
    "host-in-dns-short": (entry("resolution: DNS", "a"), "error", "bad-resolution", "hosts[0]"),
    "dynamic-address": (
        entry("resolution: DYNAMIC_DNS\naddresses: [1.2.3.4]", "'*.a.com'"),
        "error",
        "bad-resolution",
        "resolution",
    ),
    "export": (entry("exportTo: [A_]"), "error", "bad-export", "exportTo[0]"),
}

WORKLOAD_ENTRY = {
    "no-address": ("labels: {a: b}", "error", "missing-field", "address"),
    "bad-address": ("address: a b", "error", "bad-address", "address"),
    "relative-socket": ("address: unix://s", "error", "bad-address", "address"),
    "socket-with-ports": ("address: unix:///s\nports: {a: 1}", "error", "bad-endpoints", "ports"),
    "port": ("address: 1.2.3.4\nports: {a: 0}", "error", "bad-port", "ports.a"),
    "weight": ("address: 1.2.3.4\nweight: -1", "error", "out-of-range", "weight"),
    "locality": ("address: 1.2.3.4\nlocality: a/b/c/d", "error", "bad-locality", "locality"),
    "labels": ("address: 1.2.3.4\nlabels: {a: '-'}", "error", "bad-label", "labels.a"),
}

WORKLOAD_GROUP = {
    "no-template": ("probe: {exec: {command: [x]}}", "error", "missing-field", "template"),
    "address": ("template: {address: 1.2.3.4}", "error", "bad-endpoints", "template.address"),
    "probe-without-way": ("template: {}\nprobe: {}", "error", "missing-field", "probe"),
    "probe-two-ways": (
        "template: {}\nprobe: {grpc: {port: 1}, tcpSocket: {port: 1}}",
        "error",
        "oneof-conflict",
        "probe.grpc",
    ),
    "probe-port": ("template: {}\nprobe: {httpGet: {}}", "error", "bad-port", "probe.httpGet.port"),
    "probe-path": ("template: {}\nprobe: {httpGet: {port: 1, path: x}}", "error", "bad-probe", "probe.httpGet.path"),
    "probe-command": ("template: {}\nprobe: {exec: {}}", "error", "bad-probe", "probe.exec.command"),
    "probe-times": (
        "template: {}\nprobe: {periodSeconds: -1, grpc: {port: 1}}",
        "error",
        "out-of-range",
        "probe.periodSeconds",
    ),
    "labels": ("metadata: {labels: {a: 'b c'}}\ntemplate: {}", "error", "bad-label", "metadata.labels.a"),
    "proxy-config": (
        "metadata: {annotations: {proxy.istio.io/config: 'concurrency: many'}}\ntemplate: {}",
        "error",
        "wrong-type",
        'metadata.annotations["proxy.istio.io/config"]',
    ),
    "template-ports": ("template: {ports: {a: 0}}", "error", "bad-port", "template.ports.a"),
    "probe-tcp-port": ("template: {}\nprobe: {tcpSocket: {}}", "error", "bad-port", "probe.tcpSocket.port"),
    "probe-grpc-port": ("template: {}\nprobe: {grpc: {}}", "error", "bad-port", "probe.grpc.port"),
}
