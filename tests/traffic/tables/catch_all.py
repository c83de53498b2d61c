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

CASES = (
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
