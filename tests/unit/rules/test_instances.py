"""Headless services, whose instances are called one by one, and services that are served on the caller's node."""

import pytest
from tests.unit.rules.world import (
    clusters,
    document,
    domain_owners,
    endpoints,
    entry,
    hosts,
    mesh,
    plans,
    routes,
    rule,
    sent_to,
    service,
    sidecar,
)

WEB = "web.default.svc.cluster.local"


def headless(name: str = "web", ports: str = "{port: 80, name: http}", more: str = "") -> str:
    return document("Service", name, f"{{clusterIP: None, ports: [{ports}]{more}}}")


def slice_of(*instances: str, name: str = "web") -> str:
    """Return an EndpointSlice; an instance is `hostname address`, `-` for no hostname."""
    listed = ", ".join(
        f"{{addresses: [{where}]{'' if own == '-' else f', hostname: {own}'}}}"
        for own, _, where in (one.partition(" ") for one in instances)
    )
    return (
        f"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}, namespace: default, "
        f"labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: IPv4\n"
        f"ports: [{{name: http, port: 8080}}]\nendpoints: [{listed}]\n"
    )


def pod(name: str, address: str, spec: str = "", labels: str = "app: web", status: str = "") -> str:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default, labels: {{{labels}}}}}\n"
        f"spec: {{{spec}}}\nstatus: {{podIP: {address}{status}}}\n"
    )


class TestHeadless:
    def test_each_instance_is_a_destination(self):
        found = mesh(headless(), slice_of("web-0 10.0.0.1", "web-1 10.0.0.2"))
        assert endpoints(found, f"outbound|80||{WEB}") == ["10.0.0.1:8080", "10.0.0.2:8080"]
        assert endpoints(found, f"outbound|80||web-1.{WEB}") == ["10.0.0.2:8080"]
        (only,) = routes(found, f"web-1.{WEB}:80")
        assert sent_to(only) == f"outbound|80||web-1.{WEB}"

    def test_it_is_called_by_every_form_of_its_name(self):
        owners = domain_owners(mesh(headless(), slice_of("web-0 10.0.0.1")))
        names = (WEB, f"{WEB}.", "web.default", "web.default.svc", "web")
        assert {owners[f"web-0.{name}"] for name in names} == {f"web-0.{WEB}:80"}
        assert {owners[f"*.{name}:80"] for name in names} == {f"*.{WEB}:80"}
        assert "web-0.web" not in domain_owners(mesh(headless(), slice_of("web-0 10.0.0.1")), sidecar("far"))

    def test_a_name_that_no_instance_has_is_refused(self):
        (only,) = routes(mesh(headless(), slice_of("web-0 10.0.0.1")), f"*.{WEB}:80")
        assert only.action.status == 503
        assert "no instance" in only.action.reason

    def test_services_with_an_address_have_no_such_names(self):
        found = mesh(service("web", address="10.1.1.1"), slice_of("web-0 10.0.0.1"))
        assert set(hosts(found)) == {f"{WEB}:80"}
        assert set(clusters(found)) == {f"outbound|80||{WEB}"}

    @pytest.mark.parametrize(
        ("instances", "names"),
        [
            ((slice_of("- 10.0.0.1"),), set()),
            ((pod("web-0", "10.0.0.1"), pod("web-1", "10.0.0.2", "hostname: own")), {"web-0", "own"}),
            ((slice_of("web.0 10.0.0.1", "UPPER 10.0.0.2", "ok 10.0.0.3"),), {"ok"}),
        ],
    )
    def test_where_names_come_from(self, instances, names):
        found = mesh(headless(more=", selector: {app: web}"), *instances)
        assert {name.split("|")[3].split(".")[0] for name in clusters(found)} == {"web", *names}

    def test_rules_for_the_service_hold_for_its_instances(self):
        http = (
            "[{match: [{uri: {prefix: /one}}], route: [{destination: {host: one.com}}]}, "
            "{match: [{uri: {prefix: /v1}}], route: [{destination: {host: web, subset: v1}}]}, "
            "{route: [{destination: {host: web}, weight: 9}, {destination: {host: one.com}, weight: 1}]}]"
        )
        found = mesh(headless(), slice_of("web-0 10.0.0.1"), entry("one", "one.com"), rule("web", "web", http))
        one, v1, rest = routes(found, f"web-0.{WEB}:80")
        assert sent_to(one) == "outbound|80||one.com"
        assert sent_to(v1) == f"outbound|80|v1|{WEB}"
        assert sent_to(rest) == {f"outbound|80||web-0.{WEB}": 9, "outbound|80||one.com": 1}

    def test_policies_of_the_service_hold_for_its_instances(self):
        policy = document(
            "DestinationRule", "web", "{host: web, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}}"
        )
        found = clusters(mesh(headless(), slice_of("web-0 10.0.0.1"), policy))
        assert {one.connect_timeout for one in found.values()} == {3000}

    def test_a_host_of_its_own_beats_an_instances_name(self):
        found = mesh(
            headless(),
            slice_of("web-0 10.0.0.1", "web-1 10.0.0.2"),
            entry("taken", f"web-0.{WEB}"),
            rule("short", "web-1.web.default", "[{directResponse: {status: 418}}]"),
            document("Service", "web-1", "{ports: [{port: 80, name: http}]}", "web"),
        )
        owners = domain_owners(found)
        assert owners[f"web-0.{WEB}"] == f"web-0.{WEB}:80"
        assert [one.name for one in plans(found).clusters].count(f"outbound|80||web-0.{WEB}") == 1
        assert endpoints(found, f"outbound|80||web-0.{WEB}") == ["10.0.0.1:80"]
        assert owners["web-1.web.default"] == "web-1.web.default:80"
        assert owners["web-1.web"] == "web-1.web.svc.cluster.local:80"

    def test_a_rule_for_every_name_below_governs_the_names_that_no_instance_has(self):
        wild = rule("wild", f"'*.{WEB}'", "[{directResponse: {status: 419}}]")
        found = mesh(headless(), slice_of("web-0 10.0.0.1"), wild)
        assert routes(found, f"*.{WEB}:80")[0].action.status == 419
        assert sent_to(routes(found, f"web-0.{WEB}:80")[0]) == f"outbound|80||web-0.{WEB}"


LOCAL = document(
    "Service", "web", "{ports: [{port: 80, name: http}], selector: {app: web}, internalTrafficPolicy: Local}"
)


class TestNodeLocal:
    PODS = (
        pod("web-1", "10.0.0.1", "nodeName: n1"),
        pod("web-2", "10.0.0.2", "nodeName: n2"),
        pod("client", "10.9.9.9", "nodeName: n1", labels="app: client"),
    )

    def test_callers_get_the_instances_of_their_own_node(self):
        found = mesh(LOCAL, *self.PODS)
        assert endpoints(found, f"outbound|80||{WEB}") == ["10.0.0.1:80"]
        assert endpoints(found, f"outbound|80||{WEB}", sidecar(name="web-2")) == ["10.0.0.2:80"]
        assert endpoints(found, f"outbound|80||{WEB}", sidecar(name="unknown")) == []

    def test_other_services_are_not_concerned(self):
        found = mesh(LOCAL, document("Service", "all", "{ports: [{port: 80}], selector: {app: web}}"), *self.PODS)
        assert endpoints(found, "outbound|80||all.default.svc.cluster.local") == ["10.0.0.1:80", "10.0.0.2:80"]

    def test_slices_tell_nodes_too(self):
        text = slice_of("a 10.0.0.1", "b 10.0.0.2").replace("hostname: b", "nodeName: n1")
        found = mesh(LOCAL, text, self.PODS[2])
        assert endpoints(found, f"outbound|80||{WEB}") == ["10.0.0.2:8080"]


def test_instances_that_are_not_ready_are_published_where_that_is_asked():

    from pidalio.model import Health

    status = ", conditions: [{type: Ready, status: 'False'}]"
    for stated, health in (("", Health.UNHEALTHY), (", publishNotReadyAddresses: true", Health.HEALTHY)):
        found = mesh(headless(more=f", selector: {{app: web}}{stated}"), pod("web-0", "10.0.0.1", status=status))
        assignment = plans(found).assignment(f"outbound|80||{WEB}")
        assert [one.health for group in assignment.localities for one in group.endpoints] == [health]
