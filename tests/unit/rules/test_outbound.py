"""What a sidecar opens for its workload's calls where connections are redirected to it (reference §2.3, §2.13)."""

import msgspec
import pytest
from tests.unit.rules.world import document, entry, mesh, plans, service, sidecar

from pidalio.ir import Direction, HttpPlan, Inspector, ListenerPlan, TcpPlan
from pidalio.model import Interception, Proxy
from pidalio.pipeline import groups_of, members
from pidalio.rules.called import SOMEWHERE, called_address
from pidalio.rules.egress import ways_out
from pidalio.rules.outbound_listeners import lost
from pidalio.rules.outbound_ports import outbound_side


def redirected(namespace: str = "default", **labels: str) -> Proxy:
    explicit = sidecar(namespace, **labels)
    return msgspec.structs.replace(explicit, outbound="", interception=Interception.REDIRECT)


def opened(found, proxy: Proxy | None = None) -> dict[str, ListenerPlan]:
    listeners = plans(found, proxy or redirected()).listeners
    return {one.name: one for one in listeners if one.direction is Direction.OUTBOUND}


def shown(listener: ListenerPlan) -> list[str]:
    """Return what each chain leads to: a route table or clusters."""
    return [
        one.filter.table if isinstance(one.filter, HttpPlan) else "+".join(each.cluster for each in one.filter.clusters)
        for one in listener.all_chains
    ]


def headless(ports: str = "tcp-db, port: 5432") -> str:
    addresses = "[{ip: 10.0.0.1}, {ip: 10.0.0.2}, {ip: 10.9.9.9}]"
    return "---\n".join(
        (
            document("Service", "db", f"{{clusterIP: None, ports: [{{name: {ports}}}]}}"),
            document(
                "Endpoints", "db", f"subsets: [{{addresses: {addresses}, ports: [{{name: tcp-db, port: 5432}}]}}]\n"
            ),
        )
    )


class TestOwnPorts:
    """What a sidecar has for itself is bound by no egress listener."""

    @staticmethod
    def _opened(proxy: Proxy, bound: str, bind: str = "") -> list[tuple[str, Direction]]:
        web = document("Service", "web", "{selector: {app: web}, ports: [{name: http, port: 80}]}")
        egress = f"{{port: {{number: {bound}, name: x, protocol: HTTP}}, captureMode: NONE, hosts: [./*]{bind}}}"
        found = mesh(web, document("Sidecar", "d", f"{{egress: [{egress}]}}"))
        return sorted((one.name, one.direction) for one in plans(found, proxy).listeners if one.bind)

    @pytest.mark.parametrize(("bound", "bind"), [("15001", ""), ("80", ", bind: 10.9.9.9"), ("80", ", bind: 0.0.0.0")])
    def test_explicit(self, bound, bind):
        own = [("10.9.9.9_80", Direction.INBOUND), ("127.0.0.1_15001", Direction.OUTBOUND)]
        assert self._opened(sidecar(app="web"), bound, bind) == own

    @pytest.mark.parametrize("bound", ["15001", "15006"])
    def test_redirected(self, bound):
        names = [name for name, _ in self._opened(redirected(app="web"), bound)]
        assert names == ["virtualInbound", "virtualOutbound"]

    def test_others_are_bound(self):
        assert ("127.0.0.1_80", Direction.OUTBOUND) in self._opened(sidecar(app="web"), "80")


class TestListeners:
    def test_one_is_redirected_to_and_hands_over_what_others_are_for(self):
        door = opened(mesh(service("web")))["virtualOutbound"]
        assert (door.address, door.port, door.hands_off, door.bind) == ("0.0.0.0", 15001, True, True)
        assert door.inspectors == (Inspector.ORIGINAL_DST,)
        assert shown(door) == ["BlackHoleCluster", "PassthroughCluster"]
        assert door.chains[0].match.destination_port == 15001

    def test_services_of_one_http_port_share_a_listener_and_a_table(self):
        found = opened(mesh(service("web", address="10.1.0.1"), service("shop", address="10.1.0.2", ports="80 8080")))
        assert set(found) == {"virtualOutbound", "0.0.0.0_80", "0.0.0.0_8080"}
        one = found["0.0.0.0_80"]
        assert (shown(one), one.bind) == (["80", "PassthroughCluster"], False)
        assert one.chains[0].match.application_protocols == ("http/1.1", "h2c")
        assert one.inspectors == (Inspector.TLS, Inspector.HTTP)

    def test_two_spellings_of_one_address_are_one(self):
        first, second = "2001:DB8::0:1", "2001:db8:0::1"
        found = mesh(
            entry("a", "a.test", rest=f"addresses: ['{first}']", ports="90/tcp"),
            entry("b", "b.test", rest=f"addresses: ['{second}']", ports="90/tcp"),
        )
        assert set(opened(found)) == {"virtualOutbound", "2001:db8::1_90"}
        told = [one.message for one in found.survey().reports(found.catalog.place) if one.code == "conflict-address"]
        assert len(told) == 1
        assert told[0].startswith("address 2001:db8::1 stands for a.test of ServiceEntry default/a")

    def test_a_tcp_port_is_looked_at_by_nobody(self):
        one = opened(mesh(service("db", ports="5432/tcp", address="10.1.0.1")))["10.1.0.1_5432"]
        assert shown(one) == ["outbound|5432||db.default.svc.cluster.local"]
        assert one.inspectors == ()

    @pytest.mark.parametrize(
        ("port", "name"), [("3306", "any-3306"), ("5432", "tcp-5432"), ("6379", "redis-6379"), ("27017", "mongo-27017")]
    )
    def test_ports_whose_servers_speak_first_are_not_sniffed(self, port, name):
        text = document("Service", "db", f"{{clusterIP: 10.1.0.1, ports: [{{name: {name}, port: {port}}}]}}")
        assert opened(mesh(text))[f"10.1.0.1_{port}"].inspectors == ()

    def test_an_undeclared_port_sniffs_and_waits_no_longer_than_stated(self):
        text = document("Service", "any", "{clusterIP: 10.1.0.1, ports: [{name: x, port: 7000}]}")
        wait = "apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: mesh}\nspec: {protocolDetectionTimeout: 2s}\n"
        one = opened(mesh(text, wait))["10.1.0.1_7000"]
        assert shown(one) == ["any.default.svc.cluster.local:7000", "outbound|7000||any.default.svc.cluster.local"]
        assert (one.inspectors, one.inspection_timeout) == ((Inspector.TLS, Inspector.HTTP), 2000)

    def test_each_instance_of_a_headless_service_has_a_listener_but_the_caller_itself(self):
        found = opened(mesh(headless()))
        assert set(found) == {"virtualOutbound", "10.0.0.1_5432", "10.0.0.2_5432"}

    def test_proxies_that_see_the_same_share_their_listeners(self):
        world = mesh(service("web"), service("db", ports="5432/tcp", address="10.1.0.1")).world
        one, other = (
            [key for group in groups_of(world, each) for _, key in members(world, group)]
            for each in (redirected(), msgspec.structs.replace(redirected(), name="x", address="10.9.9.7"))
        )
        own = {type(key).__name__ for key in one if key not in other}
        assert all("Inbound" in name for name in own), own

    def test_a_socket_is_called_by_whole_hosts(self):
        bound = document(
            "Sidecar",
            "default",
            "{egress: [{port: {number: 0, name: x, protocol: HTTP}, bind: 'unix:///run/out', captureMode: NONE, hosts: [./*]}]}",
        )
        compiled = plans(mesh(service("web", ports="80 8080"), bound), sidecar())
        one = next(each for each in compiled.listeners if each.address.startswith("unix://"))
        table = compiled.table("unix:///run/out")
        assert shown(one) == ["unix:///run/out"]
        assert table is not None
        assert "web:8080" in {name for host in table.virtual_hosts for name in host.domains}

    @pytest.mark.parametrize("proxy", [sidecar(), redirected()], ids=["explicit", "redirected"])
    @pytest.mark.parametrize("mode", ["", ", captureMode: DEFAULT", ", captureMode: NONE"])
    def test_a_socket_is_bound_whatever_is_captured(self, proxy, mode):
        stated = f"{{port: {{number: 0, name: x, protocol: HTTP}}, bind: 'unix:///run/out'{mode}, hosts: [./*]}}"
        found = mesh(service("web"), document("Sidecar", "default", f"{{egress: [{stated}]}}"))
        one = next(each for each in plans(found, proxy).listeners if each.address == "unix:///run/out")
        assert (one.bind, shown(one)) == (True, ["unix:///run/out"])
        assert [each.code for each in found.survey().reports(found.catalog.place)] == []

    def test_the_name_of_a_port_is_for_people(self):
        def of(name: str):
            stated = f"{{number: 90, name: {name}, protocol: HTTP}}"
            return opened(
                mesh(service("web"), document("Sidecar", "d", f"{{egress: [{{port: {stated}, hosts: [./*]}}]}}"))
            )

        assert of("one") == of("other")


class TestConflicts:
    def test_the_older_service_keeps_the_port_and_what_was_lost_is_told(self):
        found = mesh(
            entry("late", "a.com", ports="9000/tcp", created="2024-01-02T00:00:00Z"),
            entry("early", "b.com", ports="9000/tcp", created="2024-01-01T00:00:00Z"),
        )
        assert shown(opened(found)["0.0.0.0_9000"]) == ["outbound|9000||b.com"]
        side = outbound_side(found.world, ways_out(found.world, redirected()))
        (port,) = side.ports
        assert [(one.part.host, one.address, one.port, one.winner.host) for one in lost(found.world, port)] == [
            ("a.com", "0.0.0.0", 9000, "b.com")
        ]

    @pytest.mark.parametrize(("mongo", "chains"), [("2024", ["outbound|9000||db.com"]), ("2026", ["9000"])])
    def test_mongo_shares_no_port_with_requests(self, mongo, chains):
        found = mesh(
            entry("web", "web.com", ports="9000/http", created="2025-01-01T00:00:00Z"),
            entry("db", "db.com", ports="9000/mongo", created=f"{mongo}-01-01T00:00:00Z"),
        )
        assert shown(opened(found)["0.0.0.0_9000"])[:1] == chains

    def test_a_server_name_that_two_services_ask_for_is_the_older_ones(self):
        def named(host: str) -> str:
            spec = f"{{hosts: [{host}], tls: [{{match: [{{sniHosts: [{host}]}}], route: [{{destination: {{host: {host}}}}}]}}]}}"
            return document("VirtualService", host.partition(".")[0], spec)

        found = mesh(entry("a", "a.com", ports="443/tls"), entry("b", "b.com", ports="443/tls"), named("a.com"))
        one = opened(found)["0.0.0.0_443"]
        assert [each.match.server_names for each in one.chains] == [("a.com",), ("b.com",)]
        assert isinstance(one.default.filter, TcpPlan)
        assert one.default.name == "PassthroughFilterChain"


class TestCalledAddress:
    @pytest.mark.parametrize(
        ("host", "address"),
        [
            ("web", "10.1.0.1"),
            ("web.default", "10.1.0.1"),
            ("WEB.default.svc.cluster.local.", "10.1.0.1"),
            ("db", "10.0.0.1"),
            ("a.com", "10.0.0.1"),
            ("10.7.7.7", "10.7.7.7"),
            ("unknown.com", SOMEWHERE),
        ],
    )
    def test_a_host_is_called_at_its_services_address(self, host, address):
        found = mesh(service("web", address="10.1.0.1"), headless(), entry("a", "a.com"))
        assert called_address(found.world, redirected(), host) == address
