"""Where the instances of a service come from (reference §1.4, §1.5, §2.2)."""

import pytest
from tests.unit.rules.world import DOMAIN, clusters, document, endpoints, mesh, plans, seen_services

from pidalio.ir import UpstreamProtocol

WEB = f"outbound|80||web.default.{DOMAIN}"


def service(port: str = "{port: 80, name: http, targetPort: 8080}", selector: str = "{app: web}") -> str:
    chosen = f"selector: {selector}, " if selector else ""
    return document("Service", "web", f"{{{chosen}ports: [{port}]}}")


def pod(
    name: str, address: str, labels: str = "{app: web}", *, ports: str = "", ready: str = "True", more: str = ""
) -> str:
    body = (
        f"spec: {{containers: [{{name: main, ports: [{ports}]}}]}}\n"
        f"status: {{podIP: {address}, conditions: [{{type: Ready, status: {ready!r}}}]}}\n"
    )
    return document("Pod", name, body, more=f"labels: {labels}{', ' + more if more else ''}")


def workload(name: str, spec: str, namespace: str = "default") -> str:
    return document("WorkloadEntry", name, spec, namespace)


def listed(*addresses: str, port: str = "{name: http, port: 7070}") -> str:
    members = ", ".join(f"{{addresses: [{one}]}}" for one in addresses)
    return document(
        "EndpointSlice",
        "web-1",
        f"addressType: IPv4\nports: [{port}]\nendpoints: [{members}]\n",
        more="labels: {kubernetes.io/service-name: web}",
    )


def health(found, cluster: str = WEB) -> dict[str, str]:
    assignment = plans(found).assignment(cluster)
    return {one.address: one.health.value for each in assignment.localities for one in each.endpoints}


class TestPlatformServices:
    def test_pods_that_the_selector_picks(self):
        found = mesh(service(), pod("a", "10.0.0.1"), pod("b", "10.0.0.2", "{app: other}"))
        assert endpoints(found, WEB) == ["10.0.0.1:8080"]

    def test_pods_count_only_where_the_platform_lists_no_endpoints(self):
        assert endpoints(mesh(service(), pod("a", "10.0.0.1"), listed("10.0.0.9")), WEB) == ["10.0.0.9:7070"]
        assert endpoints(mesh(service(), pod("a", "10.0.0.1"), listed()), WEB) == []

    def test_workload_entries_are_added_to_what_the_platform_lists(self):
        machine = workload("vm", "{address: 10.0.0.3, labels: {app: web}, ports: {http: 1234}}")
        assert endpoints(mesh(service(), machine, listed("10.0.0.9")), WEB) == ["10.0.0.3:1234", "10.0.0.9:7070"]

    @pytest.mark.parametrize(
        ("ports", "expected"),
        [
            (", ports: {main: 9090}", ["10.0.0.3:9090"]),
            (", ports: {main: 9090, http: 9091}", ["10.0.0.3:9090"]),
            (", ports: {http: 9091}", []),
            ("", []),
        ],
    )
    def test_a_named_target_port_is_looked_up_by_that_name_alone(self, ports, expected):
        machine = workload("vm", f"{{address: 10.0.0.3, labels: {{app: web}}{ports}}}")
        found = mesh(service("{port: 80, name: http, targetPort: main}"), machine)
        assert endpoints(found, WEB) == expected

    def test_another_namespaces_instances_do_not_count(self):
        assert endpoints(mesh(service(), workload("vm", "{address: 10.0.0.3, labels: {app: web}}", "far")), WEB) == []

    def test_a_service_without_selector_has_what_is_listed(self):
        assert endpoints(mesh(service(selector=""), pod("a", "10.0.0.1")), WEB) == []
        assert endpoints(mesh(service(selector=""), listed("10.0.0.9")), WEB) == ["10.0.0.9:7070"]

    def test_endpoints_belong_to_the_port_of_their_name(self):
        two = "{port: 80, name: http}, {port: 90, name: grpc}"
        slices = listed("10.0.0.1", port="{name: grpc, port: 7071}, {name: http, port: 7070}, {name: odd, port: 1}")
        found = mesh(service(two), slices)
        assert endpoints(found, WEB) == ["10.0.0.1:7070"]
        assert endpoints(found, f"outbound|90||web.default.{DOMAIN}") == ["10.0.0.1:7071"]

    def test_labels_of_listed_endpoints_are_their_pods(self):
        target = document(
            "Endpoints",
            "web",
            "subsets: [{addresses: [{ip: 10.0.0.1, targetRef: {kind: Pod, name: a}}, {ip: 10.0.0.2}], "
            "ports: [{name: http, port: 80}]}]\n",
        )
        subset = document("DestinationRule", "web", "{host: web, subsets: [{name: v1, labels: {version: v1}}]}")
        found = mesh(service(), target, pod("a", "10.0.0.1", "{app: web, version: v1}"), subset)
        assert endpoints(found, f"outbound|80|v1|web.default.{DOMAIN}") == ["10.0.0.1:80"]

    @pytest.mark.parametrize(
        ("conditions", "expected"),
        [
            ("", "HEALTHY"),
            ("conditions: {}", "HEALTHY"),
            ("conditions: {ready: true}", "HEALTHY"),
            ("conditions: {ready: false}", "UNHEALTHY"),
            ("conditions: {ready: false, serving: true, terminating: true}", "DRAINING"),
            ("conditions: {ready: false, serving: false, terminating: true}", "UNHEALTHY"),
        ],
    )
    def test_health_of_listed_endpoints(self, conditions, expected):
        one = document(
            "EndpointSlice",
            "web-1",
            f"addressType: IPv4\nports: [{{name: http, port: 80}}]\nendpoints: [{{addresses: [10.0.0.1], {conditions}}}]\n",
            more="labels: {kubernetes.io/service-name: web}",
        )
        assert health(mesh(service(), one)) == {"10.0.0.1": expected}

    def test_health_of_pods(self):
        found = mesh(
            service(),
            pod("a", "10.0.0.1"),
            pod("b", "10.0.0.2", ready="False"),
            pod("c", "10.0.0.3", more="deletionTimestamp: '2024-01-01T00:00:00Z'"),
            document("Pod", "d", "status: {podIP: 10.0.0.4, phase: Succeeded}\n", more="labels: {app: web}"),
        )
        assert health(found) == {"10.0.0.1": "HEALTHY", "10.0.0.2": "UNHEALTHY", "10.0.0.3": "DRAINING"}

    def test_a_service_of_another_name_is_an_alias_that_is_told(self):
        external = document("Service", "web", "{type: ExternalName, externalName: api.com}")
        found = mesh(external)
        assert seen_services(found) == set()
        assert [one.code for one in found.reports()] == ["unserved-alias"]


class TestEntries:
    def _entry(self, rest: str, ports: str = "{number: 80, name: http, protocol: HTTP}", hosts: str = "api.com") -> str:
        return document("ServiceEntry", "api", f"{{hosts: [{hosts}], ports: [{ports}], {rest}}}")

    API = "outbound|80||api.com"

    @pytest.mark.parametrize(
        ("target", "ports", "expected"),
        [
            ("", "", "10.0.0.1:80"),
            (", targetPort: 8080", "", "10.0.0.1:8080"),
            (", targetPort: 8080", ", ports: {http: 9090}", "10.0.0.1:9090"),
            (", targetPort: 8080", ", ports: {other: 9090}", "10.0.0.1:8080"),
        ],
    )
    def test_the_port_of_an_instance(self, target, ports, expected):
        port = f"{{number: 80, name: http, protocol: HTTP{target}}}, {{number: 81, name: other, protocol: HTTP}}"
        found = mesh(self._entry(f"resolution: STATIC, endpoints: [{{address: 10.0.0.1{ports}}}]", port))
        assert endpoints(found, self.API) == [expected]

    def test_a_socket_has_no_port(self):
        found = mesh(self._entry("resolution: STATIC, endpoints: [{address: 'unix:///run/api.sock'}]"))
        assert endpoints(found, self.API) == ["unix:///run/api.sock:0"]

    def test_selectors_pick_machines_and_pods(self):
        selected = self._entry("resolution: STATIC, workloadSelector: {labels: {app: web}}")
        machine = workload("vm", "{address: 10.0.0.2, labels: {app: web}}")
        assert endpoints(mesh(selected, pod("a", "10.0.0.1"), machine), self.API) == ["10.0.0.1:80", "10.0.0.2:80"]

    def test_weights_and_localities_of_instances(self):
        found = mesh(
            self._entry(
                "resolution: STATIC, endpoints: [{address: 10.0.0.1, locality: eu/a/1, weight: 3}, "
                "{address: 10.0.0.2, locality: eu/a/1}, {address: 10.0.0.3, labels: {istio-locality: us.b}}]"
            )
        )
        localities = plans(found).assignment(self.API).localities
        assert [(str(one.locality), one.weight) for one in localities] == [("eu/a/1", 4), ("us/b", 1)]

    @pytest.mark.parametrize(
        ("rest", "hosts", "discovery", "expected"),
        [
            ("resolution: STATIC, endpoints: [{address: 10.0.0.1}]", "api.com", "EDS", ["10.0.0.1:80"]),
            ("resolution: DNS", "api.com", "STRICT_DNS", ["api.com:80"]),
            ("resolution: DNS, endpoints: [{address: b.com}]", "api.com", "STRICT_DNS", ["b.com:80"]),
            ("resolution: DNS_ROUND_ROBIN", "api.com", "LOGICAL_DNS", ["api.com:80"]),
            ("resolution: NONE", "api.com", "DYNAMIC_FORWARD_PROXY", None),
            ("resolution: NONE", "'*.api.com'", "DYNAMIC_FORWARD_PROXY", None),
        ],
    )
    def test_how_instances_are_found(self, rest, hosts, discovery, expected):
        found = mesh(self._entry(rest, hosts=hosts))
        (cluster,) = clusters(found).values()
        assert cluster.discovery.value == discovery
        if expected is not None:
            assert endpoints(found, cluster.name) == expected

    def test_each_host_is_a_service(self):
        found = mesh(self._entry("resolution: DNS", hosts="a.com, B.com"))
        assert endpoints(found, "outbound|80||a.com") == ["a.com:80"]
        assert endpoints(found, "outbound|80||b.com") == ["b.com:80"]

    def test_only_those_whose_endpoints_travel_have_assignments(self):
        found = mesh(self._entry("resolution: DNS"), service())
        assert {one.cluster for one in plans(found).assignments} == {WEB}

    def test_a_subset_of_names_without_instances_is_no_cluster(self):
        subset = document("DestinationRule", "api", "{host: api.com, subsets: [{name: v1, labels: {version: v1}}]}")
        found = mesh(self._entry("resolution: DNS, endpoints: [{address: b.com}]"), subset)
        assert set(clusters(found)) == {self.API}

    def test_the_refresh_of_names_is_the_meshs(self):
        config = "apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: m}\nspec: {dnsRefreshRate: 5s}\n"
        assert clusters(mesh(self._entry("resolution: DNS")))[self.API].dns_refresh == 60_000
        assert clusters(mesh(self._entry("resolution: DNS"), config))[self.API].dns_refresh == 5_000


def test_clusters_say_what_they_stand_for():
    found = clusters(
        mesh(
            service("{port: 80, name: grpc}"),
            document("DestinationRule", "web", "{host: web, subsets: [{name: v1, labels: {version: v1}}]}"),
        )
    )
    one = found[f"outbound|80|v1|web.default.{DOMAIN}"]
    assert (one.host, one.namespace, one.port, one.subset) == (f"web.default.{DOMAIN}", "default", 80, "v1")
    assert (one.protocol is UpstreamProtocol.HTTP2, one.connect_timeout, one.healthy_panic_threshold) == (
        True,
        10_000,
        0,
    )
    assert set(found) == {f"outbound|80|{subset}|web.default.{DOMAIN}" for subset in ("", "v1")}


def test_every_proxy_can_reach_unknown_hosts_by_one_cluster():
    names = [one.name for one in plans(mesh()).clusters]
    assert names == ["PassthroughCluster"]
