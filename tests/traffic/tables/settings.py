"""What the settings of the mesh and of its proxies do to every request, whatever the rules."""

from tests.traffic.case import GATEWAY, Call, Case, get
from tests.traffic.fleet import rule, service, subsets

_GATEWAY_LABELS = (("istio", "ingressgateway"),)
_INSTANCE = "sidecar~127.8.1.1~web-1.default~default.svc.cluster.local"
_INSTANCE_LABELS = (("app", "web"),)
_WEB = """
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: $PORT}]}
"""
_EDGE = (
    service("shop", "v1 v2")
    + subsets("shop", "v1", "v2")
    + rule(
        "edge",
        "selector: {istio: ingressgateway}\nservers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]",
        kind="Gateway",
    )
    + rule(
        "shop",
        """
        hosts: ['*']
        gateways: [edge]
        http:
        - {name: secure, match: [{scheme: {exact: https}}], route: [{destination: {host: shop, subset: v2}}]}
        - name: known
          match: [{headers: {x-envoy-external-address: {exact: 203.0.113.7}}}]
          route: [{destination: {host: shop, subset: v2}}]
        - {name: told, match: [{headers: {x-forwarded-port: {exact: '7'}}}], route: [{destination: {host: shop, subset: v2}}]}
        - {name: rest, route: [{destination: {host: shop, subset: v1}}]}
        """,
    )
)


def _mesh(settings: str) -> str:
    return f"---\napiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {{name: mesh}}\nspec: {settings}\n"


def _paths(name: str, intent: str, settings: str, *paths: tuple[str, str | int]) -> Case:
    """Return a case at a gateway: each path sent, and what arrives, or the status of a refusal."""
    calls = [
        Call(url=f"http://any{sent}", path=told, to="shop v1")
        if isinstance(told, str)
        else Call(url=f"http://any{sent}", status=told, details="path_normalization_failed", to={})
        for sent, told in paths
    ]
    return Case(
        id=f"paths-{name}",
        intent=intent,
        config=_EDGE + _mesh(settings),
        proxy=GATEWAY,
        labels=_GATEWAY_LABELS,
        calls=tuple(calls),
    )


_PATHS = (
    _paths(
        "none",
        "With NONE a path is compared as it came.",
        "{pathNormalization: {normalization: NONE}}",
        ("/a/../b", "/a/../b"),
        ("/a//b", "/a//b"),
        ("/a%2Fb", "/a%2Fb"),
        ("/%61", "/%61"),
        ("/%00", "/%00"),
        ("/a\\b", "/a\\b"),
    ),
    _paths(
        "base",
        "With BASE dots and needless escapes go, slashes stay.",
        "{pathNormalization: {normalization: BASE}}",
        ("/a/../b", "/b"),
        ("/a//b", "/a//b"),
        ("/a%2Fb", "/a%2Fb"),
        ("/%61", "/a"),
        ("/%00", 400),
        ("/a\\b", "/a/b"),
    ),
    _paths(
        "merge",
        "With MERGE_SLASHES repeated slashes are one, escaped ones stay.",
        "{pathNormalization: {normalization: MERGE_SLASHES}}",
        ("/a//b", "/a/b"),
        ("///a//b///", "/a/b/"),
        ("//", "//"),
        ("//?a", "//?a"),
        ("///", "//"),
        ("/a/..//b", "/b"),
        ("/a%2F/b", "/a%2F/b"),
        ("/a//b?c=d//e", "/a/b?c=d//e"),
        ("/a\\\\b", "/a/b"),
    ),
    _paths(
        "decode",
        "With DECODE_AND_MERGE_SLASHES escaped slashes and backslashes are slashes before dots go.",
        "{pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}}",
        ("/a%2Fb", "/a/b"),
        ("/a%2f%2Fb", "/a/b"),
        ("/a%5Cb", "/a/b"),
        ("/a%5c..%2fb", "/b"),
        ("/a%252Fb", "/a%252Fb"),
        ("/a?b=%2F", "/a?b=%2F"),
    ),
    _paths(
        "reject",
        "A proxy may refuse escaped slashes.",
        "{defaultConfig: {connectionSettings: {httpPathWithEscapedSlashesAction: REJECT_REQUEST}}}",
        ("/a%2Fb", 400),
        ("/a%5cb", 400),
        ("/a//b", "/a//b"),
        ("/a?b=%2F", "/a?b=%2F"),
    ),
    _paths(
        "forward",
        "A proxy may unescape slashes, and leave the rest as the mesh says.",
        "{pathNormalization: {normalization: NONE}, "
        "defaultConfig: {connectionSettings: {httpPathWithEscapedSlashesAction: UNESCAPE_AND_FORWARD}}}",
        ("/a%2Fb", "/a/b"),
        ("/a%2F../b", "/a/../b"),
        ("/a%5Cb", "/a\\b"),
    ),
    _paths(
        "merged-by-proxy",
        "A proxy's own settings beat the mesh's.",
        "{pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}, defaultConfig: {connectionSettings: "
        "{httpMergeSlashes: false, httpPathWithEscapedSlashesAction: KEEP_UNCHANGED}}}",
        ("/a//b", "/a//b"),
        ("/a%2Fb", "/a%2Fb"),
    ),
    _paths(
        "merging-by-proxy",
        "A proxy may merge slashes where the mesh does not.",
        "{defaultConfig: {connectionSettings: {httpMergeSlashes: true}}}",
        ("/a//b", "/a/b"),
    ),
)
_EDGE_PROFILE = Case(
    id="profile-edge",
    intent="The EDGE profile sends callers to the path without escaped slashes, but not gRPC.",
    config=_EDGE + _mesh("{defaultConfig: {connectionSettings: {profile: EDGE}}}"),
    proxy=GATEWAY,
    labels=_GATEWAY_LABELS,
    calls=(
        get("http://any/a%2Fb//c", status=307, location="/a/b/c", to={}),
        Call(
            url="http://any/a%2Fb",
            headers={"content-type": "application/grpc"},
            status=200,
            details="path_normalization_failed",
            to={},
        ),
        get("http://any/a//b", path="/a/b", to="shop v1"),
        get("http://any/", headers={"x-y": "1"}, sees={"x-y": "1"}, to="shop v1"),
    ),
)
_UNDERSCORES = Case(
    id="underscores-dropped",
    intent="Headers with an underscore in their name may be dropped, also against the profile.",
    config=_EDGE
    + _mesh(
        "{defaultConfig: {connectionSettings: {profile: EDGE, httpHeadersWithUnderscoresAction: DROP_HEADER, "
        "httpPathWithEscapedSlashesAction: KEEP_UNCHANGED}}}"
    ),
    proxy=GATEWAY,
    labels=_GATEWAY_LABELS,
    calls=(get("http://any/a%2Fb", path="/a%2Fb", headers={"x_y": "1", "x-y": "2"}, sees={"x_y": None, "x-y": "2"}),),
)
_ALLOWED = Case(
    id="underscores-allowed",
    intent="Underscores may be allowed against the profile, and escaped slashes sent back without it.",
    config=_EDGE
    + _mesh(
        "{defaultConfig: {connectionSettings: {profile: EDGE, httpHeadersWithUnderscoresAction: ALLOW, "
        "httpPathWithEscapedSlashesAction: UNESCAPE_AND_REDIRECT}}}"
    ),
    proxy=GATEWAY,
    labels=_GATEWAY_LABELS,
    calls=(get("http://any/", headers={"x_y": "1"}, sees={"x_y": "1"}),),
)
_PLAIN = Case(
    id="settings-by-default",
    intent="Without settings underscores pass, escaped slashes stay, and what callers say of themselves is not believed.",
    config=_EDGE,
    proxy=GATEWAY,
    labels=_GATEWAY_LABELS,
    calls=(
        get("http://any/", headers={"x_y": "1"}, sees={"x_y": "1"}),
        get("http://any/", headers={"x-forwarded-for": "203.0.113.7"}, to="shop v1", route="rest"),
        get("http://any/", headers={"x-forwarded-proto": "https"}, to="shop v1", route="rest"),
        get("http://any/", headers={"x-forwarded-client-cert": "By=x"}, sees={"x-forwarded-client-cert": None}),
        get(
            "http://any/", headers={"x-forwarded-port": "7"}, sees={"x-forwarded-port": "7"}, route="told", to="shop v2"
        ),
    ),
)
_REDIRECTED = Case(
    id="paths-redirect",
    intent="A proxy may send callers to the path with its slashes unescaped.",
    config=_EDGE
    + _mesh("{defaultConfig: {connectionSettings: {httpPathWithEscapedSlashesAction: UNESCAPE_AND_REDIRECT}}}"),
    proxy=GATEWAY,
    labels=_GATEWAY_LABELS,
    calls=(
        get("http://any/a%2Fb?c=%2F", status=307, location="/a/b?c=%2F", to={}),
        get("http://any/a/b", path="/a/b", to="shop v1"),
    ),
)
_TRUSTED = Case(
    id="trusted-proxies",
    intent="Of `x-forwarded-for` the trusted number of proxies is believed, and then what they say of the scheme.",
    config=_EDGE + _mesh("{defaultConfig: {gatewayTopology: {numTrustedProxies: 2}}}"),
    proxy=GATEWAY,
    labels=_GATEWAY_LABELS,
    calls=(
        get("http://any/", headers={"x-forwarded-for": "203.0.113.7, 10.0.0.1"}, route="known", to="shop v2"),
        get("http://any/", headers={"x-forwarded-for": "6.6.6.6, 203.0.113.7, 10.0.0.1"}, route="known", to="shop v2"),
        get("http://any/", headers={"x-forwarded-for": "203.0.113.7"}, route="rest", to="shop v1"),
        get("http://any/", headers={"x-forwarded-for": "nonsense, 10.0.0.1"}, route="rest", to="shop v1"),
        get("http://any/", headers={"x-forwarded-proto": "https"}, route="secure", to="shop v2"),
        get("http://any/", route="rest", to="shop v1"),
    ),
)


def _headers(name: str, intent: str, written: str, *calls: Call, gateway: bool = True) -> Case:
    return Case(
        id=f"headers-{name}",
        intent=intent,
        config=(_EDGE if gateway else _WEB) + _mesh(f"{{defaultConfig: {written}}}"),
        proxy=GATEWAY if gateway else _INSTANCE,
        labels=_GATEWAY_LABELS if gateway else _INSTANCE_LABELS,
        inbound=not gateway,
        calls=calls,
    )


_CERT = {"x-forwarded-client-cert": "By=spiffe://a;Hash=b"}
_HEADERS = (
    _headers(
        "certificate-at-gateways",
        "A gateway may pass on what callers say of their certificate.",
        "{gatewayTopology: {forwardClientCertDetails: ALWAYS_FORWARD_ONLY}, "
        "proxyHeaders: {forwardedClientCert: SANITIZE}}",
        get("http://any/", headers=_CERT, sees=_CERT),
    ),
    _headers(
        "certificate-at-sidecars",
        "A sidecar may pass on what callers say of their certificate.",
        "{proxyHeaders: {forwardedClientCert: ALWAYS_FORWARD_ONLY}}",
        get("http://web:$PORT/", headers=_CERT, sees=_CERT, to="127.0.0.1"),
        gateway=False,
    ),
    _headers(
        "request-id",
        "Without request ids none is made, and a caller's own is kept.",
        "{proxyHeaders: {requestId: {disabled: true}}}",
        get("http://any/", sees={"x-request-id": None}),
        get("http://any/", headers={"x-request-id": "mine"}, sees={"x-request-id": "mine"}),
    ),
    _headers(
        "port",
        "The port that callers reach may be told, whatever they say.",
        "{proxyHeaders: {xForwardedPort: {enabled: true}}}",
        get("http://any/", headers={"x-forwarded-port": "7"}, route="rest", to="shop v1"),
    ),
    _headers(
        "port-behind-proxies",
        "Behind trusted proxies the port that they tell is kept.",
        "{gatewayTopology: {numTrustedProxies: 1}, proxyHeaders: {xForwardedPort: {enabled: true}}}",
        get("http://any/", headers={"x-forwarded-port": "7"}, route="told", to="shop v2"),
        get("http://any/", route="rest", to="shop v1"),
    ),
)
CASES = (*_PATHS, _EDGE_PROFILE, _UNDERSCORES, _ALLOWED, _PLAIN, _REDIRECTED, _TRUSTED, *_HEADERS)
