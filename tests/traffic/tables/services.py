"""Platform services of every kind: aliases, headless ones, addresses, nodes, and one name in several namespaces."""

from tests.traffic.case import Call, Case, get
from tests.traffic.fleet import PORT, address, rule, service, subsets

_ABSENT = {"status": 503, "flag": "NC", "to": {}}
_UNKNOWN = {"status": 502, "route": "block_all", "to": {}}
_CLOSED = rule(
    "default",
    "egress: [{hosts: ['*/*']}]\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}",
    kind="Sidecar",
    namespace="istio-system",
)


def _kubernetes(name: str, spec: str, *, namespace: str = "default", export: str = "") -> str:
    more = f", annotations: {{networking.istio.io/exportTo: '{export}'}}" if export else ""
    return f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}{more}}}\nspec: {{{spec}}}\n"


def _served(
    name: str,
    spec: str = "ports: [{port: 80, name: http}]",
    *,
    namespace: str = "default",
    export: str = "",
    own: str = "",
) -> str:
    """Return a platform service with two instances, `name-0` and `name-1`, which answer as v1 and v2 of `own`."""
    where = [address(own or name, version) for version in ("v1", "v2")]
    listed = ", ".join(
        f"{{addresses: [{one}], hostname: {name}-{number}, nodeName: n{number}}}" for number, one in enumerate(where)
    )
    return _kubernetes(name, spec, namespace=namespace, export=export) + (
        f"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}, namespace: {namespace}, "
        f"labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: IPv4\n"
        f"ports: [{{name: http, port: {PORT}}}, {{name: more, port: {PORT}}}]\nendpoints: [{listed}]\n"
    )


def _alias(name: str, target: str, namespace: str = "default") -> str:
    return _kubernetes(name, f"type: ExternalName, externalName: {target}", namespace=namespace)


_HALVES = {"v1": 0.5, "v2": 0.5}
_ALIASES = (
    _CLOSED
    + service("pay", "v1 v2", ports="80/http 8080/http")
    + subsets("pay", "v1", "v2")
    + rule(
        "pay",
        "http: [{match: [{uri: {prefix: /v2}}], route: [{destination: {host: pay, subset: v2}}]}, {route: [{destination: {host: pay, subset: v1}}]}]",
    )
    + service("api", host="api.example.com")
    + _alias("money", "pay.default.svc.cluster.local")
    + _alias("coins", "money.default.svc.cluster.local", "team")
    + _alias("outside", "api.example.com.")
    + _alias("nothing", "nowhere.example.com")
    + _alias("round", "about.default.svc.cluster.local")
    + _alias("about", "round.default.svc.cluster.local")
    + rule("for-alias", "http: [{directResponse: {status: 418}}]", hosts="money")
    + rule(
        "to-alias",
        """
        http:
        - match: [{uri: {prefix: /subset}}]
          route: [{destination: {host: money, subset: v2, port: {number: 8080}}}]
        - match: [{uri: {prefix: /chain}}]
          route: [{destination: {host: coins.team.svc.cluster.local, port: {number: 80}}}]
          mirror: {host: outside}
        - match: [{uri: {prefix: /nothing}}]
          route: [{destination: {host: nothing}}]
        - match: [{uri: {prefix: /round}}]
          route: [{destination: {host: round}}]
        """,
        hosts="to-alias.test",
    )
)
_HEADLESS = (
    _CLOSED
    + _served("store", "clusterIP: None, ports: [{port: 80, name: http}, {port: 90, name: more, appProtocol: http}]")
    + service("cache", "v1")
    + rule(
        "store",
        """
        http:
        - {name: cached, match: [{uri: {prefix: /cached}}], route: [{destination: {host: cache}}]}
        - {name: kept, rewrite: {uri: /kept}, match: [{uri: {prefix: /keep}}], route: [{destination: {host: store}}]}
        - {name: rest, route: [{destination: {host: store}}]}
        """,
    )
    + _served("plain", "clusterIP: None, ports: [{port: 80, name: http}]")
    + _alias("second", "plain.default.svc.cluster.local")
)
_ADDRESSES = (
    _CLOSED
    + _served("one", "clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, 'fd00::1'], ports: [{port: 80, name: http}]")
    + _served("two", "clusterIP: 10.96.0.2, ports: [{port: 8080, name: http}]")
    + _served("none", "ports: [{port: 80, name: http}]")
)
_SPACES = (
    _served("shared", namespace="team", own="shared-team")
    + _served("hidden", namespace="team", export="~", own="hidden-team")
    + _served("private", namespace="team", export=".", own="private-team")
    + _served("given", namespace="team", export="default, other", own="given-team")
    + service("both", host="both.example.com", identity="both-own")
    + service("both", host="both.example.com", namespace="team", identity="both-team")
    + service("theirs", host="theirs.example.com", namespace="team", identity="theirs-team")
    + service("theirs", host="theirs.example.com", namespace="zoo", identity="theirs-zoo")
    + _CLOSED
)
_WILD = (
    _CLOSED
    + service("a", host="a.wild.example.com")
    + service("b", host="b.wild.example.com")
    + service("deep", host="c.deep.wild.example.com")
    + rule(
        "wide",
        "http: [{name: wide, headers: {request: {set: {x-rule: wide}}}, route: [{destination: {host: a.wild.example.com}}]}]",
        hosts="'*.wild.example.com'",
    )
    + rule(
        "deeper",
        "http: [{name: deeper, route: [{destination: {host: c.deep.wild.example.com}}]}]",
        hosts="'*.deep.wild.example.com'",
    )
    + rule(
        "exact", "http: [{name: exact, route: [{destination: {host: b.wild.example.com}}]}]", hosts="b.wild.example.com"
    )
)
_FALLS = (
    _CLOSED
    + service("here", "v1", ports="80/http 8080/http")
    + subsets("here", "v1", "v3")
    + service("empty", "", extra="workloadSelector: {labels: {app: none}}")
    + rule(
        "here",
        """
        http:
        - {match: [{uri: {prefix: /host}}], route: [{destination: {host: gone}}]}
        - {match: [{uri: {prefix: /port}}], route: [{destination: {host: here, port: {number: 81}}}]}
        - {match: [{uri: {prefix: /subset}}], route: [{destination: {host: here, subset: v2}}]}
        - {match: [{uri: {prefix: /bare}}], route: [{destination: {host: here, subset: v3}}]}
        - {match: [{uri: {prefix: /empty}}], route: [{destination: {host: empty}}]}
        - {match: [{uri: {prefix: /listener}}], route: [{destination: {host: here}}]}
        - {match: [{uri: {prefix: /mixed}}], route: [{destination: {host: gone}, weight: 1}, {destination: {host: empty}, weight: 0}]}
        - {match: [{uri: {prefix: /lost-mirror}}], route: [{destination: {host: here, subset: v1}}], mirror: {host: gone}}
        """,
    )
    + rule("far", "http: [{match: [{sourceNamespace: far}], directResponse: {status: 418}}]", hosts="far.test")
)
_NODE = (
    _served("close", "internalTrafficPolicy: Local, ports: [{port: 80, name: http}]")
    + _served("wide", "internalTrafficPolicy: Cluster, ports: [{port: 80, name: http}]")
    + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: client, namespace: default}\nspec: {nodeName: n1}\n"
    "status: {podIP: 10.0.0.1}\n"
)

_READY = (
    _kubernetes("early", "selector: {app: early}, publishNotReadyAddresses: true, ports: [{port: 80, targetPort: web}]")
    + _kubernetes("late", "selector: {app: early}, ports: [{port: 80, targetPort: web}]")
    + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: early, namespace: default, labels: {app: early}}\n"
    f"spec: {{containers: [{{name: main, ports: [{{name: web, containerPort: {PORT}}}]}}]}}\n"
    f"status: {{podIP: {address('early', 'v1')}, conditions: [{{type: Ready, status: 'False'}}]}}\n"
)


def _spread(name: str) -> dict[str, float]:
    return {f"{name} {version}": share for version, share in _HALVES.items()}


def _partly_ready(name: str, ready: int) -> str:
    """Return a platform service of four instances, v1 to v4, of which the first are ready."""
    endpoints = ", ".join(
        f"{{addresses: [{address(name, f'v{number}')}], conditions: {{ready: {str(number <= ready).lower()}}}}}"
        for number in range(1, 5)
    )
    return _kubernetes(name, "ports: [{port: 80, name: http}]") + (
        f"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}, namespace: default, "
        f"labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: IPv4\n"
        f"ports: [{{name: http, port: {PORT}}}]\nendpoints: [{endpoints}]\n"
    )


_MOSTLY = "{outlierDetection: {minHealthPercent: 50}}"

CASES = (
    Case(
        id="few-are-ready",
        intent="However few are ready, only they are called: there is no panic, and where a rule allows it the rest is withheld.",
        config=_partly_ready("few", 1)
        + _partly_ready("few-ruled", 1)
        + subsets("few-ruled", "v1", "v2", policy=_MOSTLY)
        + _partly_ready("none", 0)
        + _partly_ready("none-ruled", 0)
        + subsets("none-ruled", "v1", policy=_MOSTLY)
        + _partly_ready("half-ruled", 2)
        + subsets("half-ruled", "v1", policy="{outlierDetection: {}}"),
        calls=(
            get("http://few/", to="few v1", times=40),
            get("http://few-ruled/", to="few-ruled v1", times=40),
            get("http://none/", status=503, flag="UH", to={}, times=10),
            get("http://none-ruled/", status=503, flag="UH", to={}, times=10),
            get("http://half-ruled/", to={"half-ruled v1": 0.5, "half-ruled v2": 0.5}, times=200),
        ),
    ),
    Case(
        id="external-names",
        intent="An alias is the service that it stands for, with its ports and rules; without one it is an unknown host.",
        config=_ALIASES,
        calls=(
            get("http://money/", to="pay v1", virtual_host="pay.default.svc.cluster.local:80"),
            get("http://money.default.svc.cluster.local/v2", to="pay v2"),
            get(
                "http://money.default.svc.cluster.local.:8080/v2",
                to="pay v2",
                host="money.default.svc.cluster.local.:8080",
            ),
            get("http://money.default:8080/", to="pay v1"),
            get("http://money:9999/", **_UNKNOWN),
            get("http://coins.team/", to="pay v1"),
            get("http://coins.team.svc.cluster.local:8080/v2", to="pay v2"),
            get("http://coins/", **_UNKNOWN),
            get("http://outside.default.svc/", to="api v1", cluster="outbound|80||api.example.com"),
            get("http://nothing/", **_UNKNOWN),
            get("http://round/", **_UNKNOWN),
            get("http://to-alias.test/subset", to="pay v2", cluster="outbound|8080|v2|pay.default.svc.cluster.local"),
            get("http://to-alias.test/chain", to={f"pay {one}": 0.5 for one in ("v1", "v2")}, times=400),
            get("http://to-alias.test/chain", mirrors=frozenset({"api v1"})),
            get("http://to-alias.test/nothing", **_ABSENT),
            get("http://to-alias.test/round", **_ABSENT),
        ),
    ),
    Case(
        id="headless",
        intent="A headless service is called as a whole or instance by instance, and its rules hold for both.",
        config=_HEADLESS,
        calls=(
            get("http://plain/", to=_spread("plain"), times=400),
            get("http://plain-0.plain/", to="plain v1"),
            get(
                "http://plain-1.plain.default.svc.cluster.local/",
                to="plain v2",
                host="plain-1.plain.default.svc.cluster.local",
            ),
            get("http://plain-1.plain.default/", to="plain v2"),
            get("http://plain-1.plain.default.svc:80/", to="plain v2"),
            get("http://plain-1.second/", to="plain v2"),
            get("http://plain-9.plain/", status=503, details="direct_response", route="absent", to={}),
            get("http://x.plain-0.plain/", status=503, details="direct_response", route="absent", to={}),
            get("http://store/", to=_spread("store"), times=400, route="rest"),
            get("http://store-1.store:90/keep", to="store v2", path="/kept", route="kept"),
            get("http://store-0.store.default.svc.cluster.local.:90/", to="store v1", route="rest"),
            get("http://store-0.store/cached", to="cache v1", route="cached"),
            get("http://store-0.store:91/", **_UNKNOWN),
        ),
    ),
    Case(
        id="addresses",
        intent="A service is called by every address it has; one without address by its names.",
        config=_ADDRESSES,
        calls=(
            get("http://10.96.0.1/", to=_spread("one"), times=200),
            get("http://10.96.0.1:80/", virtual_host="one.default.svc.cluster.local:80"),
            get("http://[fd00::1]/", virtual_host="one.default.svc.cluster.local:80", host="[fd00::1]"),
            get("http://[fd00::1]:80/", virtual_host="one.default.svc.cluster.local:80"),
            get("http://10.96.0.2:8080/", virtual_host="two.default.svc.cluster.local:8080"),
            get("http://10.96.0.2/", **_UNKNOWN),
            get("http://none/", virtual_host="none.default.svc.cluster.local:80"),
            get("http://10.96.0.3/", **_UNKNOWN),
        ),
    ),
    Case(
        id="namespaces",
        intent="A service is seen by whom it is exported to; of equal hosts the caller's own comes first, then the oldest.",
        config=_SPACES,
        calls=(
            get("http://shared.team/", to=_spread("shared-team"), times=200),
            get("http://shared/", **_UNKNOWN),
            get("http://hidden.team/", **_UNKNOWN),
            get("http://private.team/", **_UNKNOWN),
            get("http://given.team/", to=_spread("given-team"), times=200),
            get("http://both.example.com/", to="both-own v1"),
            get("http://theirs.example.com/", to="theirs-team v1"),
        ),
    ),
    Case(
        id="namespaces-own",
        intent="Clients of the service's own namespace see what is private, and not what is hidden.",
        config=_SPACES,
        calls=(
            get("http://shared/", to=_spread("shared-team"), times=200),
            get("http://private/", to=_spread("private-team"), times=200),
            get("http://given/", status=502),
            get("http://both.example.com/", to="both-team v1"),
        ),
        proxy="sidecar~10.0.0.1~client.team~team.svc.cluster.local",
    ),
    Case(
        id="wildcard-rules",
        intent="The rule with the most specific host governs a service; what no service has follows the wildcard.",
        config=_WILD,
        calls=(
            get("http://a.wild.example.com/", to="a v1", route="wide", sees={"x-rule": "wide"}),
            get("http://b.wild.example.com/", to="b v1", route="exact"),
            get("http://c.deep.wild.example.com/", to="deep v1", route="deeper"),
            get("http://other.wild.example.com/", **_UNKNOWN),
            get("http://wild.example.com/", **_UNKNOWN),
        ),
    ),
    Case(
        id="fall-throughs",
        intent="What is missing is an error of the one route that names it, and nobody else's business.",
        config=_FALLS,
        calls=(
            get("http://here/host", details="cluster_not_found", **_ABSENT),
            get("http://here/port", details="cluster_not_found", **_ABSENT),
            get("http://here/subset", details="cluster_not_found", **_ABSENT),
            get("http://here/bare", status=503, flag="UH", details="no_healthy_upstream", to={}),
            get("http://here/empty", status=503, flag="UH", to={}),
            get("http://here/listener", to="here v1", cluster="outbound|80||here.default.svc.cluster.local"),
            get("http://here:8080/listener", to="here v1", cluster="outbound|8080||here.default.svc.cluster.local"),
            get("http://here/mixed", **_ABSENT),
            get("http://here/lost-mirror", to="here v1", mirrors=frozenset()),
            get("http://here/none", status=404, flag="NR", details="route_not_found", to={}),
            get("http://here:81/", **_UNKNOWN),
            get("http://far.test/", **_UNKNOWN),
            Call(method="CONNECT", url="here:80", status=404, to={}),
        ),
    ),
    Case(
        id="node-local",
        intent="A service with internalTrafficPolicy Local is served by the instances of the caller's own node.",
        config=_NODE,
        calls=(
            get("http://close/", to="close v2", times=20),
            get("http://wide/", to=_spread("wide"), times=400),
        ),
    ),
    Case(
        id="not-ready",
        intent="An instance that is not ready serves where its service publishes it all the same.",
        config=_READY,
        calls=(get("http://early/", to="early v1"), get("http://late/", status=503, flag="UH", to={})),
    ),
    Case(
        id="node-local-elsewhere",
        intent="On a node without instances nobody answers.",
        config=_NODE.replace("nodeName: n1}\nstatus", "nodeName: n7}\nstatus"),
        calls=(get("http://close/", status=503, flag="UH", to={}),),
    ),
)
