"""Who sees what: exportTo, Sidecar egress, callers' labels and namespaces, names, DestinationRule lookup."""

from tests.traffic.case import Case, get
from tests.traffic.fleet import rule, service, subsets

_ELSEWHERE = "sidecar~10.0.0.3~caller.elsewhere~elsewhere.svc.cluster.local"
_PAY = (("app", "pay"), ("version", "v2"))
_EXPORTS = (
    service("public", "v1 v2", namespace="elsewhere")
    + service("secret", namespace="elsewhere", extra="exportTo: ['.']")
    + service("granted", namespace="elsewhere", extra="exportTo: [default]")
    + service("ruled", "v1 v2", namespace="elsewhere")
    + subsets("ruled", "v1", "v2", namespace="elsewhere")
    + rule(
        "ruled",
        "exportTo: ['.']\nhttp: [{name: private-rule, route: [{destination: {host: ruled, subset: v2}}]}]",
        namespace="elsewhere",
    )
    + rule("none", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\negress: [{hosts: ['*/*']}]", kind="Sidecar")
    + rule(
        "none",
        "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\negress: [{hosts: ['*/*']}]",
        kind="Sidecar",
        namespace="elsewhere",
    )
)
_EGRESS = (
    service("near")
    + service("far", namespace="elsewhere")
    + service("hidden", namespace="elsewhere")
    + service("third", namespace="third")
    + service("via-rule", namespace="third")
    + rule("narrowed", "http: [{route: [{destination: {host: via-rule.third.svc.cluster.local}}]}]", hosts="near")
    + rule(
        "default",
        """
        outboundTrafficPolicy: {mode: REGISTRY_ONLY}
        egress: [{hosts: ['./*', 'elsewhere/far.elsewhere.svc.cluster.local']}]
        """,
        kind="Sidecar",
    )
)
_SOURCES = (
    service("target", "v1 v2 v3")
    + subsets("target", "v1", "v2", "v3")
    + rule(
        "target",
        """
        http:
        - {name: labels, match: [{sourceLabels: {app: pay}}], route: [{destination: {host: target, subset: v2}}]}
        - {name: space, match: [{sourceNamespace: elsewhere}], route: [{destination: {host: target, subset: v3}}]}
        - {name: rest, route: [{destination: {host: target, subset: v1}}]}
        """,
    )
    + service("only-pay", "v1 v2")
    + subsets("only-pay", "v1", "v2")
    + rule(
        "only-pay",
        """
        http:
        - {name: labels, match: [{sourceLabels: {app: pay, version: v2}}], route: [{destination: {host: only-pay, subset: v2}}]}
        """,
    )
    + service("by-port", "v1 v2", ports="80/http 8080/http")
    + subsets("by-port", "v1", "v2")
    + rule(
        "by-port",
        """
        http:
        - {name: eighty, match: [{port: 80}], route: [{destination: {host: by-port, subset: v1}}]}
        - {name: other, route: [{destination: {host: by-port, subset: v2}}]}
        """,
    )
)
_SHORT = (
    service("short", "v1 v2")
    + service("short", "v3", namespace="elsewhere", identity="short-elsewhere")
    + service("asked", namespace="elsewhere")
    + rule("asked", "http: [{route: [{destination: {host: short}}]}]", namespace="elsewhere")
)
_LOOKUP = (
    service("looked-up", "v1 v2", namespace="elsewhere")
    + subsets("looked-up", "v1", namespace="elsewhere")
    + rule(
        "own-view",
        """
        host: looked-up.elsewhere.svc.cluster.local
        subsets: [{name: v1, labels: {version: v2}}]
        """,
        kind="DestinationRule",
    )
    + rule(
        "to-looked-up",
        "http: [{route: [{destination: {host: looked-up.elsewhere.svc.cluster.local, subset: v1}}]}]",
        hosts="looked-up.elsewhere.svc.cluster.local",
    ).replace("spec:", "spec:\n  exportTo: ['*']", 1)
    + service("wildly", "v1 v2")
    + rule(
        "wild",
        "host: '*.default.svc.cluster.local'\nsubsets: [{name: any, labels: {version: v2}}]",
        kind="DestinationRule",
    )
    + rule("wildly", "http: [{route: [{destination: {host: wildly, subset: any}}]}]")
    + service("exact", "v1 v2")
    + subsets("exact", "v1")
    + rule(
        "exact",
        "http: [{match: [{uri: {prefix: /any}}], route: [{destination: {host: exact, subset: any}}]}, {route: [{destination: {host: exact, subset: v1}}]}]",
    )
    + service("merged", "v1 v2")
    + subsets("merged", "v1").replace("name: merged,", "name: merged-a,")
    + subsets("merged", "v2").replace("name: merged,", "name: merged-b,")
    + rule(
        "merged",
        """
        http:
        - {match: [{uri: {prefix: /v1}}], route: [{destination: {host: merged, subset: v1}}]}
        - {route: [{destination: {host: merged, subset: v2}}]}
        """,
    )
)

_SELECTING = (
    service("picked", "v1 v2 v3")
    + rule("picked", "http: [{route: [{destination: {host: picked, subset: mine}}]}]")
    + rule(
        "picked",
        """
        host: picked
        workloadSelector: {matchLabels: {app: shop, tier: front}}
        subsets: [{name: mine, labels: {version: v1}}]
        """,
        kind="DestinationRule",
    )
    + rule("all", "host: picked\nsubsets: [{name: mine, labels: {version: v2}}]", kind="DestinationRule")
    + service("taken", "v1")
    + rule(
        "taken",
        """
        host: taken
        workloadSelector: {matchLabels: {app: shop}}
        trafficPolicy: {loadBalancer: {simple: RANDOM}}
        """,
        kind="DestinationRule",
    )
    + rule(
        "wide",
        "host: '*.default.svc.cluster.local'\nsubsets: [{name: one, labels: {version: v1}}]",
        kind="DestinationRule",
    )
    + rule(
        "to-taken",
        "http: [{route: [{destination: {host: taken, subset: one}}]}]",
        hosts="taken",
    )
)

CASES = (
    Case(
        id="selected-client",
        intent="A DestinationRule with a workloadSelector holds, before all others, for clients that bear its labels.",
        config=_SELECTING,
        labels=(("app", "shop"), ("tier", "front"), ("version", "v9")),
        calls=(
            get("http://picked/", to="picked v1", times=20),
            get("http://taken/", status=503, flag="NC", to={}),
        ),
    ),
    Case(
        id="client-not-selected",
        intent="Others take the rules for all of that host; where there are none they take none of a wider host either.",
        config=_SELECTING,
        labels=(("app", "shop"),),
        calls=(get("http://picked/", to="picked v2", times=20), get("http://taken/", status=503, flag="NC", to={})),
    ),
    Case(
        id="client-without-labels",
        intent="So do clients without any labels.",
        config=_SELECTING,
        calls=(get("http://picked/", to="picked v2", times=20), get("http://taken/", status=503, flag="NC", to={})),
    ),
    Case(
        id="export-to",
        intent="What is not exported to the caller's namespace is unknown there, services and rules alike.",
        config=_EXPORTS,
        calls=(
            get("http://public.elsewhere/", to={"public v1": 0.5, "public v2": 0.5}, times=500),
            get("http://secret.elsewhere/", status=502, to={}),
            get("http://granted.elsewhere/", to="granted v1"),
            get("http://ruled.elsewhere/", to={"ruled v1": 0.5, "ruled v2": 0.5}, times=500, route="default"),
        ),
    ),
    Case(
        id="export-to-own",
        intent="In its own namespace all of it is known.",
        config=_EXPORTS,
        proxy=_ELSEWHERE,
        calls=(
            get("http://secret/", to="secret v1"),
            get("http://granted/", status=502, to={}),
            get("http://ruled/", to="ruled v2", route="private-rule"),
        ),
    ),
    Case(
        id="sidecar-egress",
        intent="A Sidecar's egress hosts bound what its workloads know; what an imported rule routes to comes along.",
        config=_EGRESS,
        calls=(
            get("http://far.elsewhere/", to="far v1"),
            get("http://hidden.elsewhere/", status=502, to={}),
            get("http://third.third/", status=502, to={}),
            get("http://near/", to="via-rule v1"),
        ),
    ),
    Case(
        id="source-any",
        intent="Matches on the caller's labels and namespace are decided for each proxy; others never see them.",
        config=_SOURCES,
        calls=(
            get("http://target/", to="target v1", route="rest"),
            get("http://only-pay/", to={"only-pay v1": 0.5, "only-pay v2": 0.5}, times=500, route="default"),
            get("http://by-port/", to="by-port v1", route="eighty"),
            get("http://by-port:8080/", to="by-port v2", route="other"),
        ),
    ),
    Case(
        id="source-labels",
        intent="A caller with the labels gets the rule.",
        config=_SOURCES,
        labels=_PAY,
        calls=(
            get("http://target/", to="target v2", route="labels"),
            get("http://only-pay/", to="only-pay v2", route="labels"),
        ),
    ),
    Case(
        id="source-namespace",
        intent="A caller of the namespace gets the rule.",
        config=_SOURCES,
        proxy=_ELSEWHERE,
        calls=(get("http://target.default/", to="target v3", route="space"),),
    ),
    Case(
        id="short-names",
        intent="A short name means the caller's namespace in a request, and the rule's namespace in a rule.",
        config=_SHORT,
        calls=(
            get("http://short/", to={"short v1": 0.5, "short v2": 0.5}, times=200),
            get("http://short.elsewhere/", to="short-elsewhere v3"),
            get("http://short.elsewhere.svc/", to="short-elsewhere v3"),
            get("http://asked.elsewhere/", to="short-elsewhere v3"),
        ),
    ),
    Case(
        id="short-names-elsewhere",
        intent="From another namespace the short name means that namespace's service.",
        config=_SHORT,
        proxy=_ELSEWHERE,
        calls=(get("http://short/", to="short-elsewhere v3"), get("http://asked/", to="short-elsewhere v3")),
    ),
    Case(
        id="destination-rule-lookup",
        intent="The caller's namespace is asked first, then the service's; the most specific host wins, alone.",
        config=_LOOKUP,
        calls=(
            get("http://looked-up.elsewhere/", to="looked-up v2"),
            get("http://wildly/", to="wildly v2"),
            get("http://exact/", to="exact v1"),
            get("http://exact/any", status=503, flag="NC", to={}),
            get("http://merged/v1", to="merged v1"),
            get("http://merged/", to="merged v2"),
        ),
    ),
)
