"""Connections that a client opens with CONNECT: by the rules for TLS and TCP, the tunnel's host standing for the SNI."""

from tests.traffic.case import STATISTICAL, Call, Case
from tests.traffic.fleet import rule, service, subsets


def connect(to: str, instance: object = None, **expected: object) -> Call:
    """Return a tunnel to `host:port` and the instance at its other end."""
    return Call(method="CONNECT", url=to, to=instance, **expected)


def _by_address(name: str, address: str) -> str:
    return service(name, "v1 v2", ports="5432/tcp", extra=f"addresses: [{address}]") + subsets(name, "v1", "v2")


_NAMES = """
hosts: ['*.wild.example.com']
tls:
- match: [{sniHosts: [exact.wild.example.com]}]
  route: [{destination: {host: left}}]
- match: [{sniHosts: ['*.deep.wild.example.com'], port: 443}]
  route: [{destination: {host: right}}]
- match: [{sniHosts: ['*.wild.example.com'], port: 8443}]
  route: [{destination: {host: right}}]
"""
_CALLERS = """
tls:
- match: [{sniHosts: [safe.default.svc.cluster.local], sourceLabels: {team: other}, port: 443}]
  route: [{destination: {host: safe, subset: v1}}]
- match: [{sniHosts: [safe.default.svc.cluster.local], sourceNamespace: elsewhere, port: 444}]
  route: [{destination: {host: safe, subset: v1}}]
- match: [{sniHosts: [safe.default.svc.cluster.local], gateways: [edge], port: 445}]
  route: [{destination: {host: safe, subset: v1}}]
- match: [{sniHosts: [safe.default.svc.cluster.local], destinationSubnets: [10.1.0.0/16], port: 446}]
  route:
  - {destination: {host: safe, subset: v2, port: {number: 443}}, weight: 1}
  - {destination: {host: safe, subset: v1, port: {number: 443}}, weight: 3}
- match: [{sniHosts: [safe.default.svc.cluster.local], destinationSubnets: [10.7.0.0/16], port: 445}]
  route: [{destination: {host: safe, subset: v1}}]
- match: [{sniHosts: [safe.default.svc.cluster.local]}]
  route: [{destination: {host: safe, subset: v2, port: {number: 443}}}]
"""
_TCP = """
tcp:
- match: [{port: 5432, sourceLabels: {team: other}}]
  route: [{destination: {host: base, subset: v1}}]
- match: [{port: 5433}]
  route: [{destination: {host: base, subset: v2, port: {number: 5433}}}]
- match: [{port: 5432, sourceNamespace: default, gateways: [mesh]}]
  route:
  - {destination: {host: base, subset: v1}, weight: 75}
  - {destination: {host: base, subset: v2}, weight: 25}
  - {destination: {host: nowhere}, weight: 0}
- route: [{destination: {host: base, subset: v1}}]
"""
_SUBNETS = """
tcp:
- match: [{destinationSubnets: [10.1.0.0/16]}]
  route: [{destination: {host: near, subset: v1}}]
- match: [{destinationSubnets: [10.1.2.0/24, 10.9.0.0/16]}]
  route: [{destination: {host: near, subset: v2}}]
"""

CASES = (
    Case(
        id="tunnel-tcp",
        intent="CONNECT follows the rules for tcp: port, gateway, labels and namespace of the caller, weights.",
        config=service("base", "v1 v2", ports="5432/tcp 5433/tcp 5434/tcp")
        + subsets("base", "v1", "v2")
        + rule("base", _TCP),
        calls=(
            connect("base:5432", {"base v1": 0.75, "base v2": 0.25}, times=STATISTICAL),
            connect(
                "base.default.svc.cluster.local:5433",
                "base v2",
                cluster="outbound|5433|v2|base.default.svc.cluster.local",
            ),
            connect("base.default:5434", "base v1"),
            Call(url="http://base:5432/", status=404, flag="NR"),
        ),
    ),
    Case(
        id="tunnel-labels",
        intent="A rule for callers with a label comes before those for all.",
        config=service("base", "v1 v2", ports="5432/tcp 5433/tcp") + subsets("base", "v1", "v2") + rule("base", _TCP),
        labels=(("team", "other"),),
        calls=(connect("base:5432", "base v1"), connect("base:5433", "base v2")),
    ),
    Case(
        id="tunnel-other-namespace",
        intent="What no rule for connections takes goes to the service.",
        config=service("base", "v1 v2*3", ports="5432/tcp", namespace="other")
        + subsets("base", "v1", "v2", namespace="other")
        + rule(
            "base",
            "tcp: [{match: [{sourceNamespace: other}], route: [{destination: {host: base, subset: v1}}]}]",
            namespace="other",
        ),
        calls=(connect("base.other:5432", {"base v1": 0.25, "base v2": 0.75}, times=STATISTICAL),),
    ),
    Case(
        id="tunnel-sni",
        intent="CONNECT follows the rules for tls: the tunnel's host stands for the SNI, the most specific name wins.",
        config=service("left", ports="443/tls 8443/tls")
        + service("right", ports="443/tls 8443/tls")
        + service("wild", host="'*.wild.example.com'", ports="443/tls 8443/https")
        + service("exact", host="exact.wild.example.com", ports="443/tls")
        + rule("wild", _NAMES),
        calls=(
            connect("exact.wild.example.com:443", "left v1"),
            connect("a.deep.wild.example.com:443", "right v1"),
            connect("A.Deep.wild.example.com:443", "right v1"),
            connect("other.wild.example.com:443", "wild v1", route="default"),
            connect("a.deep.wild.example.com:8443", "right v1"),
            connect("other.wild.example.com:8443", "right v1"),
            Call(url="http://exact.wild.example.com:443/", status=404, flag="NR"),
        ),
    ),
    Case(
        id="tunnel-tls",
        intent="A rule for TLS asks for port, callers, gateways and destination, and has weights, as one for TCP has.",
        config=service("safe", "v1 v2", ports="443/tls 444/tls 445/https 446/tls", extra="addresses: [10.1.2.3]")
        + subsets("safe", "v1", "v2")
        + rule("safe", _CALLERS, hosts="safe.default.svc.cluster.local"),
        calls=(
            connect("safe:443", "safe v2", cluster="outbound|443|v2|safe.default.svc.cluster.local"),
            connect("safe:444", "safe v2"),
            connect("safe:445", "safe v2"),
            connect("safe:446", {"safe v1": 0.75, "safe v2": 0.25}, times=STATISTICAL),
        ),
    ),
    Case(
        id="tunnel-tls-names",
        intent="A rule for TLS that names no host of the tunnel does not take it.",
        config=service("below", host="'*.below.example.com'", ports="443/tls")
        + service("other", ports="443/tls")
        + rule(
            "below",
            "tls: [{match: [{sniHosts: [x.below.example.com, z.below.example.com]}], route: [{destination: {host: other}}]}]",
            hosts="'*.below.example.com'",
        ),
        calls=(
            connect("x.below.example.com:443", "other v1"),
            connect("z.below.example.com:443", "other v1"),
            connect("y.below.example.com:443", "below v1"),
        ),
    ),
    Case(
        id="tunnel-subnets",
        intent="The service's own address stands for the destination: the longest range that holds it wins.",
        config=_by_address("near", "10.1.2.3")
        + _by_address("wide", "10.1.9.9")
        + _by_address("away", "10.5.0.1")
        + rule("near", _SUBNETS, hosts="near, wide, away"),
        calls=(
            connect("near:5432", "near v2"),
            connect("10.1.2.3:5432", "near v2"),
            connect("wide:5432", "near v1"),
            connect("away:5432", {"away v1": 0.5, "away v2": 0.5}, times=STATISTICAL),
        ),
    ),
    Case(
        id="tunnel-missing",
        intent="A rule for connections to what does not exist refuses the tunnel, and lets it through to no other.",
        config=service("base", ports="5432/tcp")
        + rule("base", "tcp: [{route: [{destination: {host: nowhere.example.com}}]}]"),
        calls=(connect("base:5432", {}, status=503, flag="NC", details="cluster_not_found"),),
    ),
    Case(
        id="tunnel-undeclared",
        intent="A port of no declared protocol takes requests by the rules for http and tunnels by those for tcp.",
        config="""
---
apiVersion: v1
kind: Service
metadata: {name: open, namespace: default}
spec: {ports: [{name: any, port: 7000}]}
"""
        + service("web", "v1", ports="80/http")
        + service("raw", "v1", ports="7001/tcp")
        + rule(
            "open",
            """
            http: [{route: [{destination: {host: web}}]}]
            tcp: [{route: [{destination: {host: raw}}]}]
            """,
        ),
        calls=(Call(url="http://open:7000/", to="web v1"), connect("open:7000", "raw v1")),
    ),
)
