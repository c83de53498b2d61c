"""A small vocabulary of objects, feeds and proxies, chosen so that random ones collide: names, hosts, addresses, ages.

Objects are made of YAML and read like a user's files; each draw is one document, or one row of a platform.
"""

from typing import Any

import msgspec
from hypothesis import strategies as st

from pidalio.ir import CampaignPlan
from pidalio.model import (
    Delivery,
    Endpoint,
    Health,
    Interception,
    Locality,
    ObjectRef,
    Port,
    Protocol,
    Proxy,
    ProxyType,
    Service,
    Workload,
    labels_of,
)
from pidalio.store.campaigns import Campaign

SPACES = ("a", "b", "istio-system")
HOSTS = (
    "web.a.svc.cluster.local",
    "web.b.svc.cluster.local",
    "api.com",
    "x.api.com",
    "web.a",
    "*.api.com",
    "*.com",
)
NAMES = ("one", "two")
STAMPS = ("", "'2020-01-01T00:00:00Z'", "'2024-01-01T00:00:00Z'")

space = st.sampled_from(SPACES)
name = st.sampled_from(NAMES)
host = st.sampled_from(HOSTS)
exact_host = st.sampled_from([one for one in HOSTS if not one.startswith("*")] + ["web", "gone.com"])


def _flow(pairs: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items() if value) + "}"


@st.composite
def document(draw: Any, kind: str, spec: str, *, version: str = "networking.istio.io/v1", own_name: str = "") -> str:
    meta = {
        "name": own_name or draw(name),
        "namespace": draw(space),
        "creationTimestamp": draw(st.sampled_from(STAMPS)),
    }
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {_flow(meta)}\nspec: {spec}\n"


exports = st.sampled_from(["", "", "", "", "['*']", "['*']", "['.']", "[a]", "[b, c]"])
entry_exports = st.sampled_from(["", "", "", "", "['*']", "['*']", "['.']", "['~']", "[a]"])


@st.composite
def destinations(draw: Any) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        subset = draw(st.sampled_from(["", "", "v1", "v2"]))
        port = draw(st.sampled_from(["", "", "{number: 80}", "{number: 90}"]))
        inner = _flow({"host": f"'{draw(exact_host)}'", "subset": subset, "port": port})
        parts.append(_flow({"destination": inner, "weight": str(draw(st.sampled_from([1, 9])))}))
    return f"[{', '.join(parts)}]"


@st.composite
def matches(draw: Any) -> str:
    conditions = draw(
        st.lists(
            st.sampled_from(
                [
                    "{uri: {prefix: /a}}",
                    "{uri: {prefix: /}}",
                    "{port: 90}",
                    "{sourceNamespace: a}",
                    "{sourceLabels: {app: web}}",
                    "{gateways: [mesh]}",
                    "{gateways: [a/one]}",
                    "{headers: {user: {exact: x}}}",
                ]
            ),
            max_size=2,
        )
    )
    return f"[{', '.join(conditions)}]" if conditions else ""


@st.composite
def rules(draw: Any, more: tuple[str, ...] = ()) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        action = draw(st.sampled_from(["route", "route", "route", "redirect", "directResponse", *more]))
        rest = {
            "route": draw(destinations()) if action == "route" else "",
            "redirect": "{uri: /new}" if action == "redirect" else "",
            "directResponse": "{status: 204}" if action == "directResponse" else "",
        }
        if action == "delegate":
            rest["delegate"] = draw(
                st.sampled_from(["{name: one}", "{name: handed, namespace: a}", "{name: base-handed, namespace: b}"])
            )
        if action in ("route", "delegate"):
            rest["mirror"] = draw(st.sampled_from(["", "", "{host: gone.com}", "{host: api.com}"]))
            rest["timeout"] = draw(st.sampled_from(["", "1s"]))
        parts.append(_flow({"match": draw(matches()), **rest}))
    return f"[{', '.join(parts)}]"


@st.composite
def connection_rules(draw: Any, hosts: list[str]) -> str:
    """Return rules for connections: `tls` ones ask for the hosts of their VirtualService."""
    conditions = [
        "{port: 90}",
        "{sourceNamespace: a}",
        "{sourceLabels: {app: web}}",
        "{destinationSubnets: [10.1.0.0/16]}",
    ]
    chosen = draw(st.lists(st.sampled_from(conditions), max_size=2))
    tcp = _flow({"match": f"[{', '.join(chosen)}]" if chosen else "", "route": draw(destinations())})
    asked = f"{{sniHosts: ['{hosts[0]}'], {draw(st.sampled_from(conditions))[1:-1]}}}"
    tls = _flow({"match": f"[{asked}]", "route": draw(destinations())})
    return draw(st.sampled_from(["", "", f"tcp: [{tcp}]", f"tls: [{tls}]", f"tcp: [{tcp}], tls: [{tls}]"]))


@st.composite
def virtual_services(draw: Any) -> str:
    gateways = draw(st.sampled_from(["", "", "", "[mesh]", "[mesh, a/one]", "[a/one]", "[two]"]))
    hosts = draw(st.lists(st.sampled_from([*HOSTS, "web", "10.1.1.1"]), min_size=1, max_size=2, unique=True))
    written = ", ".join(f"'{one}'" for one in hosts)
    spec = {
        "hosts": f"[{written}]",
        "gateways": gateways,
        "http": draw(rules(("delegate", "delegate"))),
        "exportTo": draw(exports),
    }
    connections = draw(connection_rules(hosts))
    flow = _flow(spec)
    return draw(document("VirtualService", f"{flow[:-1]}, {connections}}}" if connections else flow))


@st.composite
def delegates(draw: Any) -> str:
    spec = {"http": draw(rules()), "exportTo": draw(exports)}
    return draw(
        document("VirtualService", _flow(spec), own_name=draw(st.sampled_from(["one", "handed", "base-handed"])))
    )


@st.composite
def destination_rules(draw: Any) -> str:
    policy = draw(
        st.sampled_from(
            [
                "",
                "{loadBalancer: {simple: RANDOM}}",
                "{loadBalancer: {consistentHash: {httpHeaderName: x-user}}}",
                "{connectionPool: {tcp: {connectTimeout: 1s, idleTimeout: 9s}}}",
                "{tunnel: {targetHost: far.com, targetPort: 443}}",
                "{loadBalancer: {zoneAwareLbSetting: {failover: [{from: eu, to: us}]}}}",
                "{loadBalancer: {localityLbSetting: {enabled: true}}, outlierDetection: {}}",
            ]
        )
    )
    subsets = draw(
        st.sampled_from(["", "[{name: v1, labels: {version: v1}}]", "[{name: v2}, {name: v1, labels: {x: y}}]"])
    )
    spec = {"host": f"'{draw(st.sampled_from([*HOSTS, 'web']))}'", "trafficPolicy": policy, "subsets": subsets}
    if not policy and not subsets:
        spec["trafficPolicy"] = "{loadBalancer: {simple: ROUND_ROBIN}}"
    selector = draw(st.sampled_from(["", "", "{matchLabels: {app: web}}", "{matchLabels: {version: v1}}", "{}"]))
    export = draw(st.sampled_from(["", "['.']"])) if selector else draw(exports)
    return draw(document("DestinationRule", _flow({**spec, "exportTo": export, "workloadSelector": selector})))


@st.composite
def health_checks(draw: Any) -> str:
    ways = ["http: {path: /healthz}", "grpc: {}", "tcp: {}"]
    where = draw(st.sampled_from(["", "port: 80, ", "subset: v1, ", "port: 90, subset: v2, "]))
    host = draw(st.sampled_from([*(one for one in HOSTS if "*" not in one), "web"]))
    spec = f"host: '{host}', {where}{draw(st.sampled_from(ways))}"
    stated = draw(exports)
    written = f"{{{spec}, exportTo: {stated}}}" if stated else f"{{{spec}}}"
    return draw(document("HealthCheck", written, version="pidalio.dev/v1"))


EGRESS_PORTS = [
    "port: {number: 80, protocol: HTTP, name: http}",
    "port: {number: 80, protocol: HTTP, name: http}, captureMode: NONE",
    "port: {number: 90, protocol: TCP, name: tcp}, captureMode: NONE, bind: 127.0.0.9",
    "port: {number: 90, protocol: TCP, name: tcp}",
    "port: {number: 443, protocol: TLS, name: tls}, captureMode: IPTABLES",
]


@st.composite
def sidecars(draw: Any) -> str:
    entries = [
        "*/*",
        "./*",
        "*/*",
        "a/*",
        "b/*",
        "*/api.com",
        "*/*.api.com",
        "~/*",
        "*/web.b.svc.cluster.local",
        "~b/*",
    ]
    hosts = draw(st.lists(st.sampled_from(entries), min_size=1, max_size=2, unique=False))
    written = ", ".join(f"'{one}'" for one in dict.fromkeys(hosts))
    ports = draw(st.lists(st.sampled_from(EGRESS_PORTS), max_size=2, unique=True))
    last = draw(st.sampled_from(["", "", "captureMode: NONE, "]))
    listeners = [
        *(f"{{{one}, hosts: [{draw(st.sampled_from(entries))!r}]}}" for one in ports),
        f"{{{last}hosts: [{written}]}}",
    ]
    through = "{mode: ALLOW_ANY, egressProxy: {host: api.com, port: {number: 80}}}"
    spec = {
        "workloadSelector": draw(st.sampled_from(["", "", "{labels: {app: web}}"])),
        "egress": f"[{', '.join(listeners)}]",
        "outboundTrafficPolicy": draw(
            st.sampled_from(["", "{}", "{mode: ALLOW_ANY}", "{mode: ALLOW_ANY_DYNAMIC_DNS}", through])
        ),
        "ingress": draw(
            st.sampled_from(
                [
                    "",
                    "",
                    "[{port: {number: 80, protocol: HTTP, name: http}, defaultEndpoint: '127.0.0.1:8080'}]",
                    "[{port: {number: 8080, protocol: TCP, name: tcp}, connectionPool: {tcp: {maxConnections: 3}}}]",
                ]
            )
        ),
        "inboundConnectionPool": draw(st.sampled_from(["", "", "{tcp: {maxConnections: 5}}"])),
    }
    return draw(document("Sidecar", _flow(spec)))


@st.composite
def gateways(draw: Any) -> str:
    servers = []
    for number in draw(st.lists(st.sampled_from([80, 8080]), min_size=1, max_size=2)):
        port = f"{{number: {number}, name: p{len(servers)}, protocol: HTTP}}"
        hosts = draw(st.sampled_from(["['*']", "[api.com]", "['*.com']", "['a/*']", "['./*']"]))
        tls = draw(st.sampled_from(["", "", "{httpsRedirect: true}"]))
        servers.append(_flow({"port": port, "hosts": hosts, "tls": tls}))
    selector = draw(st.sampled_from(["{istio: ingress}", "{istio: ingress, app: web}", "{istio: other}"]))
    return draw(document("Gateway", _flow({"selector": selector, "servers": f"[{', '.join(servers)}]"})))


@st.composite
def service_entries(draw: Any) -> str:
    resolution = draw(st.sampled_from(["STATIC", "STATIC", "DNS", "NONE"]))
    hosts = draw(st.lists(host, min_size=1, max_size=2, unique=True))
    if resolution == "DNS":
        hosts = [one for one in hosts if not one.startswith("*")] or ["api.com"]
    written = ", ".join(f"'{one}'" for one in hosts)
    members = draw(st.sampled_from(["endpoints", "selector"]))
    ranges = [] if resolution == "DNS" else ["[10.1.0.0/16]", "[10.1.1.1, 10.1.0.0/16]"]
    spec = {
        "hosts": f"[{written}]",
        "addresses": draw(st.sampled_from(["", "", "[10.1.1.1]", "[10.1.1.1, 10.1.1.2]", *ranges])),
        "ports": draw(
            st.sampled_from(
                [
                    "[{number: 80, name: http, protocol: HTTP}]",
                    "[{number: 80, name: grpc, protocol: GRPC}, {number: 90, name: http, protocol: HTTP}]",
                    "[{number: 90, name: tcp, protocol: TCP}]",
                    "[{number: 443, name: tls, protocol: TLS}, {number: 90, name: mongo, protocol: MONGO}]",
                ]
            )
        ),
        "resolution": resolution,
        "exportTo": draw(entry_exports),
    }
    if resolution == "STATIC" and members == "selector":
        spec["workloadSelector"] = "{labels: {app: web}}"
    elif resolution == "STATIC":
        spec["endpoints"] = "[{address: 10.0.0.1, labels: {version: v1}}, {address: 10.0.0.2}]"
    return draw(document("ServiceEntry", _flow(spec), own_name=draw(st.sampled_from(["one", "two", "three", "four"]))))


@st.composite
def workload_entries(draw: Any) -> str:
    labels = draw(st.sampled_from(["{app: web}", "{app: web, version: v1}", "{app: other}"]))
    address = draw(st.sampled_from(["10.0.0.1", "10.9.0.1"]))
    return draw(document("WorkloadEntry", _flow({"address": address, "labels": labels})))


RESILIENCE = [
    "pidalio.dev/resilience: safe",
    "pidalio.dev/resilience: istio",
    "pidalio.dev/caller-overrides: ignored",
    "pidalio.dev/caller-overrides: allowed",
]


@st.composite
def services(draw: Any) -> str:
    spec = {
        "selector": draw(st.sampled_from(["", "{app: web}"])),
        "ports": draw(
            st.sampled_from(
                [
                    "[{port: 80, name: http}]",
                    "[{port: 80, name: http, targetPort: named}, {port: 90, name: tcp}]",
                    "[{port: 80, name: grpc, targetPort: 8080}]",
                ]
            )
        ),
        "clusterIP": draw(st.sampled_from(["", "10.1.1.1", "10.1.1.3", "None", "None"])),
        "internalTrafficPolicy": draw(st.sampled_from(["", "", "", "Local"])),
        "trafficDistribution": draw(st.sampled_from(["", "", "PreferClose", "PreferSameNode"])),
    }
    if draw(st.integers(0, 3)) == 0:
        targets = [*HOSTS[:4], "one.a.svc.cluster.local", "one.b.svc.cluster.local", "gone.com"]
        spec = {"type": "ExternalName", "externalName": draw(st.sampled_from(targets))}
    export = draw(st.sampled_from(["", "", "", "'*'", "'.'", "'~'", "a"]))
    stated = [f"networking.istio.io/exportTo: {export}"] if export else []
    stated += draw(st.lists(st.sampled_from(RESILIENCE), max_size=1))
    meta = {
        "name": draw(st.sampled_from(["web", "one"])),
        "namespace": draw(space),
        "annotations": f"{{{', '.join(stated)}}}" if stated else "",
    }
    return f"apiVersion: v1\nkind: Service\nmetadata: {_flow(meta)}\nspec: {_flow(spec)}\n"


@st.composite
def slices(draw: Any) -> str:
    members = draw(st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.9.0.1"]), max_size=2, unique=True))
    listed = ", ".join(
        f"{{addresses: [{one}], conditions: {{ready: {str(draw(st.booleans())).lower()}}}, "
        f"targetRef: {{kind: Pod, name: pod}}{draw(st.sampled_from(['', ', hostname: web-0', ', nodeName: n1']))}}}"
        for one in members
    )
    meta = _flow({"name": draw(name), "namespace": draw(space), "labels": "{kubernetes.io/service-name: web}"})
    return (
        f"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {meta}\naddressType: IPv4\n"
        f"ports: [{{name: http, port: 7070}}]\nendpoints: [{listed}]\n"
    )


@st.composite
def pods(draw: Any) -> str:
    labels = draw(
        st.sampled_from(
            ["{app: web}", "{app: web, version: v1, istio-locality: eu.w}", "{app: other, istio-locality: us.x}"]
        )
    )
    meta = _flow({"name": draw(st.sampled_from(["pod", "pod", "client"])), "namespace": draw(space), "labels": labels})
    node = draw(st.sampled_from(["", ", nodeName: n1", ", nodeName: n2"]))
    address = draw(st.sampled_from(["10.0.0.1", "10.9.0.1"]))
    port = draw(st.sampled_from(["", "{name: named, containerPort: 7777}"]))
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {meta}\nspec: {{containers: [{{name: main, ports: [{port}]}}]{node}}}\n"
        f"status: {{podIP: {address}}}\n"
    )


@st.composite
def mesh_configs(draw: Any) -> str:
    settings = [
        "connectTimeout: 2s",
        "outboundTrafficPolicy: {}",
        "rootNamespace: b",
        "defaultServiceExportTo: ['.']",
        "defaultVirtualServiceExportTo: [a]",
        "defaultDestinationRuleExportTo: ['.']",
        "defaultHttpRetryPolicy: {attempts: 1}",
        "dnsRefreshRate: 3s",
        "pathNormalization: {normalization: MERGE_SLASHES}",
        "accessLogFile: /dev/stdout",
        "inboundClusterStatName: in",
        "zoneAwareLbSetting: {minClusterSize: 2}",
        "zoneAwareLbSetting: {enabled: false}",
        "defaultConfig: {gatewayTopology: {numTrustedProxies: 1}, connectionSettings: {profile: EDGE}}",
    ]
    chosen = draw(st.lists(st.sampled_from(settings), min_size=1, max_size=3, unique=True))
    meta = f"{{name: mesh, annotations: {{{', '.join(draw(st.lists(st.sampled_from(RESILIENCE), max_size=1)))}}}}}"
    return f"apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {meta}\nspec: {{{', '.join(chosen)}}}\n"


documents = st.one_of(
    service_entries(),
    virtual_services(),
    services(),
    destination_rules(),
    health_checks(),
    service_entries(),
    virtual_services(),
    delegates(),
    services(),
    gateways(),
    slices(),
    pods(),
    workload_entries(),
    sidecars(),
    mesh_configs(),
)
BASE = [
    "\napiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: b}\nspec: {type: ExternalName, externalName: web.a.svc.cluster.local}\n",
    "\napiVersion: v1\nkind: Service\nmetadata: {name: many, namespace: a}\nspec: {selector: {app: web}, clusterIP: None, ports: [{port: 80, name: http, targetPort: 8080}]}\n",
    "\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: a}\nspec: {selector: {app: web}, clusterIP: 10.1.1.1, ports: [{port: 80, name: http, targetPort: 8080}, {port: 90, name: grpc}]}\n",
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: b}\nspec: {selector: {app: web}, ports: [{port: 80, name: http}, {port: 5432, name: tcp}]}\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: base-1, namespace: a, labels: {app: web, version: v1}}\nstatus: {podIP: 10.9.0.1}\n",
    "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: base-2, namespace: a}\nspec: {address: 10.0.0.2, labels: {app: web, version: v2}}\n",
    "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: base-api, namespace: a}\nspec: {hosts: [api.com], addresses: [10.1.1.1], resolution: STATIC, endpoints: [{address: 10.0.0.7}], ports: [{number: 80, name: http, protocol: HTTP}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: base-api, namespace: b}\nspec: {hosts: [api.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}, {number: 90, name: http2, protocol: HTTP}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: base-wild, namespace: b}\nspec: {hosts: ['*.api.com'], resolution: NONE, ports: [{number: 80, name: http, protocol: HTTP}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: base-web, namespace: a}\nspec:\n  hosts: [web, alone.com]\n  http:\n  - {match: [{sourceNamespace: b}, {headers: {user: {exact: x}}}], route: [{destination: {host: web, subset: v2}}]}\n  - {sticky: {header: user}, route: [{destination: {host: web, subset: v1}, weight: 9}, {destination: {host: api.com}, weight: 1}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: base-api, namespace: b}\nspec: {hosts: [api.com, x.api.com], exportTo: ['.', c], http: [{route: [{destination: {host: web.b.svc.cluster.local}}]}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: base-edge, namespace: a}\nspec: {hosts: ['*.com'], gateways: [base, mesh], http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: web}}]}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: base-root, namespace: a}\nspec: {hosts: [web.b.svc.cluster.local], http: [{match: [{uri: {prefix: /a}}], delegate: {name: base-handed, namespace: b}}, {route: [{destination: {host: web}}]}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: base-handed, namespace: b}\nspec: {http: [{match: [{uri: {prefix: /a/b}}], route: [{destination: {host: api.com}}]}, {timeout: 3s, route: [{destination: {host: web}}]}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: base-web, namespace: a}\nspec: {host: web, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: base-wide, namespace: istio-system}\nspec: {host: '*.com', trafficPolicy: {loadBalancer: {simple: RANDOM}}}\n",
    "apiVersion: pidalio.dev/v1\nkind: HealthCheck\nmetadata: {name: base, namespace: a}\nspec: {host: web, subset: v1, http: {path: /healthz}}\n",
    "apiVersion: pidalio.dev/v1\nkind: HealthCheck\nmetadata: {name: base, namespace: istio-system}\nspec: {host: web.a.svc.cluster.local, tcp: {}}\n",
    "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: base, namespace: a}\nspec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n",
    "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: base, namespace: c}\nspec: {egress: [{hosts: ['b/*', '*/web.a.svc.cluster.local']}]}\n",
]
"""A world to begin with, in which everything is there once; a history takes any part of it away and puts it back."""

VARIANTS = (
    ("podIP: 10.9.0.1", "podIP: 10.9.0.2"),
    ("version: v1}", "version: v2}"),
    ("app: web, version", "app: other, version"),
    ("address: 10.0.0.2", "address: 10.0.0.3"),
    ("weight: 9", "weight: 5"),
    ("sticky: {header: user}", "sticky: {cookie: {}}, name: main"),
    ("sticky: {header: user}, ", ""),
    ("subset: v1}, weight", "subset: v2}, weight"),
    ("targetPort: 8080", "targetPort: named"),
    ("podIP: 10.9.0.1}", "podIP: 10.9.0.1, conditions: [{type: Ready, status: 'False'}]}"),
    ("name: grpc}", "name: tcp}"),
    ("port: 90", "port: 91"),
    ("clusterIP: 10.1.1.1", "clusterIP: 10.1.1.2"),
    ("exportTo: ['.', c]", "exportTo: [a]"),
    ("hosts: [api.com]", "exportTo: ['.'], hosts: [api.com]"),
    (
        "spec: {http: [{match: [{uri: {prefix: /a/b}}]",
        "spec: {exportTo: ['.'], http: [{match: [{sourceNamespace: c, uri: {prefix: /b}}]",
    ),
    ("{prefix: /a/b}", "{prefix: /}"),
    ("timeout: 3s", "timeout: 4s"),
    ("externalName: web.a.svc.cluster.local", "externalName: api.com"),
    ("clusterIP: None", "clusterIP: None, internalTrafficPolicy: Local"),
    ("hosts: [web, alone.com]", "hosts: [web, base-1.many.a, '*.many.a.svc.cluster.local', other.b.svc.cluster.local]"),
    ("gateways: [base, mesh]", "gateways: [base]"),
    ("hosts: [web, alone.com]", "hosts: [web]"),
    ("resolution: DNS", "resolution: NONE"),
    ("sourceNamespace: b", "sourceNamespace: a"),
    ("{headers: {user", "{sourceLabels: {app: web}, headers: {user"),
    ("simple: RANDOM", "simple: ROUND_ROBIN"),
    ("hosts: ['b/*'", "hosts: ['a/*'"),
    ("hosts: ['*']", "hosts: ['*.api.com'], tls: {httpsRedirect: true}"),
    ("subset: v2}", "subset: gone}"),
    (
        "metadata: {name: base-web, namespace: a}",
        "metadata: {name: base-web, namespace: a, creationTimestamp: '2021-01-01T00:00:00Z'}",
    ),
)


def _varied(gone: list[int], variants: list[int]) -> str:
    text = "---\n".join(one for number, one in enumerate(BASE) if number not in gone)
    for number in variants:
        text = text.replace(*VARIANTS[number])
    return text


base = st.builds(
    _varied,
    st.lists(st.integers(0, len(BASE) - 1), max_size=2),
    st.lists(st.integers(0, len(VARIANTS) - 1), max_size=4, unique=True),
)

files = st.dictionaries(st.sampled_from(["x.yaml", "y.yaml", "z.yaml"]), st.lists(documents, max_size=4), max_size=2)

fed_services = st.builds(
    lambda where, owner, number, created: Service(
        where,
        owner,
        (Port(number, "http", Protocol.HTTP),),
        "consul",
        ObjectRef("Service", owner, "fed"),
        created=created.strip("'"),
        selector=(("app", "web"),),
    ),
    exact_host.filter(lambda one: "." in one),
    space,
    st.sampled_from([80, 90]),
    st.sampled_from(STAMPS),
)
fed_endpoints = st.builds(
    lambda address, number, health, version: Endpoint(
        address, 8080, number, health=health, labels=labels_of({"version": version})
    ),
    st.sampled_from(["10.0.0.1", "10.0.0.9", "10.9.0.1"]),
    st.sampled_from([80, 90]),
    st.sampled_from([Health.HEALTHY, Health.UNHEALTHY]),
    st.sampled_from(["v1", "v2"]),
)
fed_workloads = st.builds(
    lambda where, address, labels: Workload("fed", where, address, labels_of(labels)),
    space,
    st.sampled_from(["10.0.0.5", "10.9.0.1"]),
    st.sampled_from([{"app": "web"}, {"app": "web", "version": "v2"}, {"app": "other"}]),
)


campaigns = st.sampled_from(["one", "two"]).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.none()
        | st.builds(
            lambda host, number, subset, where, share: Campaign(
                CampaignPlan(name, delay=10, http_status=503), host, number, subset, share, share, where
            ),
            exact_host,
            st.sampled_from([0, 80, 90]),
            st.sampled_from(["", "v1"]),
            st.one_of(st.just(""), space),
            st.sampled_from([0, 1, 500_000]),
        ),
    )
)


def sidecar(where: str, **labels: str) -> Proxy:
    return _proxy(ProxyType.SIDECAR, where, labels, "127.0.0.1:15001")


def redirected(where: str, **labels: str) -> Proxy:
    """Return a sidecar to which connections are redirected."""
    return msgspec.structs.replace(sidecar(where, **labels), outbound="", interception=Interception.REDIRECT)


def router(where: str, **labels: str) -> Proxy:
    return _proxy(ProxyType.ROUTER, where, labels or {"istio": "ingress"}, "")


def whole(proxy: Proxy) -> Proxy:
    """Return the proxy as one that takes whole route tables."""
    return msgspec.structs.replace(proxy, delivery=Delivery.TABLES)


def placed(proxy: Proxy, region: str, zone: str) -> Proxy:
    """Return the proxy as one that knows where it runs."""
    return msgspec.structs.replace(proxy, locality=Locality(region, zone))


def grpc(proxy: Proxy) -> Proxy:
    """Return the proxy as a proxyless gRPC client."""
    return msgspec.structs.replace(proxy, delivery=Delivery.GRPC, outbound="")


def _proxy(kind: ProxyType, where: str, labels: dict[str, str], outbound: str) -> Proxy:
    who = "client" if kind is ProxyType.SIDECAR else "edge"
    return Proxy(kind, "10.9.0.1", who, where, labels=labels_of(labels), outbound=outbound)


proxies = st.one_of(
    st.builds(
        _proxy,
        st.just(ProxyType.SIDECAR),
        st.sampled_from([*SPACES, "c"]),
        st.sampled_from([{}, {"app": "web"}, {"app": "web", "version": "v1"}]),
        st.sampled_from(["127.0.0.1:15001", "127.0.0.1:15001", ""]),
    ),
    st.builds(
        lambda where, labels: redirected(where, **labels),
        st.sampled_from([*SPACES, "c"]),
        st.sampled_from([{}, {"app": "web"}, {"app": "web", "version": "v1"}]),
    ),
    st.builds(
        _proxy,
        st.just(ProxyType.ROUTER),
        st.sampled_from(SPACES),
        st.sampled_from([{"istio": "ingress"}, {"istio": "ingress", "app": "web"}]),
        st.just(""),
    ),
)
