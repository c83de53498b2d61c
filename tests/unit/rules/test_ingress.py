"""Kubernetes Ingress: which ones count, and the routes that they come to (reference §2.5, §2.15)."""

import pytest
from tests.unit.rules.world import document, listeners, mesh, mesh_config, plans, router, sent_to, service, told

from pidalio.api.kubernetes import HTTPIngressPath
from pidalio.ir import DirectResponsePlan, ForwardPlan, PathKind
from pidalio.model import Proxy
from pidalio.rules.ingress import path_match
from pidalio.server.offline import OfflineMesh

EDGE = router(istio="ingressgateway")
OURS = "istio.io/ingress-controller"
ANNOTATED = "annotations: {kubernetes.io/ingress.class: istio}"


def path(target: str, where: str = "/", kind: str = "Prefix", port: str = "number: 80") -> str:
    backend = f"{{service: {{name: {target}, port: {{{port}}}}}}}"
    return f"{{path: '{where}', pathType: {kind}, backend: {backend}}}"


def ingress(name: str, *paths: str, host: str = "a.com", spec: str = "", more: str = ANNOTATED, **meta: str) -> str:
    own = f", host: {host}" if host else ""
    rules = f"rules: [{{http: {{paths: [{', '.join(paths)}]}}{own}}}]"
    return document(
        "Ingress", name, f"{{{rules}{', ' + spec if spec else ''}}}", group="networking.k8s.io/v1", more=more, **meta
    )


def ingress_class(name: str, controller: str = OURS, more: str = "") -> str:
    return document("IngressClass", name, f"{{controller: {controller}}}", group="networking.k8s.io/v1", more=more)


def routes(found: OfflineMesh, host: str = "a.com") -> list[tuple[str, str, str]]:
    (table,) = plans(found, EDGE).tables
    (chosen,) = (one for one in table.virtual_hosts if one.domains == (host,))
    return [
        (one.match.path.kind.value, one.match.path.value, sent_to(one).split("|")[3].partition(".")[0])
        for one in chosen.routes
    ]


def only_action(found: OfflineMesh, proxy: Proxy) -> ForwardPlan:
    (table,) = plans(found, proxy).tables
    (action,) = (one.action for host in table.virtual_hosts for one in host.routes)
    assert isinstance(action, ForwardPlan)
    return action


class TestWhichCount:
    @pytest.mark.parametrize(
        ("mode", "spec", "more", "classes", "expected"),
        [
            ("STRICT", "", "", (), False),
            ("STRICT", "", ANNOTATED, (), True),
            ("STRICT", "", "annotations: {kubernetes.io/ingress.class: nginx}", (), False),
            ("STRICT", "", "annotations: {kubernetes.io/ingress.class: ''}", (), False),
            ("STRICT", "ingressClassName: mine", "", (), False),
            ("STRICT", "ingressClassName: mine", "", (ingress_class("mine"),), True),
            ("STRICT", "ingressClassName: mine", "", (ingress_class("mine", "nginx.org/c"),), False),
            (
                "STRICT",
                "",
                "",
                (ingress_class("d", more="annotations: {ingressclass.kubernetes.io/is-default-class: 'true'}"),),
                True,
            ),
            ("DEFAULT", "", "", (), True),
            ("DEFAULT", "", "annotations: {kubernetes.io/ingress.class: ''}", (), True),
            ("DEFAULT", "", "annotations: {kubernetes.io/ingress.class: nginx}", (), False),
            ("OFF", "", ANNOTATED, (), False),
            ("OFF", "", "", (), False),
            ("OFF", "ingressClassName: mine", "", (ingress_class("mine"),), False),
        ],
    )
    def test_by_class_annotation_and_mode(self, mode, spec, more, classes, expected):
        one = ingress("one", path("web"), spec=spec, more=more)
        found = mesh(service("web"), one, *classes, mesh_config(f"{{ingressControllerMode: {mode}}}"))
        assert bool(listeners(found, EDGE)) is expected
        assert bool(told(found, "foreign-ingress")) is not expected

    def test_the_mesh_names_class_and_proxies(self):
        config = mesh_config("{ingressClass: mine, ingressSelector: edge}")
        own = ingress("one", path("web"), more="annotations: {kubernetes.io/ingress.class: mine}")
        found = mesh(service("web"), own, config)
        assert not listeners(found, EDGE)
        assert [(one.name, one.requested_port) for one in listeners(found, router(istio="edge")).values()] == [
            ("0.0.0.0_80", 80)
        ]

    @pytest.mark.parametrize(
        ("config", "label"),
        [
            ("", "ingressgateway"),
            ("ingressService: istio-ingressgateway", "ingressgateway"),
            ("ingressService: edge", "edge"),
            ("ingressService: edge, ingressSelector: chosen", "chosen"),
        ],
    )
    def test_the_name_of_the_service_stands_for_the_label_of_its_proxies(self, config, label):
        found = mesh(service("web"), ingress("one", path("web")), mesh_config(f"{{{config}}}"))
        opened = [one for one in ("ingressgateway", "edge", "chosen") if listeners(found, router(istio=one))]
        assert opened == [label]


class TestRoutes:
    def test_the_longest_path_comes_first_and_an_exact_one_before_a_prefix(self):
        found = mesh(
            *(service(name) for name in ("one", "two", "three", "four")),
            ingress("old", path("one"), path("two", "/a/b"), created="2024-01-01T00:00:00Z"),
            ingress("new", path("three", "/a/b", "Exact"), path("four", "/a"), created="2024-01-02T00:00:00Z"),
        )
        assert routes(found) == [
            ("exact", "/a/b", "three"),
            ("segments", "/a/b", "two"),
            ("segments", "/a", "four"),
            ("segments", "/", "one"),
        ]

    @pytest.mark.parametrize(
        ("kind", "written", "expected"),
        [
            ("Exact", "/a", (PathKind.EXACT, "/a")),
            ("Prefix", "/a/", (PathKind.SEGMENTS, "/a/")),
            ("ImplementationSpecific", "/a", (PathKind.EXACT, "/a")),
            ("ImplementationSpecific", "/a/*", (PathKind.SEGMENTS, "/a")),
            ("ImplementationSpecific", "/a.*", (PathKind.SEGMENTS, "/a")),
            ("ImplementationSpecific", "/*", (PathKind.SEGMENTS, "/")),
            ("ImplementationSpecific", "", (PathKind.SEGMENTS, "/")),
            ("", "/a", (PathKind.EXACT, "/a")),
        ],
    )
    def test_path_types(self, kind, written, expected):
        found = path_match(HTTPIngressPath(written, kind))
        assert (found.kind, found.value) == expected

    def test_backends_hash_as_their_rule_says_to_whom_it_says_it(self):
        by_header = "trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}"
        shared = document("DestinationRule", "web", f"{{host: web, {by_header}}}")
        own = document("DestinationRule", "web", f"{{host: web.default.svc.cluster.local, {by_header}}}", "edges")
        one = ingress("one", path("web"))
        for rule, namespace, expected in (
            (shared, "default", ["x-user"]),
            (own, "edges", ["x-user"]),
            (own, "default", []),
        ):
            action = only_action(mesh(service("web"), one, rule), router(namespace, istio="ingressgateway"))
            assert [each.name for each in action.hashes] == expected
            assert action.retry.avoid_previous_hosts is not bool(expected)

    def test_a_backend_that_is_an_alias_is_the_service_it_stands_for(self):
        alias = document("Service", "alias", "{type: ExternalName, externalName: web.default.svc.cluster.local}")
        found = mesh(service("web"), alias, ingress("one", path("alias")))
        assert routes(found) == [("segments", "/", "web")]

    def test_a_rule_without_host_is_for_all_hosts(self):
        assert routes(mesh(service("web"), ingress("one", path("web"), host="")), "*") == [("segments", "/", "web")]

    def test_backends_by_the_name_of_a_port(self):
        found = mesh(service("web", ports="80 9090/grpc"), ingress("one", path("web", port="name: grpc-9090")))
        (table,) = plans(found, EDGE).tables
        (host,) = (one for one in table.virtual_hosts if one.domains == ("a.com",))
        assert sent_to(host.routes[0]) == "outbound|9090||web.default.svc.cluster.local"

    @pytest.mark.parametrize(
        ("backend", "code"),
        [(path("none"), "unknown-host"), (path("web", port="number: 81"), "unknown-port")],
    )
    def test_what_is_missing_answers_500_and_is_told(self, backend, code):
        found = mesh(service("web"), ingress("one", backend, path("web", "/ok")))
        (table,) = plans(found, EDGE).tables
        (host,) = (one for one in table.virtual_hosts if one.domains == ("a.com",))
        answer = host.routes[-1].action
        assert isinstance(answer, DirectResponsePlan)
        assert answer.status == 500
        assert told(found, code)

    def test_a_default_backend_takes_what_nothing_else_takes(self):
        spec = "defaultBackend: {service: {name: rest, port: {number: 80}}}"
        found = mesh(service("web"), service("rest"), ingress("one", path("web", "/web"), spec=spec))
        assert routes(found) == [("segments", "/web", "web"), ("segments", "/", "rest")]
        assert routes(found, "*") == [("segments", "/", "rest")]

    def test_a_backend_that_is_no_service_is_refused_by_name(self):
        bucket = "{path: /, pathType: Prefix, backend: {resource: {kind: Bucket, name: b}}}"
        assert "backend" in str(told(mesh(service("web"), ingress("one", path("web"), bucket)), "refused-field"))


def test_rules_and_ingresses_for_one_host_are_put_together():
    rule = document(
        "VirtualService",
        "own",
        "{hosts: [a.com], gateways: [edge], http: [{match: [{uri: {prefix: /own}}], "
        "route: [{destination: {host: two}}]}, {route: [{destination: {host: three}}]}]}",
        created="2024-01-02T00:00:00Z",
    )
    edge = document(
        "Gateway",
        "edge",
        "{selector: {istio: ingressgateway}, "
        "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
    )
    found = mesh(
        *(service(name) for name in ("one", "two", "three")),
        edge,
        rule,
        ingress("first", path("one", "/ing"), created="2024-01-01T00:00:00Z"),
    )
    assert [target for _, _, target in routes(found)] == ["one", "two", "three"]
