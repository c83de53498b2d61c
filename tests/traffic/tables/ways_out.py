"""Egress listeners of a Sidecar: what each lets in, whether it binds a port, and what unknown hosts meet."""

from tests.traffic.case import Call, Case, Connect, get
from tests.traffic.fleet import rule, service, subsets

PASSTHROUGH = "PassthroughCluster"
BLACKHOLE = "BlackHoleCluster"
LOCAL = "sidecar~127.200.0.1~client.default~default.svc.cluster.local"


def _sidecar(spec: str) -> str:
    return rule("default", spec, kind="Sidecar")


def _at(name: str, vip: str, instances: str = "v1", *, ports: str = "80/http", **more: str) -> str:
    return service(name, instances, ports=ports, extra=f"addresses: [{vip}]", **more)


_SHOP = (
    service("web", "v1 v2")
    + service("admin", namespace="back")
    + service("base", "v1 v2", ports="5432/tcp", namespace="back")
    + service("other", ports="9000/http 9001/tcp")
    + subsets("web", "v1", "v2")
    + rule(
        "web",
        """
        http:
        - match: [{port: 9080}]
          route: [{destination: {host: web, subset: v2}}]
        - route: [{destination: {host: web, subset: v1}}]
        """,
    )
)
_BOUND = _sidecar(
    """
    egress:
    - {port: {number: 80, name: http, protocol: HTTP}, captureMode: NONE, bind: 127.0.0.9, hosts: [./*]}
    - {port: {number: 9000, name: http, protocol: HTTP}, captureMode: NONE, hosts: ['*/other.default.svc.cluster.local']}
    - {port: {number: 5433, name: tcp, protocol: TCP}, captureMode: NONE, hosts: [back/base.back.svc.cluster.local]}
    - {port: {number: 9999, name: http, protocol: HTTP}, hosts: ['*/*']}
    - {hosts: [back/*]}
    """
)

_MESH = """
---
apiVersion: pidalio.dev/v1
kind: MeshConfig
metadata: {name: mesh}
spec: {%s}
"""
_EGRESS = (
    service("web")
    + service("exit", "v1 v2", namespace="out", ports="80/http 8080/http")
    + subsets("exit", "v1", namespace="out")
)
_TO_EGRESS = _sidecar(
    """
    egress: [{hosts: [./*]}]
    outboundTrafficPolicy:
      mode: ALLOW_ANY
      egressProxy: {host: exit.out.svc.cluster.local, subset: v1, port: {number: 8080}}
    """
)


def bound(listener: str, url: str, **expected: object) -> Call:
    """Return a call of a port that the sidecar binds, with the host of `url`."""
    return get(url, bound=listener, **expected)


CASES = (
    Case(
        id="bound-ports",
        intent="With captureMode NONE an egress listener binds a port, for callers that heed no proxy; each lets in its own.",
        config=_SHOP + _BOUND,
        calls=(
            bound("127.0.0.9_80", "http://web/", to="web v1"),
            bound("127.0.0.9_80", "http://web.default:80/", to="web v1"),
            bound(
                "127.0.0.9_80", "http://127.99.1.1:$PORT/x", virtual_host="allow_any", cluster=PASSTHROUGH, path="/x"
            ),
            bound("127.0.0.1_9000", "http://other:9000/", to="other v1"),
            bound("127.0.0.1_9000", "http://web/", status=502, headers={"x-pidalio-passthrough": "1"}, route="loop"),
            get("http://admin.back/", to="admin v1"),
            get("http://web/", headers={"x-pidalio-passthrough": "1"}, virtual_host="allow_any", status=502, to={}),
        ),
        connections=(Connect(bound="127.0.0.1_5433", to={"base v1": 0.5, "base v2": 0.5}, times=200),),
    ),
    Case(
        id="bound-beside-others",
        intent="Where instances share a machine's loopback, each binds on its own address.",
        config=_SHOP
        + _sidecar("egress: [{port: {number: 80, name: http, protocol: HTTP}, captureMode: NONE, hosts: [./*]}]"),
        proxy=LOCAL,
        calls=(
            bound("127.200.0.1_80", "http://web/", to="web v1"),
            get("http://web/", headers={"x-pidalio-passthrough": "1"}, virtual_host="allow_any", status=502, to={}),
        ),
    ),
    Case(
        id="bound-all",
        intent="An egress listener without port that captures nothing binds each port of its services.",
        config=_SHOP + _sidecar("egress: [{captureMode: NONE, hosts: [./*]}]"),
        calls=(
            bound("127.0.0.1_80", "http://web/", to="web v1"),
            bound("127.0.0.1_9000", "http://other/", to="other v1"),
            get("http://web/", to="web v1"),
        ),
        connections=(Connect(bound="127.0.0.1_9001", to="other v1"),),
    ),
    Case(
        id="bound-socket",
        intent="A UNIX socket is bound whatever is captured: nothing is redirected to one.",
        config=_SHOP
        + _sidecar("egress: [{port: {number: 0, name: all, protocol: HTTP}, bind: 'unix:///run/out', hosts: [./*]}]"),
        calls=(
            bound("unix:///run/out_0", "http://web/", to="web v1"),
            bound("unix:///run/out_0", "http://other:9000/", to="other v1"),
        ),
    ),
    Case(
        id="bound-socket-beside-redirection",
        intent="So is one where connections are redirected beside it.",
        mode="transparent",
        config=_SHOP
        + _sidecar(
            """
            egress:
            - {port: {number: 0, name: all, protocol: HTTP}, bind: 'unix:///run/out', captureMode: DEFAULT, hosts: [./*]}
            - {hosts: [back/*]}
            """
        ),
        calls=(
            bound("unix:///run/out_0", "http://web:80/", to="web v1"),
            get("http://admin.back/", dst="10.9.9.9:80", to="admin v1"),
        ),
    ),
    Case(
        id="captured-port",
        intent="An egress listener of a port has its own services; what has other ports goes by the one without.",
        mode="transparent",
        config=_SHOP
        + _sidecar(
            """
            egress:
            - {port: {number: 80, name: http, protocol: HTTP}, hosts: [./web.default.svc.cluster.local]}
            - {port: {number: 5432, name: tcp, protocol: TCP}, captureMode: IPTABLES, hosts: ['*/base.back.svc.cluster.local']}
            - {hosts: [./other.default.svc.cluster.local]}
            outboundTrafficPolicy: {mode: REGISTRY_ONLY}
            """
        ),
        calls=(
            get("http://web/", dst="10.9.9.9:80", to="web v1"),
            get("http://admin.back/", dst="10.9.9.9:80", status=502, virtual_host="block_all", to={}),
            get("http://other:9000/", dst="10.9.9.9:9000", to="other v1"),
            get("http://web:9000/", dst="10.9.9.9:9000", status=502, to={}),
        ),
        connections=(
            Connect(dst="10.9.9.9:5432", to={"base v1": 0.5, "base v2": 0.5}, times=200),
            Connect(dst="10.9.9.9:9001", to="other v1"),
            Connect(dst="127.99.1.1:$PORT", to={}, cluster=BLACKHOLE, flag="UH"),
        ),
    ),
    Case(
        id="captured-bound",
        intent="A port that is bound beside redirection takes what is sent to it, and the rest is redirected.",
        mode="transparent",
        config=_SHOP
        + _sidecar(
            """
            egress:
            - {port: {number: 9080, name: http, protocol: HTTP}, captureMode: NONE, bind: 127.0.0.8, hosts: [./*]}
            - {hosts: [./*]}
            """
        ),
        calls=(
            bound("127.0.0.8_9080", "http://web/", cluster=PASSTHROUGH, status=503, flag="UH"),
            get("http://web/", dst="10.9.9.9:80", to="web v1"),
        ),
    ),
    Case(
        id="captured-address",
        intent="A captured egress listener with a bind takes connections to that address.",
        mode="transparent",
        config=_SHOP
        + _sidecar(
            """
            egress:
            - {port: {number: 9001, name: tcp, protocol: TCP}, bind: 10.8.8.8, hosts: [./other.default.svc.cluster.local]}
            """
        ),
        calls=(),
        connections=(
            Connect(dst="10.8.8.8:9001", to="other v1"),
            Connect(dst="127.99.1.1:$PORT", cluster=PASSTHROUGH),
        ),
    ),
    Case(
        id="nothing-let-in",
        intent="`~/*` lets nothing in: everything is unknown.",
        mode="transparent",
        config=_at("web", "10.1.0.1", ports="80/http $PORT/tcp") + _sidecar("egress: [{hosts: ['~/*']}]"),
        calls=(),
        connections=(Connect(dst="127.99.1.1:$PORT", cluster=PASSTHROUGH, flag="-"),),
    ),
    Case(
        id="egress-proxy-tunnels",
        intent="Requests and tunnels to unknown hosts go to the egress proxy, which need not be let in otherwise.",
        config=_EGRESS + _TO_EGRESS,
        calls=(
            get("http://web/", to="web v1"),
            get("http://unknown.example.com/x", to="exit v1", host="unknown.example.com", route="allow_any", path="/x"),
            Call(method="CONNECT", url="unknown.example.com:443", to="exit v1"),
        ),
    ),
    Case(
        id="egress-proxy-redirected",
        intent="So do redirected connections that nothing is declared for.",
        mode="transparent",
        config=_EGRESS + _TO_EGRESS,
        calls=(
            get("http://web/", dst="10.9.9.9:80", to="web v1"),
            get("http://unknown.example.com/", dst="10.9.9.9:80", to="exit v1"),
        ),
        connections=(
            Connect(dst="10.9.9.9:4444", to="exit v1", cluster="outbound|8080|v1|exit.out.svc.cluster.local"),
            Connect(dst="10.9.9.9:443", sends="tls", sni="unknown.example.com", to="exit v1"),
        ),
    ),
    Case(
        id="mesh-wide-registry-only",
        intent="What the mesh says of unknown hosts holds where no Sidecar says otherwise.",
        mode="transparent",
        config=service("web") + _MESH % "outboundTrafficPolicy: {mode: REGISTRY_ONLY}",
        calls=(get("http://unknown.example.com/", dst="10.9.9.9:80", status=502, to={}),),
        connections=(Connect(dst="127.99.1.1:$PORT", to={}, cluster=BLACKHOLE, flag="UH"),),
    ),
    Case(
        id="http-proxy-beside",
        intent="With proxyHttpPort callers may name a proxy, too, that resolves unknown hosts.",
        mode="transparent",
        config=service("web") + _MESH % "proxyHttpPort: 15007, proxyListenPort: 15011",
        calls=(
            get("http://web/", bound="127.0.0.1_15007", to="web v1"),
            get("http://127.99.1.1:$PORT/", bound="127.0.0.1_15007", cluster="AllowAnyDynamicDNSCluster", path="/"),
            get("http://web/", dst="10.9.9.9:80", to="web v1"),
        ),
        connections=(Connect(dst="127.99.1.1:15011", to={}, cluster=BLACKHOLE, flag="UH"),),
    ),
    Case(
        id="captured-tls",
        intent="A TLS port of a Sidecar tells its services apart by server name, and an undeclared one sniffs.",
        mode="transparent",
        config=service("left", ports="443/tls")
        + service("right", ports="443/tls")
        + service("any", ports="7000/http")
        + _sidecar(
            """
            egress:
            - {port: {number: 443, name: tls, protocol: TLS}, hosts: [./left.default.svc.cluster.local, ./right.default.svc.cluster.local]}
            - {hosts: [./any.default.svc.cluster.local]}
            """
        ),
        calls=(get("http://any:7000/", dst="10.9.9.9:7000", to="any v1"),),
        connections=(
            Connect(dst="10.9.9.9:443", sends="tls", sni="left.default.svc.cluster.local", to="left v1"),
            Connect(dst="10.9.9.9:443", sends="tls", sni="right.default.svc.cluster.local", to="right v1"),
        ),
    ),
)
