"""Redirected connections: the address and port that were called decide first, then what the connection shows."""

from tests.traffic.case import Call, Case, Connect, get
from tests.traffic.fleet import address, rule, service, subsets

_REGISTRY_ONLY = rule(
    "default", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\negress: [{hosts: ['*/*']}]", kind="Sidecar"
)
_FLAGLESS = {"flag": "-"}
PASSTHROUGH = "PassthroughCluster"
BLACKHOLE = "BlackHoleCluster"


def _at(name: str, vip: str, instances: str = "v1", *, ports: str = "80/http", **more: str) -> str:
    return service(name, instances, ports=ports, extra=f"addresses: [{vip}]", **more)


def to(dst: str, url: str, **expected: object) -> Call:
    """Return a call of an address, with the host of `url`."""
    return get(url, dst=dst, **expected)


def raw(dst: str, to: object = None, **expected: object) -> Connect:
    """Return a connection of plain bytes."""
    return Connect(dst=dst, to=to, **expected)


def hello(dst: str, sni: str, to: object = None, **expected: object) -> Connect:
    """Return a connection of a TLS client that asks for a server name."""
    return Connect(dst=dst, sends="tls", sni=sni, to=to, **expected)


def _cluster(name: str, port: int, subset: str = "") -> str:
    return f"outbound|{port}|{subset}|{name}.default.svc.cluster.local"


_WEB = (
    _at("web", "10.1.0.1", "v1 v2")
    + _at("other", "10.1.0.2", ports="80/http $PORT/http")
    + service("bare")
    + subsets("web", "v1", "v2")
    + rule(
        "web",
        """
        http:
        - match: [{uri: {prefix: /new}}]
          route: [{destination: {host: web, subset: v2}}]
        - route: [{destination: {host: web, subset: v1}}]
        """,
    )
    + rule("named", "hosts: [named.example.com]\nhttp: [{route: [{destination: {host: other}}]}]")
)
_TCP = """
tcp:
- match: [{port: 5432, sourceLabels: {team: other}}]
  route: [{destination: {host: base, subset: v1}}]
- match: [{port: 5432}]
  route:
  - {destination: {host: base, subset: v1}, weight: 1}
  - {destination: {host: base, subset: v2}, weight: 3}
  - {destination: {host: base, subset: v9}, weight: 0}
- match: [{port: 5433, destinationSubnets: [10.2.9.0/24]}]
  route: [{destination: {host: base, subset: v1}}]
- match: [{port: 5434}]
  route: [{destination: {host: nowhere.example.com}}]
"""
_SNI = """
tls:
- match: [{sniHosts: [a.tls.example.com]}]
  route: [{destination: {host: left}}]
- match: [{sniHosts: ['*.deep.tls.example.com'], port: 443}]
  route: [{destination: {host: left}, weight: 1}, {destination: {host: right}, weight: 1}]
"""
_SNIFFED = """
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{clusterIP: {vip}, ports: [{{name: any, port: {port}}}]}}
---
apiVersion: v1
kind: Endpoints
metadata: {{name: {name}, namespace: default}}
subsets: [{{addresses: [{{ip: {instance}}}], ports: [{{name: any, port: $PORT}}]}}]
"""


def _sniffed(name: str, vip: str, port: int = 7000) -> str:
    return _SNIFFED.format(name=name, vip=vip, port=port, instance=address(name, "v1"))


_HEADLESS = """
---
apiVersion: v1
kind: Service
metadata: {name: stateful, namespace: default}
spec: {clusterIP: None, ports: [{name: tcp, port: $PORT}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: stateful, namespace: default}
subsets: [{addresses: [{ip: %s}, {ip: %s}, {ip: 10.0.0.1}], ports: [{name: tcp, port: $PORT}]}]
"""
_NONE = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: default}
spec:
  hosts: [outside.example.com]
  resolution: NONE
  addresses: [127.60.0.0/16]
  ports: [{number: $PORT, name: tcp, protocol: TCP}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: pages, namespace: default}
spec:
  hosts: ['*.pages.example.com']
  resolution: NONE
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: $PORT}]
"""
_PASSED = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: passed, namespace: default}
spec:
  hosts: [passed.example.com]
  resolution: STATIC
  ports: [{number: $PORT, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: 1}}]
""" + rule(
    "passed", "host: passed.example.com\ntrafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}", kind="DestinationRule"
)

CASES = (
    Case(
        id="transparent-http",
        intent="Requests to a port are routed by host, whatever address was called; unknown hosts go where they were sent.",
        mode="transparent",
        config=_WEB,
        calls=(
            to("10.1.0.1:80", "http://web/", to="web v1"),
            to("10.1.0.1:80", "http://web/new", to="web v2"),
            to("10.1.0.1:80", "http://web.default:80/new", to="web v2"),
            to("10.1.0.1:80", "http://10.1.0.1/new", to="web v2", virtual_host="web.default.svc.cluster.local:80"),
            to("10.1.0.1:80", "http://other/", to="other v1"),
            to("10.9.9.9:80", "http://bare.default.svc.cluster.local/", to="bare v1"),
            to("10.9.9.9:80", "http://WEB.default.svc.cluster.local.:8080/", to="web v1"),
            to("10.9.9.9:80", "http://named.example.com/", to="other v1"),
            to("10.1.0.1:80", "http://web/", to="web v1", protocol="h2c"),
            to("127.99.1.1:$PORT", "http://unknown.example.com/x", cluster=PASSTHROUGH, route="allow_any", path="/x"),
            to("127.99.1.1:$PORT", "http://named.example.com/", cluster=PASSTHROUGH),
            to("127.99.1.1:$PORT", "http://other:1/", to="other v1"),
        ),
        connections=(
            raw("127.99.1.1:$PORT", cluster=PASSTHROUGH, **_FLAGLESS),
            hello("127.99.1.1:$PORT", "other.example.com", cluster=PASSTHROUGH, **_FLAGLESS),
        ),
    ),
    Case(
        id="transparent-unknown",
        intent="A connection to a port that no service has goes to the address that was called.",
        mode="transparent",
        config=service("web"),
        calls=(),
        connections=(
            raw("127.99.1.1:$PORT", cluster=PASSTHROUGH, **_FLAGLESS),
            hello("127.99.1.2:$PORT", "x.example.com", cluster=PASSTHROUGH, **_FLAGLESS),
            Connect(dst="127.99.1.31:$PORT", cluster=PASSTHROUGH, **_FLAGLESS),
            raw("127.0.0.1:15001", cluster=BLACKHOLE, to={}, flag="UH"),
        ),
    ),
    Case(
        id="transparent-registry-only",
        intent="With REGISTRY_ONLY unknown hosts get 502 and unknown connections are closed.",
        mode="transparent",
        config=_at("web", "10.1.0.1", ports="80/http $PORT/http") + _REGISTRY_ONLY,
        calls=(
            to("10.1.0.1:80", "http://web/", to="web v1"),
            to("10.1.0.1:80", "http://unknown.example.com/", status=502, virtual_host="block_all", to={}),
            to("10.1.0.1:80", "http://unknown.example.com/", status=502, route="block_all", to={}),
        ),
        connections=(
            raw("127.99.1.1:$PORT", {}, cluster=BLACKHOLE, flag="UH"),
            hello("10.1.0.1:80", "web", {}, cluster=BLACKHOLE, flag="UH"),
            raw("127.99.1.1:9999", {}, cluster=BLACKHOLE, flag="UH"),
        ),
    ),
    Case(
        id="transparent-tcp",
        intent="A TCP service has its address to itself: rules by port, subnet and caller, weights, server-first.",
        mode="transparent",
        config=_at("base", "10.2.0.1", "v1 v2", ports="5432/tcp 5433/tcp 5434/tcp 5435/tcp")
        + _at("mail", "10.2.0.2", "v31", ports="25/tcp 3306/mysql")
        + subsets("base", "v1", "v2")
        + rule("base", _TCP),
        calls=(),
        connections=(
            raw("10.2.0.1:5432", {"base v1": 0.25, "base v2": 0.75}, times=300),
            raw("10.2.0.1:5433", cluster=_cluster("base", 5433), **_FLAGLESS),
            raw("10.2.0.1:5435"),
            raw("10.2.0.1:5434", {}, flag="NC"),
            hello("10.2.0.1:5435", "any.example.com", cluster=_cluster("base", 5435)),
            Connect(dst="10.2.0.2:25", sends="nothing", to="mail v31"),
            Connect(dst="10.2.0.2:3306", sends="nothing", to="mail v31", cluster=_cluster("mail", 3306)),
        ),
    ),
    Case(
        id="transparent-tcp-labels",
        intent="A rule for callers with a label takes their connections.",
        mode="transparent",
        config=_at("base", "10.2.0.1", "v1 v2", ports="5432/tcp") + subsets("base", "v1", "v2") + rule("base", _TCP),
        labels=(("team", "other"),),
        calls=(),
        connections=(raw("10.2.0.1:5432", "base v1", cluster=_cluster("base", 5432, "v1")),),
    ),
    Case(
        id="transparent-sni",
        intent="TLS is told apart by its server name where no address does it; what no chain takes goes on as it is.",
        mode="transparent",
        config=service("left", ports="443/tls")
        + service("right", ports="443/tls")
        + service("wild", host="'*.tls.example.com'", ports="443/tls")
        + service("plain", host="plain.example.com", ports="443/https $PORT/https")
        + _at("own", "10.3.0.1", ports="443/tls")
        + rule("wild", _SNI, hosts="'*.tls.example.com'"),
        calls=(),
        connections=(
            hello("10.9.9.9:443", "a.tls.example.com", "left v1"),
            hello("10.9.9.9:443", "A.TLS.example.com", "left v1"),
            hello("10.9.9.9:443", "x.deep.tls.example.com", {"left v1": 0.5, "right v1": 0.5}, times=300),
            hello("10.9.9.9:443", "plain.example.com", "plain v1", alpn=("h2", "http/1.1")),
            hello("10.9.9.9:443", "left.default.svc.cluster.local", "left v1"),
            hello("10.3.0.1:443", "own.example.com", "own v1"),
            hello("10.3.0.1:443", "a.tls.example.com", "own v1"),
            raw("10.3.0.1:443", "own v1"),
            hello("127.99.1.1:$PORT", "b.tls.example.com", cluster=PASSTHROUGH, **_FLAGLESS),
            hello("127.99.1.1:$PORT", "plain.example.com", "plain v1"),
            raw("127.99.1.1:$PORT", cluster=PASSTHROUGH, **_FLAGLESS),
        ),
    ),
    Case(
        id="transparent-sniffed",
        intent="A port of no declared protocol takes requests by its service's rules for http, and bytes by those for tcp.",
        mode="transparent",
        config=_sniffed("open", "10.4.0.1")
        + _sniffed("open2", "10.4.0.2")
        + service("web")
        + service("raw", ports="7001/tcp")
        + rule(
            "open",
            """
            http:
            - match: [{uri: {prefix: /web}}]
              route: [{destination: {host: web, port: {number: 80}}}]
            - route: [{destination: {host: open}}]
            tcp: [{route: [{destination: {host: raw}}]}]
            """,
        ),
        calls=(
            to("10.4.0.1:7000", "http://anything.example.com/", to="open v1", route=""),
            to("10.4.0.1:7000", "http://open2/web", to="web v1"),
            to("10.4.0.2:7000", "http://whatever/web", to="open2 v1", route="default"),
        ),
        connections=(
            raw("10.4.0.1:7000", "raw v1"),
            raw("10.4.0.2:7000", "open2 v1"),
            hello("10.4.0.1:7000", "open.example.com", "raw v1", alpn=("h2",)),
        ),
    ),
    Case(
        id="transparent-shared-port",
        intent="HTTP and TCP on one port of all addresses share it: requests by host, everything else to the TCP service.",
        mode="transparent",
        config=service("web", ports="9000/http") + service("stream", "v1", ports="9000/tcp"),
        calls=(
            to("10.9.9.9:9000", "http://web/", to="web v1"),
            to("10.9.9.9:9000", "http://web:9000/", to="web v1", protocol="h2c"),
        ),
        connections=(
            raw("10.9.9.9:9000", "stream v1"),
            hello("10.9.9.9:9000", "x.example.com", "stream v1"),
        ),
    ),
    Case(
        id="transparent-conflict",
        intent="Of two TCP services that nothing tells apart the older one has the port.",
        mode="transparent",
        config=service("first", "v1", ports="9100/tcp")
        + service("later", "v1", ports="9100/tcp")
        + service("ranged", "v1", ports="9100/tcp", extra="addresses: [10.6.0.0/16]")
        + service("narrow", "v1", ports="9100/tcp", extra="addresses: [10.6.7.0/24]"),
        calls=(),
        connections=(
            raw("10.9.9.9:9100", "first v1"),
            raw("10.6.1.1:9100", "ranged v1"),
            raw("10.6.7.1:9100", "narrow v1"),
        ),
    ),
    Case(
        id="transparent-headless",
        intent="Each instance of a headless service is called at its own address, and is the one that is reached.",
        mode="transparent",
        config=_HEADLESS % (address("stateful", "v1"), address("stateful", "v2")),
        calls=(),
        connections=(
            raw(f"{address('stateful', 'v1')}:$PORT", "stateful v1"),
            raw(f"{address('stateful', 'v2')}:$PORT", "stateful v2"),
            raw("127.99.1.1:$PORT", cluster=PASSTHROUGH),
        ),
    ),
    Case(
        id="transparent-none",
        intent="With resolution NONE the address that was called is the one that is reached, at the target port if one is stated.",
        mode="transparent",
        config=_NONE,
        calls=(
            to("127.61.0.1:80", "http://a.pages.example.com/", virtual_host="*.pages.example.com:80"),
            to("127.61.0.1:80", "http://a.pages.example.com/x", cluster="outbound|80||*.pages.example.com", path="/x"),
        ),
        connections=(raw("127.60.0.9:$PORT"), raw("127.62.0.9:$PORT", cluster=PASSTHROUGH)),
    ),
    Case(
        id="transparent-passthrough",
        intent="With PASSTHROUGH the address that was called is the one that is reached, whatever instances there are.",
        mode="transparent",
        config=_REGISTRY_ONLY + _PASSED,
        calls=(
            to("127.60.0.9:$PORT", "http://passed.example.com:$PORT/x", path="/x"),
            to("127.60.0.9:$PORT", "http://unknown.example.com:$PORT/x", status=502),
        ),
    ),
    Case(
        id="transparent-by-name",
        intent="With ALLOW_ANY_DYNAMIC_DNS an unknown host is resolved, whatever address was called.",
        mode="transparent",
        config=service("web")
        + rule(
            "default",
            "outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}\negress: [{hosts: ['*/*']}]",
            kind="Sidecar",
        ),
        calls=(
            to("10.9.9.9:80", "http://127.99.1.1:$PORT/x", cluster="AllowAnyDynamicDNSCluster", path="/x"),
            to("10.9.9.9:80", "http://web/", to="web v1"),
        ),
        connections=(raw("127.99.1.1:$PORT", cluster=PASSTHROUGH),),
    ),
    Case(
        id="transparent-mesh-by-name",
        intent="The mesh may say so for all, too.",
        mode="transparent",
        config=service("web") + "---\napiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: mesh}\n"
        "spec: {outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}}\n",
        calls=(to("10.9.9.9:80", "http://127.99.1.1:$PORT/x", cluster="AllowAnyDynamicDNSCluster", path="/x"),),
    ),
)
