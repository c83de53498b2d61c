"""Connections that another proxy carries on, which is asked by CONNECT or POST (a DestinationRule's `tunnel`)."""

from tests.traffic.case import GATEWAY, Call, Case, Connect, get
from tests.traffic.fleet import rule, service

_ASKED = "CONNECT db.example.com:5432"
_PROXY = service("proxy", "v1 v2", ports="3128/tcp 3129/tcp 80/http") + rule(
    "proxy",
    """
    host: proxy
    trafficPolicy:
      tunnel: {targetHost: db.example.com, targetPort: 5432}
      portLevelSettings: [{port: {number: 3129}, loadBalancer: {simple: RANDOM}}]
    subsets:
    - {name: v1, labels: {version: v1}}
    - name: v2
      labels: {version: v2}
      trafficPolicy:
        tunnel: {protocol: POST, targetHost: posted.example.com, targetPort: 9000}
        portLevelSettings: [{port: {number: 3129}, loadBalancer: {simple: RANDOM}}]
    """,
    kind="DestinationRule",
)


def _outside(name: str, address: str, route: str, *, kind: str = "tcp") -> str:
    """Return a service none of whose instances is called, and its rule."""
    port = "5432/tcp" if kind == "tcp" else "443/tls"
    match = "" if kind == "tcp" else f"match: [{{sniHosts: [{name}.default.svc.cluster.local]}}], "
    return service(name, ports=port, extra=f"addresses: [{address}]") + rule(
        name, f"{kind}: [{{{match}route: [{route}]}}]", hosts=f"{name}.default.svc.cluster.local"
    )


def _to(subset: str = "", port: int = 3128, weight: str = "") -> str:
    chosen = f", subset: {subset}" if subset else ""
    return f"{{destination: {{host: proxy{chosen}, port: {{number: {port}}}}}{weight}}}"


_RULES = (
    _PROXY
    + _outside("plain", "10.7.0.1", _to())
    + _outside("first", "10.7.0.2", _to("v1"))
    + _outside("asked", "10.7.0.3", _to("v2"))
    + _outside("ported", "10.7.0.4", _to(port=3129))
    + _outside("both", "10.7.0.5", f"{_to('v1', weight=', weight: 1')}, {_to('v2', weight=', weight: 1')}")
    + _outside("named", "10.7.0.6", _to("v1"), kind="tls")
    + _outside("apart", "10.7.0.7", _to("v1", port=3129))
)

CASES = (
    Case(
        id="tunnelled-connections",
        intent="The proxy is asked to carry a connection on: by the subset's own settings, or the host's, a port has none.",
        mode="transparent",
        config=_RULES,
        calls=(get("http://proxy/", dst="10.9.9.9:80", to={"proxy v1": 0.5, "proxy v2": 0.5}, through="", times=200),),
        connections=(
            Connect(dst="10.7.0.1:5432", to={"proxy v1": 0.5, "proxy v2": 0.5}, times=200, through=_ASKED),
            Connect(dst="10.7.0.2:5432", to="proxy v1", through=_ASKED),
            Connect(dst="10.7.0.3:5432", to="proxy v2", through="POST posted.example.com:9000"),
            Connect(dst="10.7.0.4:5432", to={"proxy v1": 0.5, "proxy v2": 0.5}, times=200, through=""),
            Connect(dst="10.7.0.5:5432", to={"proxy v1": 0.5, "proxy v2": 0.5}, times=200, through=_ASKED),
            Connect(
                dst="10.7.0.6:443", sends="tls", sni="named.default.svc.cluster.local", to="proxy v1", through=_ASKED
            ),
            Connect(dst="10.7.0.7:5432", to="proxy v1", through=""),
        ),
    ),
    Case(
        id="tunnelled-tunnels",
        intent="A CONNECT goes on as one where callers name their proxy; a POST begins at ports that are bound.",
        config=_RULES
        + rule(
            "default",
            """
            egress:
            - {port: {number: 7001, name: tcp, protocol: TCP}, captureMode: NONE, hosts: [./asked.default.svc.cluster.local]}
            - {hosts: [./*]}
            """,
            kind="Sidecar",
        ),
        calls=(
            Call(method="CONNECT", url="first:5432", to="proxy v1", through=_ASKED),
            Call(method="CONNECT", url="named:443", to="proxy v1", through=_ASKED),
            Call(method="CONNECT", url="apart:5432", to="proxy v1", through=""),
            Call(method="CONNECT", url="asked:5432", status=503, to={}, details="direct_response"),
        ),
        connections=(Connect(bound="127.0.0.1_7001", to="proxy v2", through="POST posted.example.com:9000"),),
    ),
    Case(
        id="tunnelled-at-a-gateway",
        intent="So do gateways whose ports take connections.",
        proxy=GATEWAY,
        labels=(("istio", "ingressgateway"),),
        config=_PROXY
        + rule(
            "edge",
            """
            selector: {istio: ingressgateway}
            servers: [{port: {number: 9000, name: tcp, protocol: TCP}, hosts: ['*']}]
            """,
            kind="Gateway",
        )
        + rule("edge", f"gateways: [edge]\ntcp: [{{route: [{_to('v1')}]}}]", hosts="any.example.com"),
        calls=(),
        connections=(Connect(bound="0.0.0.0_9000", to="proxy v1", through=_ASKED),),
    ),
    Case(
        id="tunnelled-to-an-address",
        intent="The target may be an address, of version 6 in brackets.",
        mode="transparent",
        config=service("proxy", ports="3128/tcp", extra="addresses: [10.7.1.1]")
        + rule(
            "proxy",
            "host: proxy\ntrafficPolicy: {tunnel: {protocol: POST, targetHost: '2001:db8::1', targetPort: 443}}",
            kind="DestinationRule",
        ),
        calls=(),
        connections=(Connect(dst="10.7.1.1:3128", to="proxy v1", through="POST [2001:db8::1]:443"),),
    ),
)
