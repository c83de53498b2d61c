"""Kubernetes Ingress: paths by segments, the longest first, beside rules for the same host."""

from tests.traffic.case import GATEWAY, Case, get
from tests.traffic.fleet import rule, service

_LABELS = (("istio", "ingressgateway"),)


def _backend(target: str, port: str = "number: 80") -> str:
    return f"{{service: {{name: {target}, port: {{{port}}}}}}}"


def _path(where: str, target: str, kind: str = "Prefix", port: str = "number: 80") -> str:
    return f"{{path: '{where}', pathType: {kind}, backend: {_backend(target, port)}}}"


def _ingress(name: str, *paths: str, host: str = "shop.test", chosen: str = "istio", more: str = "") -> str:
    own = f", host: '{host}'" if host else ""
    by_class = f"annotations: {{kubernetes.io/ingress.class: {chosen}}}" if chosen else "labels: {}"
    return (
        f"---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}, {by_class}}}\n"
        f"spec: {{rules: [{{http: {{paths: [{', '.join(paths)}]}}{own}}}]{more}}}\n"
    )


def _classes(*pairs: str) -> str:
    return "".join(
        "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\n"
        f"metadata: {{name: {each.partition('=')[0]}}}\nspec: {{controller: {each.partition('=')[2]}}}\n"
        for each in pairs
    )


def _mesh(mode: str) -> str:
    return (
        "---\napiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: mesh}\n"
        f"spec: {{ingressControllerMode: {mode}}}\n"
    )


_PATHS = (
    "".join(map(service, ("root", "api", "deep", "exact", "tail", "wide", "all")))
    + _ingress("one", _path("/", "root"), _path("/api", "api"))
    + _ingress("two", _path("/api/deep/", "deep"), _path("/api/deep", "exact", "Exact"))
    + _ingress("three", _path("/tail/*", "tail", "ImplementationSpecific"), _path("/gone", "nowhere"))
    + _ingress("four", _path("/", "wide"), host="*.shop.test")
    + _ingress("five", _path("/all", "all"), host="")
)
_BESIDE = (
    "".join(map(service, ("ingress", "own", "rest")))
    + rule(
        "edge",
        "selector: {istio: ingressgateway}\nservers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]",
        kind="Gateway",
    )
    + rule(
        "own",
        """
        hosts: [shop.test]
        gateways: [edge]
        http:
        - {name: own, match: [{uri: {prefix: /own}}], route: [{destination: {host: own}}]}
        - {name: rest, route: [{destination: {host: rest}}]}
        """,
    )
    + _ingress("one", _path("/ingress", "ingress"))
)

CASES = (
    Case(
        id="ingress-paths",
        intent="Paths of all Ingresses for a host are one list: the longest first, exact before prefix, by segments.",
        config=_PATHS,
        proxy=GATEWAY,
        labels=_LABELS,
        calls=(
            get("http://shop.test/", to="root v1 #1"),
            get("http://shop.test/else", to="root v1 #1"),
            get("http://shop.test/api", to="api v1 #1"),
            get("http://shop.test/api/x", to="api v1 #1"),
            get("http://shop.test/apis", to="root v1 #1"),
            get("http://shop.test/api/deep", to="exact v1 #1"),
            get("http://shop.test/api/deep/", to="deep v1 #1"),
            get("http://shop.test/api/deep/er?q=1", to="deep v1 #1", path="/api/deep/er?q=1"),
            get("http://shop.test/tail", to="tail v1 #1"),
            get("http://shop.test/tail/end", to="tail v1 #1"),
            get("http://shop.test/tailor", to="root v1 #1"),
            get("http://shop.test/gone", status=500, details="direct_response"),
            get("http://www.shop.test/x", to="wide v1 #1"),
            get("http://a.b.shop.test/", to="wide v1 #1"),
            get("http://other.test/all/x", to="all v1 #1"),
            get("http://other.test/", status=404, flag="NR"),
        ),
    ),
    Case(
        id="ingress-beside-rules",
        intent="Rules and Ingresses for one host are put together, what matches everything comes last.",
        config=_BESIDE,
        proxy=GATEWAY,
        labels=_LABELS,
        calls=(
            get("http://shop.test/own", to="own v1 #1", route="own"),
            get("http://shop.test/ingress/x", to="ingress v1 #1"),
            get("http://shop.test/ingressed", to="rest v1 #1", route="rest"),
        ),
    ),
    Case(
        id="ingress-classes",
        intent="An Ingress counts when its class is of our controller; what nothing takes goes to a default backend.",
        config=service("web", ports="80/http 90/http")
        + service("rest", ports="80/http 90/http")
        + service("foreign")
        + _classes("ours=istio.io/ingress-controller", "theirs=nginx.org/ingress")
        + _ingress(
            "one",
            _path("/web", "web", port="name: 90-http"),
            chosen="",
            more=f", ingressClassName: ours, defaultBackend: {_backend('rest')}",
        )
        + _ingress("two", _path("/", "foreign"), host="two.test", chosen="", more=", ingressClassName: theirs")
        + _ingress(
            "three",
            host="three.test",
            chosen="",
            more=f", ingressClassName: ours, defaultBackend: {_backend('web', 'name: 90-http')}",
        ),
        proxy=GATEWAY,
        labels=_LABELS,
        calls=(
            get(
                "http://shop.test/web/x",
                to="web v1 #1",
                cluster="outbound|90||web.default.svc.cluster.local",
            ),
            get("http://shop.test/", to="rest v1 #1", cluster="outbound|80||rest.default.svc.cluster.local"),
            get("http://two.test/", to="rest v1 #1"),
            get("http://three.test/x", to="web v1 #1", cluster="outbound|90||web.default.svc.cluster.local"),
        ),
    ),
    Case(
        id="ingress-without-class",
        intent="In the mode DEFAULT an Ingress without class counts.",
        config=service("web") + _ingress("one", _path("/", "web"), chosen="") + _mesh("DEFAULT"),
        proxy=GATEWAY,
        labels=_LABELS,
        calls=(get("http://shop.test/", to="web v1 #1"),),
    ),
    Case(
        id="ingress-strict",
        intent="In the mode STRICT an Ingress without class does not count.",
        config=service("web")
        + service("other")
        + _ingress("one", _path("/", "web"), chosen="")
        + _ingress("two", _path("/", "other"), host="other.test")
        + _mesh("STRICT"),
        proxy=GATEWAY,
        labels=_LABELS,
        calls=(get("http://shop.test/", status=404, flag="NR"), get("http://other.test/", to="other v1 #1")),
    ),
    Case(
        id="ingress-off",
        intent="In the mode OFF no Ingress counts, whatever its class.",
        config=service("web")
        + _classes("ours=istio.io/ingress-controller")
        + _ingress("one", _path("/", "web"))
        + _ingress("two", _path("/", "web"), host="two.test", chosen="", more=", ingressClassName: ours")
        + rule(
            "edge",
            "selector: {istio: ingressgateway}\nservers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]",
            kind="Gateway",
        )
        + _mesh("OFF"),
        proxy=GATEWAY,
        labels=_LABELS,
        calls=(get("http://shop.test/", status=404, flag="NR"), get("http://two.test/", status=404, flag="NR")),
    ),
)
