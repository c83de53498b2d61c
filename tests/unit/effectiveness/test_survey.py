"""What objects do not do, and why: small meshes, each with what is to be told of it."""

import msgspec
import pytest
from tests.unit.rules.world import document, entry, mesh, rule, service, sidecar, to

from pidalio.api.load import load
from pidalio.effectiveness import ObjectStatus, Survey, survey
from pidalio.model import Delivery, Interception, ObjectRef
from pidalio.server.distribution import Distribution

MATCH = "[{{match: [{0}], route: [{{destination: {{host: a}}}}]}}, {{route: [{{destination: {{host: b}}}}]}}]"
EDGE = document(
    "Gateway",
    "edge",
    "{selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.test']}]}",
)
SERVICES = (service("a"), service("b"))


def told(*documents: str) -> list[str]:
    """Return `code object path: message` of every finding, but for subsets that nobody uses."""
    found = mesh(*documents)
    lines = [each for each in found.survey().reports(found.catalog.place) if each.code != "unused-subset"]
    return [f"{one.code} {one.object} {one.path}: {one.message}" for one in lines]


def surveyed(*documents: str) -> Survey:
    return mesh(*documents).survey()


def status(found: Survey, kind: str, name: str, namespace: str = "default") -> ObjectStatus:
    one = found.status(ObjectRef(kind, namespace, name))
    assert one is not None
    return one


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        pytest.param([rule("a", "a")], [], id="nothing to tell"),
        pytest.param(
            [rule("a", "a", MATCH.format("{uri: {prefix: /x}}, {uri: {exact: /x/y}}"))],
            ["spec.http[0].match[1]: shadowed by VirtualService default/a http[0].match[0] (mesh.yaml:"],
            id="shadowed by the entry before",
        ),
        pytest.param(
            [rule("a", "a", "[{route: [{destination: {host: a}}]}, {route: [{destination: {host: b}}]}]")],
            ["spec.http[1]: shadowed by VirtualService default/a http[0] (mesh.yaml:"],
            id="after a catch-all",
        ),
        pytest.param(
            [rule("a", "a", MATCH.format("{headers: {x: {exact: a}}, withoutHeaders: {x: {}}}"))],
            ["spec.http[0].match[0]: no request meets its conditions on header x"],
            id="against itself",
        ),
        pytest.param(
            [rule("a", "a", MATCH.format("{port: 9999, uri: {exact: /x}}"))],
            ["spec.http[0].match[0]: no listener has port 9999 for its hosts: they are reached on 80"],
            id="a port that nobody has",
        ),
        pytest.param(
            [rule("a", "a", MATCH.format("{gateways: [edge], uri: {exact: /x}}")), EDGE],
            ["spec.http[0].match[0]: the rule is in effect at mesh, and none of them is among the gateways"],
            id="a gateway that it does not hang on",
        ),
        pytest.param(
            [rule("a", "a", rest="exportTo: [nowhere]")],
            [": it reaches no proxy: exportTo nowhere reaches no namespace that has a sidecar"],
            id="exported to nobody",
        ),
        pytest.param(
            [
                rule("a", "a", created="2020-01-01T00:00:00Z"),
                rule("z", "a", "[{route: [{destination: {host: b}}]}]", created="2021-01-01T00:00:00Z"),
            ],
            [
                (
                    "conflict-host VirtualService default/z spec.hosts[0]: sidecars take host a.default.svc.cluster.local"
                    " from VirtualService default/a (mesh.yaml:"
                ),
                "it reaches no proxy: for host a.default.svc.cluster.local it is overridden by VirtualService default/a",
            ],
            id="the older rule has the host",
        ),
        pytest.param(
            [rule("a", "a", "[{match: [{uri: {exact: /x}}], route: &r [{destination: {host: a}}]}, {route: *r}]")],
            [
                "redundant VirtualService default/a spec.http[0].match[0]: without it its requests would get just the same"
            ],
            id="the same as the next",
        ),
        pytest.param(
            [
                rule(
                    "a",
                    "a",
                    "[{route: [{destination: {host: a}, weight: 100}, {destination: {host: b}, weight: 0}]}]",
                )
            ],
            ["zero-weight VirtualService default/a spec.http[0].route[1]: weight 0"],
            id="weight 0 among several",
        ),
        pytest.param(
            [rule("a", "a", MATCH.format("{uri: {regex: '/v[0-9]+'}}, {uri: {regex: '/v[0-9]{1,9}'}}"))],
            [
                "undecided VirtualService default/a spec.http[0].match[0]: a regex keeps it from being told whether its",
                "undecided VirtualService default/a spec.http[0].match[1]: a regex",
            ],
            id="a regex that nobody can tell",
        ),
    ],
)
def test_virtual_services(documents, expected):
    found = told(*SERVICES, *documents)
    assert len(found) == len(expected), found
    for line, part in zip(found, expected, strict=True):
        assert part in line


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        pytest.param([EDGE, rule("x", "x.test", to("a"), rest="gateways: [edge]")], [], id="good"),
        pytest.param(
            [EDGE, rule("x", "x.example", to("a"), rest="gateways: [edge]")],
            [": it reaches no proxy: no server has any of its hosts (x.example) for namespace default at Gateway"],
            id="no server has its host",
        ),
        pytest.param(
            [EDGE, rule("x", "x.test", to("a"), rest="gateways: [edge], exportTo: [other]")],
            [": it reaches no proxy: exportTo other does not reach the proxies of Gateway default/edge"],
            id="not exported to the gateway",
        ),
        pytest.param(
            [EDGE, rule("x", "x.test", to("a"), rest="gateways: [nowhere]")],
            [": it reaches no proxy: there is no Gateway default/nowhere"],
            id="no such gateway",
        ),
        pytest.param(
            [
                EDGE,
                EDGE.replace("name: edge,", "name: later, creationTimestamp: '2024-01-01T00:00:00Z',").replace(
                    "protocol: HTTP", "protocol: TCP"
                ),
            ],
            [
                "conflict-port Gateway default/later spec.servers[0]: its port belongs to Gateway default/edge servers[0]",
                "ineffective Gateway default/later spec.servers[0]: its port belongs to Gateway default/edge servers[0]",
            ],
            id="two cannot share a port",
        ),
        pytest.param(
            [
                EDGE.replace("hosts: [", "tls: {httpsRedirect: true}, hosts: ["),
                rule("x", "x.test", to("a"), rest="gateways: [edge]"),
            ],
            ["spec.http[0]: every request is redirected to https before a route is looked for"],
            id="only redirects",
        ),
    ],
)
def test_gateways(documents, expected):
    found = told(*SERVICES, *documents)
    assert len(found) == len(expected), found
    for line, part in zip(found, expected, strict=True):
        assert part in line


POLICY = "trafficPolicy: {loadBalancer: {simple: RANDOM}}"
SUBSETS = "subsets: [{name: v1, labels: {version: v1}}]"
WORKLOAD = (
    "apiVersion: pidalio.dev/v1\nkind: LocalWorkload\nmetadata: {name: c}\n"
    "spec: {labels: {app: other}, command: [sleep, '9'], ports: [{name: http, port: 80}]}\n"
)


def _selecting(name: str, labels: str, host: str) -> str:
    return document(
        "DestinationRule", name, f"{{host: {host}, {POLICY}, workloadSelector: {{matchLabels: {{{labels}}}}}}}"
    )


def _unselecting(name: str, host: str) -> str:
    return document("DestinationRule", name, f"{{host: {host}, {POLICY}}}")


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        pytest.param([document("DestinationRule", "a", f"{{host: a, {POLICY}, {SUBSETS}}}")], [], id="good"),
        pytest.param(
            [
                document("DestinationRule", "a", f"{{host: a, {POLICY}}}"),
                document("DestinationRule", "b", f"{{host: a, {POLICY}, {SUBSETS}}}"),
            ],
            ["conflict-traffic-policy DestinationRule default/b spec.trafficPolicy: the policy of DestinationRule"],
            id="two policies",
        ),
        pytest.param(
            [
                document("DestinationRule", "a", f"{{host: a, {SUBSETS}}}"),
                document("DestinationRule", "b", f"{{host: a, {SUBSETS}}}"),
            ],
            [
                "conflict-subset DestinationRule default/b spec.subsets[0]: subset v1 is that of DestinationRule default/a"
            ],
            id="a subset defined twice",
        ),
        pytest.param(
            [
                document("DestinationRule", "a", f"{{host: '*.default.svc.cluster.local', {POLICY}}}"),
                document("DestinationRule", "b", f"{{host: a, {POLICY}}}"),
                document("DestinationRule", "c", f"{{host: b, {POLICY}}}"),
            ],
            [
                "conflict-destination-rule DestinationRule default/a spec.host: every client takes DestinationRule",
                "ineffective DestinationRule default/a spec.host: for *.default.svc.cluster.local it is overridden by",
            ],
            id="wider than all others",
        ),
        pytest.param(
            [document("DestinationRule", "a", f"{{host: a.default.svc.cluster.local, {POLICY}}}", "elsewhere")],
            [],
            id="for clients of its own namespace",
        ),
        pytest.param(
            [
                document(
                    "DestinationRule",
                    "a",
                    f"{{host: a.default.svc.cluster.local, {POLICY}, exportTo: [nowhere]}}",
                    "istio-system",
                )
            ],
            ["ineffective DestinationRule istio-system/a spec.host: no client of a.default.svc.cluster.local looks"],
            id="exported to nobody",
        ),
        pytest.param([_selecting("a", "app: x", "a"), _unselecting("b", "a")], [], id="selected, and all others"),
        pytest.param(
            [_selecting("a", "app: x", "a"), WORKLOAD],
            ["no client of namespace default has app=x; it only keeps clients there from rules for a.default.svc"],
            id="selects nobody, and takes the host",
        ),
        pytest.param(
            [_selecting("a", "app: x", "a"), _unselecting("b", "a"), WORKLOAD],
            ["ineffective DestinationRule default/a spec.workloadSelector: no client of namespace default has app=x"],
            id="selects nobody",
        ),
        pytest.param(
            [_selecting("a", "app: x", "a"), _selecting("b", "tier: y", "a"), WORKLOAD.replace("other", "x, tier: y")],
            [
                "instead: it selects them too, and is older",
                "ineffective DestinationRule default/b spec.host",
            ],
            id="selected by two",
        ),
        pytest.param(
            [_selecting("a", "app: x", "a"), _unselecting("b", "a"), WORKLOAD.replace("other", "x")],
            [
                "instead: it selects them by their labels",
                "ineffective DestinationRule default/b spec.host",
            ],
            id="all are selected",
        ),
    ],
)
def test_destination_rules(documents, expected):
    found = told(*SERVICES, *documents)
    assert len(found) == len(expected), found
    for line, part in zip(found, expected, strict=True):
        assert part in line


POD = "status: {podIP: 10.1.1.1}\n"


def pod(name: str, namespace: str = "default", **labels: str) -> str:
    text = ", ".join(f"{key}: {value}" for key, value in labels.items())
    return document("Pod", name, POD, namespace, more=f"labels: {{{text}}}")


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        pytest.param(
            [
                document(
                    "Sidecar",
                    "s",
                    "{egress: [{port: {number: 80, name: h, protocol: HTTP}, captureMode: NONE, hosts: ['./*']}, "
                    "{port: {number: 90, name: t, protocol: TCP}, hosts: ['./*']}]}",
                )
            ],
            [
                (
                    "ineffective Sidecar default/s spec.egress[1]: no workload has its connections redirected, so that this "
                    "port takes none; captureMode: NONE binds it"
                )
            ],
            id="captured by nobody",
        ),
        pytest.param([document("Sidecar", "s", "{egress: [{hosts: ['./*']}]}")], [], id="good"),
        pytest.param(
            [
                document("Sidecar", "s", "{egress: [{hosts: ['./*']}]}"),
                document("Sidecar", "t", "{egress: [{hosts: ['*/*']}]}"),
            ],
            [
                "conflict-sidecar Sidecar default/t : for its workloads Sidecar default/s",
                "ineffective Sidecar default/t : all workloads that it could be for have another: Sidecar default/s",
            ],
            id="two without selector",
        ),
        pytest.param(
            [
                (
                    "apiVersion: pidalio.dev/v1\nkind: LocalWorkload\nmetadata: {name: a-v1}\n"
                    "spec: {labels: {app: a}, command: [sleep, '9'], ports: [{name: http, port: 80}]}\n"
                ),
                document("Sidecar", "s", "{workloadSelector: {labels: {app: nobody}}, egress: [{hosts: ['./*']}]}"),
            ],
            [
                "ineffective Sidecar default/s spec.workloadSelector: its selector picks no workload of namespace default"
            ],
            id="a selector that picks nobody",
        ),
        pytest.param(
            [
                document(
                    "Sidecar",
                    "s",
                    "{egress: [{port: {number: 15001, name: x, protocol: HTTP}, captureMode: NONE, hosts: ['./*']}]}",
                )
            ],
            ["conflict-port Sidecar default/s spec.egress[0]: the sidecar of"],
            id="a port that the sidecar has",
        ),
        pytest.param(
            [entry("e", "e.test", "default", "exportTo: [nowhere]")],
            ["ineffective ServiceEntry default/e spec.hosts[0]: no proxy sees e.test: its exportTo is nowhere"],
            id="a service that nobody sees",
        ),
        pytest.param(
            [entry("e", "e.test"), entry("f", "e.test")],
            ["conflict-service ServiceEntry default/f spec.hosts[0]: e.test is declared by ServiceEntry default/e"],
            id="a service declared twice",
        ),
        pytest.param(
            [entry("e", "e.test", rest="addresses: [240.0.0.1]"), entry("f", "f.test", rest="addresses: [240.0.0.1]")],
            ["conflict-address ServiceEntry default/f spec.hosts[0]: address 240.0.0.1 stands for e.test"],
            id="one address twice",
        ),
        pytest.param(
            [document("WorkloadEntry", "w", "{address: 10.1.1.1, labels: {app: nobody}}")],
            ["ineffective WorkloadEntry default/w spec.labels: no service of namespace default selects its labels"],
            id="an instance of nothing",
        ),
        pytest.param(
            [
                document("WorkloadEntry", "w", "{address: 10.1.1.1, labels: {app: e}}"),
                entry("e", "e.test", rest="workloadSelector: {labels: {app: e}}"),
            ],
            [],
            id="an instance of a service",
        ),
    ],
)
def test_others(documents, expected):
    found = told(*SERVICES, *documents)
    assert len(found) == len(expected), found
    for line, part in zip(found, expected, strict=True):
        assert part in line


def test_status_counts_proxies():
    found = surveyed(
        *SERVICES,
        EDGE,
        rule("x", "x.test", to("a"), rest="gateways: [edge]"),
        rule("a", "a", MATCH.format("{sourceNamespace: other, uri: {exact: /x}}"), rest="exportTo: ['.', other]"),
        pod("p1", "default", app="x"),
        pod("p2", "default", app="x"),
        pod("p3", "other", app="y"),
        pod("p4", "third", app="y"),
    )
    assert status(found, "VirtualService", "x").effective_on == 2  # the gateway, in its own namespace and in the root's
    one = status(found, "VirtualService", "a")
    assert one.compiled
    assert one.effective_on == one.proxies - 3  # not the gateways, nor the caller of the third namespace
    assert status(found, "Service", "a").effective_on == one.proxies
    assert status(found, "Pod", "p1").effective_on is None


LEADS = "route: [{destination: {host: a}}]"


def test_names_of_tls_rules_shadow_only_equal_ones():
    hosts, leads = "hosts: [a.test, b.test]", "route: [{destination: {host: b.test}}]"
    found = told(
        entry("t", "a.test, b.test", "default", "resolution: DNS", ports="443/tls"),
        document(
            "VirtualService",
            "t",
            f"{{{hosts}, tls: [{{match: [{{sniHosts: [a.test]}}], {leads}}}, "
            f"{{match: [{{sniHosts: [b.test], destinationSubnets: [10.1.0.0/16]}}], {leads}}}, "
            f"{{match: [{{sniHosts: [a.test]}}], {leads}}}]}}",
        ),
    )
    assert [line.partition(" (mesh")[0].removeprefix("ineffective VirtualService default/t ") for line in found] == [
        "spec.tls[1]: its hosts have no port that takes such connections at an address of its ranges",
        "spec.tls[2]: shadowed by VirtualService default/t tls[0].match[0]",
    ]


def test_connections_of_a_gateways_port_follow_one_rule():
    port = "{number: 9000, name: tcp, protocol: TCP}"
    found = told(
        *SERVICES,
        document("Gateway", "g", f"{{selector: {{app: edge}}, servers: [{{port: {port}, hosts: ['*']}}]}}"),
        document("VirtualService", "t", f"{{hosts: ['*'], gateways: [g], tcp: [{{{LEADS}}}, {{{LEADS}}}]}}"),
        document("VirtualService", "u", f"{{hosts: ['*'], gateways: [g], tcp: [{{{LEADS}}}]}}"),
    )
    assert [line.partition(" (mesh")[0].removeprefix("ineffective VirtualService default/") for line in found] == [
        "t spec.tcp[1]: shadowed by VirtualService default/t tcp[0]",
        "u : it reaches no proxy: connections to its ports go by VirtualService default/t tcp[0]",
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(f"tcp: [{{match: [{{port: 9000}}], {LEADS}}}]", [], id="good"),
        pytest.param(
            f"tcp: [{{match: [{{port: 9001}}], {LEADS}}}, {{{LEADS}}}]",
            ["ineffective VirtualService default/t spec.tcp[0]: its port, gateways or source hold for no caller"],
            id="a port that nobody has",
        ),
        pytest.param(
            f"tcp: [{{{LEADS}}}, {{{LEADS}}}]",
            ["ineffective VirtualService default/t spec.tcp[1]: shadowed by VirtualService default/t tcp[0]"],
            id="after one that takes all",
        ),
        pytest.param(
            f"tls: [{{match: [{{sniHosts: [t.default.svc.cluster.local]}}], {LEADS}}}], tcp: [{{{LEADS}}}]",
            ["ineffective VirtualService default/t spec.tls[0]: its hosts have no port that takes such connections"],
            id="tls rules for a port without",
        ),
        pytest.param(
            f"tcp: [{{match: [{{destinationSubnets: [10.1.0.0/16]}}], {LEADS}}}, {{{LEADS}}}]",
            [
                "ineffective VirtualService default/t spec.tcp[0]: its hosts have no port that takes such connections at an"
            ],
            id="ranges that hold no address of the host",
        ),
        pytest.param(
            f"tcp: [{{match: [{{destinationSubnets: [10.96.0.0/16]}}], {LEADS}}}, {{{LEADS}}}]",
            [
                "ineffective VirtualService default/t spec.tcp[1]: its hosts have no port that takes such connections, or"
            ],
            id="a range that holds the host's one address",
        ),
    ],
)
def test_rules_for_connections(spec, expected):
    found = told(
        *SERVICES,
        service("t", ports="9000/tcp", address="10.96.0.9"),
        document("VirtualService", "t", f"{{hosts: [t.default.svc.cluster.local], {spec}}}"),
    )
    assert len(found) == len(expected), found
    for line, part in zip(found, expected, strict=True):
        assert part in line


def test_an_alias_counts_for_what_it_stands_for():
    alias = document("Service", "z", "{type: ExternalName, externalName: a.default.svc.cluster.local}")
    found = surveyed(*SERVICES, alias)
    assert status(found, "Service", "z").effective_on == status(found, "Service", "a").effective_on == 1
    (line,) = told(*SERVICES, alias, rule("z", "z", to("a")))
    assert "z.default.svc.cluster.local is a second name of a.default.svc.cluster.local" in line


def test_a_survey_adds_nothing_to_what_a_change_computes():
    """What a changed rule runs is the same after everything was looked at as before."""
    found = mesh(*SERVICES, rule("a", "a"), rule("b", "b", to("a")))
    told_of: list[object] = []
    views = Distribution(found.world, lambda view, names, generation: told_of.append(names))
    proxy = found.proxy("sidecar~10.0.0.7~web.default~default.svc.cluster.local")
    view = views.open(proxy)
    for kind in view.holdings:
        for name in view.names(kind):
            view.get(kind, name)

    def changed(host: str) -> list[str]:
        text = "\n---\n".join((*SERVICES, rule("a", "a", to(host)), rule("b", "b", to("a"))))
        edits = found.catalog.replace_all("files", {"mesh.yaml": load(text, "mesh.yaml")}).edits
        return sorted(name for name, _ in views.apply(edits).ran)

    changed("b")
    before = changed("a")
    survey(found.world, [proxy], found.objects())
    assert changed("b") == before


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="explicit"),
        pytest.param({"interception": Interception.REDIRECT, "outbound": ""}, id="redirected"),
        pytest.param({"delivery": Delivery.TABLES}, id="whole tables"),
        pytest.param({"interception": Interception.TPROXY, "outbound": "", "delivery": Delivery.TABLES}, id="both"),
    ],
)
def test_it_does_not_matter_how_proxies_are_reached(changes):
    found = mesh(
        *SERVICES,
        service("t", ports="9000/tcp", address="10.96.0.9"),
        rule("a", "a", MATCH.format("{uri: {prefix: /x}}, {uri: {exact: /x/y}}, {port: 81, uri: {exact: /z}}")),
        document("VirtualService", "t", f"{{hosts: [t], tcp: [{{match: [{{port: 9000}}], {LEADS}}}, {{{LEADS}}}]}}"),
        document("VirtualService", "u", f"{{hosts: [t], tcp: [{{{LEADS}}}, {{{LEADS}}}]}}"),
    )
    proxies = [msgspec.structs.replace(sidecar(), **changes)]
    told_of = {
        (one.object.name, one.code, one.path) for one in survey(found.world, proxies, found.objects()).findings()
    }
    assert told_of == {
        ("a", "ineffective", "http[0].match[1]"),
        ("a", "ineffective", "http[0].match[2]"),
        ("t", "ineffective", "tcp[1]"),
        ("u", "conflict-host", "hosts[0]"),
        ("u", "ineffective", ""),
    }


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("", "", "to port 90 of every address go to a.test of ServiceEntry default/a", id="no addresses"),
        pytest.param(
            "addresses: [10.0.0.0/8]",
            "addresses: [10.0.0.0/8]",
            "to port 90 of range 10.0.0.0/8 go to a.test of ServiceEntry default/a",
            id="one range",
        ),
        pytest.param("addresses: [10.0.0.0/8]", "addresses: [11.0.0.0/8]", "", id="two ranges"),
        pytest.param("addresses: [10.0.0.0/8]", "", "", id="a range and the rest"),
    ],
)
def test_of_two_services_that_redirected_connections_cannot_tell_apart_one_loses(first, second, expected):
    found = mesh(entry("a", "a.test", rest=first, ports="90/tcp"), entry("b", "b.test", rest=second, ports="90/tcp"))
    proxy = msgspec.structs.replace(sidecar(), interception=Interception.REDIRECT, outbound="")
    lines = survey(found.world, [proxy], found.objects()).reports(found.catalog.place)
    told_of = [(str(one.object), one.message) for one in lines if one.code == "conflict-address"]
    assert len(told_of) == bool(expected), told_of
    assert all(who == "ServiceEntry default/b" and expected in message for who, message in told_of)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("http", "mongo", "ServiceEntry default/b: port 90 of 0.0.0.0 is that of a.test of ServiceEntry default/a"),
        ("mysql", "grpc", "ServiceEntry default/b: port 90 of 0.0.0.0 is that of a.test of ServiceEntry default/a"),
        ("http", "http", ""),
        ("mongo", "mongo", "ServiceEntry default/b: redirected connections to port 90 of every address go to a.test"),
        ("http", "redis", ""),
        ("http", "tcp", ""),
        ("tcp", "http", ""),
    ],
)
def test_of_two_services_that_cannot_share_a_port_one_loses(first, second, expected):
    found = mesh(entry("a", "a.test", ports=f"90/{first}"), entry("b", "b.test", ports=f"90/{second}"))
    proxy = msgspec.structs.replace(sidecar(), interception=Interception.REDIRECT, outbound="")
    lines = survey(found.world, [proxy], found.objects()).reports(found.catalog.place)
    told_of = [f"{one.object}: {one.message}" for one in lines if one.code == "conflict-address"]
    assert len(told_of) == bool(expected), told_of
    assert all(one.startswith(expected) for one in told_of), told_of


def test_services_that_share_no_port_are_not_told():
    found = mesh(
        entry("a", "a.test", ports="90/http"),
        entry("b", "b.test", rest="addresses: [10.1.1.1]", ports="90/mongo"),
        entry("c", "c.test", ports="91/mongo"),
    )
    proxy = msgspec.structs.replace(sidecar(), interception=Interception.REDIRECT, outbound="")
    assert [one.code for one in survey(found.world, [proxy], found.objects()).reports(found.catalog.place)] == []


def _regexes(count: int) -> str:
    """Return a rule with so many matches, none of which can be told: each comes after others like it."""
    digits = ", ".join(f"{{uri: {{regex: '/v[0-9]{{1,{9 + at}}}'}}}}" for at in range(count - 1))
    return rule("a", "a", MATCH.format(f"{{uri: {{regex: '/v[0-9]+'}}}}, {digits}"))


def test_many_parts_that_cannot_be_told_are_one_line():
    found = mesh(service("a"), _regexes(40))
    told_of = found.survey()
    few = [one for one in told_of.reports(found.catalog.place) if one.code == "undecided"]
    every = [one for one in told_of.reports(found.catalog.place, each=True) if one.code == "undecided"]
    assert len(every) == len({one.path for one in every}) == 40
    assert len(few) == 1
    assert (few[0].path, few[0].place) == ("spec.http[0].match[0]", every[0].place)
    assert few[0].message.startswith(every[0].message)
    assert "; nor of 39 more parts, VirtualService default/a http[0].match[1] (" in few[0].message
    assert "http[0].match[2] (" in few[0].message


def test_few_parts_that_cannot_be_told_are_told_each():
    found = mesh(service("a"), _regexes(3))
    told_of = found.survey()
    assert told_of.reports(found.catalog.place) == told_of.reports(found.catalog.place, each=True)
    assert [one.code for one in told_of.findings()] == ["undecided"] * 3


def test_a_rule_hidden_by_one_for_selected_clients_is_told():
    found = told(service("a"), _selecting("a", "app: x", "a"), _unselecting("b", "'*.svc.cluster.local'"), WORKLOAD)
    assert [one.partition(":")[0] for one in found] == [
        "conflict-destination-rule DestinationRule default/a spec.workloadSelector",
        "ineffective DestinationRule default/b spec.host",
    ]
    assert "clients take no rule: one with a workloadSelector is for a more specific host" in found[1]


_POSTED = "trafficPolicy: {tunnel: {protocol: POST, targetHost: x.test, targetPort: 1}}"


@pytest.mark.parametrize(
    ("policy", "port", "expected"),
    [
        (_POSTED, "tcp", ["no-tunnel-by-post DestinationRule default/a spec.trafficPolicy.tunnel.protocol"]),
        (_POSTED, "http", ["ineffective DestinationRule default/a spec.trafficPolicy.tunnel"]),
        (_POSTED.replace("POST", "CONNECT"), "tcp", []),
    ],
)
def test_tunnels_that_callers_of_a_proxy_cannot_have_are_told(policy, port, expected):
    found = told(
        entry("e", "e.test", ports=f"90/{port}"), document("DestinationRule", "a", f"{{host: e.test, {policy}}}")
    )
    assert [one.partition(":")[0] for one in found] == expected


def test_tunnels_of_redirected_connections_are_all_made():
    found = mesh(entry("e", "e.test", ports="90/tcp"), document("DestinationRule", "a", f"{{host: e.test, {_POSTED}}}"))
    proxy = msgspec.structs.replace(sidecar(), interception=Interception.REDIRECT, outbound="")
    assert survey(found.world, [proxy], found.objects()).reports(found.catalog.place) == ()


_PORTS = "portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}, {port: {number: 8080}, loadBalancer: {simple: RANDOM}}]"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (f"trafficPolicy: {{{_PORTS}}}", ["spec.trafficPolicy.portLevelSettings[1].port"]),
        (
            f"subsets: [{{name: v1, trafficPolicy: {{{_PORTS}}}}}]",
            ["spec.subsets[0].trafficPolicy.portLevelSettings[1].port"],
        ),
    ],
)
def test_ports_of_policies_that_no_service_has_are_told(spec, expected):
    found = mesh(service("a"), document("DestinationRule", "a", f"{{host: a, {spec}}}"))
    lines = [one for one in found.survey().reports(found.catalog.place) if one.code == "ineffective"]
    assert [one.path for one in lines] == expected
    assert lines[0].message.startswith("no service of this host has port 8080: write a service's port (80)")


def test_a_port_that_one_of_several_services_has_is_not_told():
    stated = f"{{host: '*.default.svc.cluster.local', trafficPolicy: {{{_PORTS}}}}}"
    assert told(service("a"), service("b", ports="8080"), document("DestinationRule", "a", stated)) == []
