"""Requests from outside: gateways, their hosts and ports, and the rules that hang on them."""

from tests.traffic.case import GATEWAY, Call, Case, get
from tests.traffic.fleet import rule, service, subsets

_LABELS = (("istio", "ingress"),)


def _gateway(name: str, servers: str, namespace: str = "default") -> str:
    spec = f"selector: {{istio: ingress}}\nservers: [{servers}]"
    return rule(name, spec, kind="Gateway", namespace=namespace)


def _server(hosts: str, port: int = 8080, more: str = "", protocol: str = "HTTP") -> str:
    return (
        f"{{port: {{number: {port}, name: {protocol.lower()}-{port}, protocol: {protocol}}}, hosts: [{hosts}]{more}}}"
    )


def _bound(
    name: str, hosts: str, to: str, *, gateways: str = "edge", namespace: str = "default", match: str = ""
) -> str:
    chosen = f"match: [{match}], " if match else ""
    spec = f"""
        hosts: [{hosts}]
        gateways: [{gateways}]
        http: [{{name: {name}, {chosen}route: [{{destination: {{host: {to}}}}}]}}]
    """
    return rule(name, spec, namespace=namespace)


_HOSTS = (
    _gateway("edge", _server("'*.example.com', plain.test, 'team/only.test', './own.test'"))
    + service("shop")
    + service("blog")
    + service("mine", namespace="team")
    + _bound("wild", "'*.example.com'", "shop")
    + _bound("narrow", "blog.example.com", "blog")
    + _bound("plain", "plain.test", "shop")
    + _bound("elsewhere", "other.test", "shop")
    + _bound("only-mine", "only.test", "mine", gateways="default/edge", namespace="team")
    + _bound("only-foreign", "only.test", "shop")
    + _bound("own", "own.test", "blog")
    + _bound("own-foreign", "own.test", "mine", gateways="default/edge", namespace="team")
)
_SEVERAL = (
    _gateway("edge", _server("'*'"))
    + service("shop", "v1 v2 v3")
    + subsets("shop", "v1", "v2", "v3")
    + rule(
        "a-catch-all",
        """
        hosts: [shop.test]
        gateways: [edge]
        http: [{name: rest, route: [{destination: {host: shop, subset: v3}}]}]
        """,
    )
    + rule(
        "b-narrow",
        """
        hosts: [shop.test]
        gateways: [edge]
        http:
        - {name: cart, match: [{uri: {prefix: /cart}}], route: [{destination: {host: shop, subset: v1}}]}
        """,
    )
    + rule(
        "c-narrow",
        """
        hosts: [shop.test]
        gateways: [edge]
        http:
        - {name: late-cart, match: [{uri: {prefix: /cart}}], route: [{destination: {host: shop, subset: v2}}]}
        - {name: pay, match: [{uri: {prefix: /pay}}], route: [{destination: {host: shop, subset: v2}}]}
        """,
    )
)
_PORTS = (
    _gateway("edge", _server("web.test", 8080) + ", " + _server("web.test", 8081))
    + service("one")
    + service("two")
    + rule(
        "by-port",
        """
        hosts: [web.test]
        gateways: [edge]
        http:
        - {name: first, match: [{port: 8080}], route: [{destination: {host: one}}]}
        - {name: second, match: [{port: 8081}], route: [{destination: {host: two}}]}
        """,
    )
)
_BOTH = (
    _gateway("edge", _server("both.default.svc.cluster.local"))
    + service("both", "v1 v2")
    + subsets("both", "v1", "v2")
    + rule(
        "both",
        """
        hosts: [both.default.svc.cluster.local]
        gateways: [edge, mesh]
        http:
        - {name: outside, match: [{gateways: [edge]}], route: [{destination: {host: both, subset: v1}}]}
        - {name: inside, match: [{gateways: [mesh]}], route: [{destination: {host: both, subset: v2}}]}
        """,
    )
)


def _edge(id: str, intent: str, config: str, *calls: Call) -> Case:  # noqa: A002 - a case's own word
    return Case(id=id, intent=intent, config=config, calls=calls, proxy=GATEWAY, labels=_LABELS)


_MISSING = {"status": 404, "flag": "NR", "details": "route_not_found", "to": {}}

_WEB_CALL = {"content-type": "application/grpc-web+proto", "grpc-timeout": "2S"}
_AS_GRPC = {
    "content-type": "application/grpc",
    "te": "trailers",
    "grpc-accept-encoding": "identity",
    "grpc-timeout": "2S",
}
_GRPC_WEB = (
    _gateway("edge", _server("web.test", protocol="GRPC-WEB") + ", " + _server("plain.test"))
    + service("shop")
    + rule(
        "shop",
        """
        hosts: [web.test, plain.test]
        gateways: [edge]
        http:
        - match: [{uri: {prefix: /missing}}]
          route: [{destination: {host: shop, subset: missing}}]
        - match: [{uri: {prefix: /told}}]
          directResponse: {status: 200, body: {string: told}}
        - match: [{headers: {content-type: {exact: application/grpc}}}]
          directResponse: {status: 418}
        - match: [{uri: {prefix: /timed}}]
          timeout: 3s
          route: [{destination: {host: shop}}]
        - match: [{uri: {prefix: /written}}]
          headers: {request: {set: {content-type: application/else}}}
          route: [{destination: {host: shop}}]
        - route: [{destination: {host: shop}}]
        """,
    )
)
CASES = (
    _edge(
        "gateway-hosts",
        "A rule is served under the narrower of its host and the server's, if its namespace is let in.",
        _HOSTS,
        get("http://shop.example.com:8080/", to="shop v1", route="wild"),
        get("http://blog.example.com:8080/", to="blog v1", route="narrow"),
        get("http://a.b.example.com:8080/", to="shop v1", route="wild"),
        get("http://example.com:8080/", **_MISSING),
        get("http://plain.test:8080/", to="shop v1", route="plain"),
        get("http://PLAIN.test:8080/", to="shop v1"),
        get("http://plain.test:8080/", headers={"Host": "plain.test"}, to="shop v1"),
        get("http://plain.test:8080/", headers={"Host": "plain.test:9999"}, to="shop v1"),
        get("http://other.test:8080/", **_MISSING),
        get("http://unknown.test:8080/", **_MISSING),
        get("http://only.test:8080/", to="mine v1", route="only-mine"),
        get("http://own.test:8080/", to="blog v1", route="own"),
    ),
    _edge(
        "gateway-several-rules",
        "Rules of one host are joined, in order of age and name; what matches everything comes last.",
        _SEVERAL,
        get("http://shop.test:8080/cart", to="shop v1", route="cart"),
        get("http://shop.test:8080/pay", to="shop v2", route="pay"),
        get("http://shop.test:8080/x", to="shop v3", route="rest"),
    ),
    _edge(
        "gateway-ports",
        "A match on the port takes the gateway's port.",
        _PORTS,
        get("http://web.test:8080/", to="one v1", route="first"),
        get("http://web.test:8081/", to="two v1", route="second"),
    ),
    _edge(
        "gateway-grpc-web",
        "A GRPC-WEB server makes gRPC of its hosts' gRPC-Web, after the route is chosen; others pass it as it is.",
        _GRPC_WEB,
        get("http://web.test:8080/", headers=_WEB_CALL, to="shop v1", sees=_AS_GRPC, timeout=2000),
        get("http://web.test:8080/", headers={"content-type": "application/grpc-web-text"}, to="shop v1", timeout=0),
        get("http://web.test:8080/", headers={"content-type": "application/grpc-web+json"}, to="shop v1"),
        get("http://web.test:8080/", to="shop v1", sees={"content-type": None, "te": None}),
        get("http://web.test:8080/written", headers=_WEB_CALL, to="shop v1", sees={"content-type": "application/else"}),
        get("http://web.test:8080/timed", headers=_WEB_CALL, sees={"grpc-timeout": "2000m"}, timeout=2000),
        get("http://web.test:8080/timed", headers={"content-type": "application/grpc-web"}, timeout=3000),
        get("http://web.test:8080/missing", headers=_WEB_CALL, status=503, flag="NC", to={}),
        get("http://web.test:8080/told", headers=_WEB_CALL, body="", to={}),
        get("http://plain.test:8080/", headers=_WEB_CALL, to="shop v1", sees={**_WEB_CALL, "te": None}, timeout=2000),
        get("http://plain.test:8080/timed", headers=_WEB_CALL, timeout=3000),
        get("http://plain.test:8080/told", headers=_WEB_CALL, body="told", to={}),
    ),
    _edge(
        "gateway-https-redirect",
        "httpsRedirect answers every plain request with 301, with rules or without.",
        _gateway("edge", _server("secure.test", more=", tls: {httpsRedirect: true}"))
        + service("shop")
        + _bound("secure", "secure.test", "shop"),
        get("http://secure.test:8080/a?b", status=301, location="https://secure.test:8080/a?b", to={}),
        get("http://secure.test:8080/", headers={"Host": "secure.test"}, status=301, location="https://secure.test/"),
        get("http://secure.test:8080/", headers={"x-forwarded-proto": "https"}, status=301, to={}),
    ),
    _edge(
        "gateway-and-mesh",
        "A match on gateways takes its part of a rule that serves both; this is the gateway's.",
        _BOTH,
        get("http://both.default.svc.cluster.local:8080/", to="both v1", route="outside"),
    ),
    Case(
        id="mesh-and-gateway",
        intent="A match on gateways takes its part of a rule that serves both; this is the sidecar's.",
        config=_BOTH,
        calls=(get("http://both/", to="both v2", route="inside"),),
    ),
    Case(
        id="gateway-rules-stay-there",
        intent="A rule bound to a gateway alone does not touch sidecars.",
        config=_gateway("edge", _server("'*'"))
        + service("shop", "v1 v2")
        + subsets("shop", "v1", "v2")
        + rule(
            "shop",
            """
            hosts: [shop.default.svc.cluster.local]
            gateways: [edge]
            http: [{name: outside, route: [{destination: {host: shop, subset: v1}}]}]
            """,
        ),
        calls=(get("http://shop/", to={"shop v1": 0.5, "shop v2": 0.5}, times=500, route="default"),),
    ),
)
