"""What becomes of requests to hosts, ports and subsets that do not exist."""

from tests.traffic.case import Call, Case, get
from tests.traffic.fleet import rule, service, subsets

_REGISTRY_ONLY = rule(
    "default", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\negress: [{hosts: ['*/*']}]", kind="Sidecar"
)
_KUBERNETES_EMPTY = """
---
apiVersion: v1
kind: Service
metadata: {name: emptied, namespace: default}
spec: {ports: [{name: http, port: 80}]}
"""
_MISSING = (
    service("there", "v1")
    + subsets("there", "v1")
    + service("missing-host")
    + rule("missing-host", "http: [{route: [{destination: {host: nowhere.example.com}}]}]")
    + service("missing-subset")
    + rule("missing-subset", "http: [{route: [{destination: {host: there, subset: v9}}]}]")
    + service("missing-port")
    + rule("missing-port", "http: [{route: [{destination: {host: there, port: {number: 81}}}]}]")
    + _KUBERNETES_EMPTY
    + service("no-such-version", "v1")
    + subsets("no-such-version", "v2")
    + rule("no-such-version", "http: [{route: [{destination: {host: no-such-version, subset: v2}}]}]")
)
_NC = {"status": 503, "flag": "NC", "details": "cluster_not_found", "to": {}}
_UH = {"status": 503, "flag": "UH", "details": "no_healthy_upstream", "to": {}}

_BY_NAME = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: any-name, namespace: default}
spec:
  hosts: ['*.dynamic.localhost']
  resolution: DYNAMIC_DNS
  ports: [{number: $PORT, name: http, protocol: HTTP}]
"""
_PASSED_ON = rule(
    "default",
    "egress: [{hosts: ['*/*']}]\n"
    "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: "
    "{host: way-out.default.svc.cluster.local, port: {number: 80}, subset: v2}}",
    kind="Sidecar",
)

CASES = (
    Case(
        id="dynamic-dns",
        intent="With DYNAMIC_DNS every name under the wildcard is looked up when it is called, though others are unknown.",
        config=_BY_NAME + rule("default", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}", kind="Sidecar"),
        calls=(
            get("http://a.dynamic.localhost:$PORT/", details="via_upstream"),
            get("http://b.c.dynamic.localhost:$PORT/x", path="/x", details="via_upstream"),
            get("http://other.localhost:$PORT/", status=502),
        ),
    ),
    Case(
        id="unknown-by-name",
        intent="ALLOW_ANY_DYNAMIC_DNS looks unknown hosts up, which is all that an explicit proxy can do.",
        config=rule("default", "outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}", kind="Sidecar"),
        calls=(get("http://somewhere.localhost:$PORT/", path="/", cluster="PassthroughCluster"),),
    ),
    Case(
        id="egress-proxy",
        intent="An egressProxy takes everything that no service is declared for, with the host as it was asked for.",
        config=service("way-out", "v1 v2") + subsets("way-out", "v1", "v2") + service("known") + _PASSED_ON,
        calls=(
            get("http://unknown.example.com/a", to="way-out v2", path="/a", host="unknown.example.com"),
            get("http://10.200.0.1:8080/", to="way-out v2", host="10.200.0.1:8080"),
            get("http://known/", to="known v1"),
        ),
    ),
    Case(
        id="missing-destinations",
        intent="A missing host, subset or port is a 503 NC of its own; a cluster without endpoints a 503 UH.",
        config=_MISSING,
        calls=(
            get("http://missing-host/", **_NC),
            get("http://missing-subset/", **_NC),
            get("http://missing-port/", **_NC),
            get("http://emptied/", **_UH),
            get("http://no-such-version/", **_UH),
            get("http://missing-host/", headers={"content-type": "application/grpc"}, status=200, flag="NC", to={}),
        ),
    ),
    Case(
        id="registry-only",
        intent="With REGISTRY_ONLY an unknown host, or a known one on an unknown port, answers 502.",
        config=service("known") + _REGISTRY_ONLY,
        calls=(
            get("http://known/", to="known v1"),
            get("http://known.default/", to="known v1"),
            get("http://KNOWN.default.svc.cluster.local./", to="known v1"),
            get("http://unknown.example.com/", status=502, virtual_host="block_all", details="direct_response", to={}),
            get("http://known:81/", status=502, virtual_host="block_all", to={}),
            get("http://known.other/", status=502, to={}),
        ),
    ),
    Case(
        id="allow-any",
        intent="With ALLOW_ANY an unknown host goes where DNS says, once: a second pass through a proxy is refused.",
        config=service("known"),
        calls=(
            get("http://known/", to="known v1"),
            get("http://127.99.1.1:$PORT/x", virtual_host="allow_any", cluster="PassthroughCluster", path="/x"),
            get("http://unknown.example.com/", headers={"x-pidalio-passthrough": "1"}, status=502, route="loop", to={}),
        ),
    ),
    Case(
        id="connect",
        intent="CONNECT to an HTTP service has no route; to a TCP service it is a tunnel.",
        config=service("web") + service("base", ports="5432/tcp") + _REGISTRY_ONLY,
        calls=(
            Call(method="CONNECT", url="web:80", status=404, flag="NR"),
            Call(method="CONNECT", url="base:5432", status=200, virtual_host="base.default.svc.cluster.local:5432"),
            Call(method="CONNECT", url="nowhere:443", status=404),
        ),
    ),
)
