"""Addresses in the platform's own kinds: name → (version, kind, body, paths from the root)."""

KUBERNETES = {
    "cluster-ip": ("v1", "Service", "spec: {clusterIP: x.test}", ["spec.clusterIP"]),
    "cluster-ips": ("v1", "Service", "spec: {clusterIPs: [10.0.0.1, x]}", ["spec.clusterIPs[1]"]),
    "headless": ("v1", "Service", "spec: {clusterIP: None, clusterIPs: [None]}", []),
    "another's-name": ("v1", "Service", "spec: {type: ExternalName, externalName: a.test, clusterIP: x}", []),
    "endpoints": (
        "v1",
        "Endpoints",
        "subsets: [{addresses: [{ip: 10.0.0.1}, {ip: a.test}], notReadyAddresses: [{ip: ''}]}]",
        ["subsets[0].addresses[1].ip", "subsets[0].notReadyAddresses[0].ip"],
    ),
    "slice": (
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "addressType: FQDN\nendpoints: [{addresses: [a.test]}]",
        ["endpoints[0].addresses[0]"],
    ),
    "pod": ("v1", "Pod", "status: {podIP: '10.0.0.1.2'}", ["status.podIP"]),
    "pod-to-come": ("v1", "Pod", "status: {phase: Pending}", []),
    "pod-of-six": ("v1", "Pod", "status: {podIP: 'fd00::1'}", []),
}

PORTS = {
    "service": (
        "v1",
        "Service",
        "spec: {ports: [{port: 80, targetPort: 65536}, {port: 0, targetPort: web}, {port: 81, targetPort: -1}]}",
        ["spec.ports[0].targetPort", "spec.ports[1].port", "spec.ports[2].targetPort"],
    ),
    "service-of-names": ("v1", "Service", "spec: {ports: [{port: 80, targetPort: web}, {name: b, port: 81}]}", []),
    "endpoints": ("v1", "Endpoints", "subsets: [{ports: [{port: 65536}]}]", ["subsets[0].ports[0].port"]),
    "slice": ("discovery.k8s.io/v1", "EndpointSlice", "ports: [{port: -1}, {name: any}]", ["ports[0].port"]),
    "pod": (
        "v1",
        "Pod",
        "spec: {containers: [{ports: [{containerPort: 65536}]}]}",
        ["spec.containers[0].ports[0].containerPort"],
    ),
    "deployment": (
        "apps/v1",
        "Deployment",
        "spec: {template: {spec: {containers: [{ports: [{containerPort: 80}, {containerPort: -1}]}]}}}",
        ["spec.template.spec.containers[0].ports[1].containerPort"],
    ),
}
"""Numbers that are no ports, in the same form."""

WORDS = {
    "distribution": ("trafficDistribution: PreferFoo", "spec.trafficDistribution"),
    "policy": ("internalTrafficPolicy: local", "spec.internalTrafficPolicy"),
}
"""Words of a Service that mean nothing: name → (line of the spec, path)."""


def manifest(version: str, kind: str, body: str) -> str:
    """Return the text of an object."""
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n{body}\n"
