"""Registrations in the mesh's words: services, paths, labels, weights, and what is left out."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.platforms.cloudfoundry.cells import message

from pidalio.errors import UsageError
from pidalio.model import Health, Locality, Port, Protocol
from pidalio.platforms.cloudfoundry.complaints import of_routes
from pidalio.platforms.cloudfoundry.directory import Directory
from pidalio.platforms.cloudfoundry.known import AppInfo, Known, weighed
from pidalio.platforms.cloudfoundry.messages import read
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.installed import from_option
from pidalio.store import tables

CA = "PEM\n"


class Foundry:
    """A directory without a network: what was registered, and what of it was said."""

    def __init__(self, known: Known | None = None, ca: str = CA, **settings) -> None:
        self.settings = CloudFoundrySettings(nats="127.0.0.1", **settings)
        self.directory = Directory(self.settings)
        self.directory.platform = "cf"
        self.directory.trust(ca)
        self.directory.learn(known or Known())

    def register(self, *uris: str, number: int = 1, internal: int = 0, **fields):
        body = message("", f"10.0.0.{number}", 61000, guid=f"guid-{number}", **fields)
        found = read(json.dumps({**body, "uris": list(uris)}).encode(), internal_port=internal)
        self.directory.registry.register(found, 0)
        return self

    def say(self):
        self.change = self.directory.remap(self.directory.all_hosts())
        return self

    @property
    def offers(self):
        self.say()
        return {one.name: one for one in self.directory.offers()}

    def endpoint(self, name: str):
        (one,) = self.offers[name].endpoints
        return one

    def routes(self, host: str) -> list[tuple[list[str], str]]:
        """Return the routes of a host's rule: what matches, and the first label of where it goes."""
        self.say()
        return [
            (
                [f"{how} {path}" for match in route.get("match", ()) for how, path in match["uri"].items()],
                route["route"][0]["destination"]["host"],
            )
            for route in self.directory.rules[host]["spec"]["http"]
        ]


def test_a_host_is_a_service_and_an_instance_all_that_is_known_of_it():
    tags = {
        "app_name": "shop",
        "process_id": "proc-1",
        "space_id": "space-1",
        "organization_id": "org-1",
        "organization_name": "acme",
    }
    foundry = Foundry(region="eu").register(
        "shop.apps.example", app="app-1", tags=tags, availability_zone="z1", isolation_segment="gpu",
        tls_port=61002, server_cert_domain_san="guid-1",
    )  # fmt: skip
    offer = foundry.offers["shop.apps.example"]
    assert (offer.kind, offer.hostname, offer.instance_ca) == ("CloudFoundryRoute", "shop.apps.example", CA)
    assert offer.ports == (Port(80, "http", Protocol.HTTP),)
    (one,) = offer.endpoints
    assert (one.address, one.port, one.service_port, one.tls_name) == ("10.0.0.1", 61002, 80, "guid-1")
    assert one.locality == Locality("eu", "z1")
    assert one.identity == "spiffe://cluster.local/org/org-1/space/space-1/app/app-1"
    assert (one.workload, one.weight, one.health) == ("shop/0", 0, Health.HEALTHY)
    assert dict(one.labels) == {
        "app": "app-1",
        "app_name": "shop",
        "component": "route-emitter",
        "index": "0",
        "isolation_segment": "gpu",
        "organization_id": "org-1",
        "organization_name": "acme",
        "process_id": "proc-1",
        "process_type": "web",
        "space_id": "space-1",
        "version": "proc-1",
    }


def test_what_the_api_knows_counts_before_what_messages_say():
    info = AppInfo("store", "space-2", "dev", "org-2", "ajax", (("team", "blue"), ("version", "v7")))
    foundry = Foundry(Known({"app-1": info})).register("a.x", app="app-1", tags={"app_name": "old", "process_id": "p"})
    labels = dict(foundry.endpoint("a.x").labels)
    assert labels.items() >= {
        ("app_name", "store"), ("space_name", "dev"), ("organization_name", "ajax"), ("team", "blue"),
        ("version", "v7"), ("process_id", "p"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("protocols", "wanted"),
    [(("http2", "http2"), Protocol.HTTP2), (("http1", "http2"), Protocol.HTTP), ((None, None), Protocol.HTTP)],
)
def test_protocols(protocols, wanted):
    foundry = Foundry()
    for number, protocol in enumerate(protocols, 1):
        foundry.register("a.x", number=number, protocol=protocol)
    assert foundry.offers["a.x"].ports[0].protocol is wanted


@pytest.mark.parametrize(
    ("option", "in_turn", "told"), [("round-robin", 1, 0), ("least-connection", 0, 0), ("hash", 0, 1)]
)
def test_how_a_route_balances(option, in_turn, told):
    foundry = Foundry().register("a.x", options={"loadbalancing": option})
    assert foundry.offers["a.x"].round_robin is bool(in_turn)
    assert [one.code for one in of_routes(foundry.directory.lacking)] == ["cloudfoundry-option"] * told


def test_hosts_may_be_called_otherwise_and_wildcards_stay_wildcards():
    foundry = Foundry(hostname="{name}.{domain}.cf").register("a.x.y", "*.w.y")
    assert {one.hostname for one in foundry.offers.values()} == {"a.x.y.cf", "*.w.y.cf"}
    with pytest.raises(UsageError, match=r"hostname: '\{app\}' has no part \{app\}"):
        from_option("cloudfoundry=127.0.0.1?hostname={app}")


class TestPaths:
    def test_the_longest_path_comes_first_and_the_host_last(self):
        foundry = Foundry().register("a.x").register("a.x/api", number=2).register("a.x/api/v2", "a.x/bee", number=3)
        hosts = {name: one.hostname for name, one in foundry.offers.items()}
        assert foundry.routes("a.x") == [
            (["exact /api/v2", "prefix /api/v2/"], hosts["a.x/api/v2"]),
            (["exact /api", "prefix /api/"], hosts["a.x/api"]),
            (["exact /bee", "prefix /bee/"], hosts["a.x/bee"]),
            ([], "a.x"),
        ]
        assert hosts["a.x/api/v2"].startswith("api-v2-")
        assert hosts["a.x/api/v2"].endswith(".paths.a.x")

    def test_a_host_that_nobody_serves_beside_its_paths_answers_404_there(self):
        foundry = Foundry().register("a.x/api")
        assert [match for match, _ in foundry.routes("a.x")] == [["exact /api", "prefix /api/"]]
        assert foundry.offers["a.x"].endpoints == ()

    def test_a_host_alone_has_no_rule_unless_gateways_serve_it(self):
        assert not Foundry().register("a.x").say().directory.rules
        rule = Foundry(gateways="edge/web, other").register("a.x").say().directory.rules["a.x"]
        assert rule["spec"]["gateways"] == ["mesh", "edge/web", "other"]
        assert rule["metadata"]["name"] == "cf-a.x"

    def test_what_a_rule_names_is_there_before_it_and_goes_after_it(self):
        foundry = Foundry().register("a.x").register("a.x/api", number=2).say()
        assert len(foundry.change.there[tables.SERVICES]) == 2
        assert list(foundry.change.rules) == ["a.x"]
        foundry.directory.registry.forget(("10.0.0.2", 61000))
        change = foundry.say().change
        assert change.rules == {"a.x": None}
        assert [key[2] for key in change.gone[tables.SERVICES]] == ["cf/a.x/api"]
        assert not change.there[tables.SERVICES]
        again = foundry.say().change
        assert not any([*again.there.values(), *again.gone.values(), again.rules])

    def test_a_wildcard_has_paths_too(self):
        foundry = Foundry().register("*.w.x/api")
        ((_, to),) = foundry.routes("*.w.x")
        assert to.endswith(".paths.w.x")
        assert foundry.directory.rules["*.w.x"]["spec"]["hosts"] == ["*.w.x"]


class TestLeftOut:
    def test_who_cannot_be_verified(self):
        foundry = Foundry(ca="").register("a.x", tls_port=61002, server_cert_domain_san="guid-1")
        foundry.register("a.x", number=2)
        assert [one.address for one in foundry.offers["a.x"].endpoints] == ["10.0.0.2"]
        (report,) = of_routes(foundry.directory.lacking)
        assert report.code == "cloudfoundry-unverified"
        assert report.message.startswith("1 instances speak TLS and are left out")

    def test_what_belongs_to_a_route_service(self):
        foundry = Foundry().register("a.x", route_service_url="https://limits.example")
        assert foundry.offers["a.x"].endpoints == ()
        (report,) = of_routes(foundry.directory.lacking)
        assert report.code == "cloudfoundry-route-service"
        bypassing = Foundry(unserved="bypass").register("a.x", route_service_url="https://limits.example")
        assert bypassing.endpoint("a.x")
        assert not of_routes(bypassing.directory.lacking)

    def test_who_must_not_be_routed_to_is_unwell(self):
        foundry = Foundry(Known(unroutable=frozenset({"guid-1"}))).register("a.x")
        assert foundry.endpoint("a.x").health is Health.UNHEALTHY


class TestWeights:
    A, B, C = ("a", "web"), ("b", "web"), ("c", "web")

    @pytest.mark.parametrize(
        ("weights", "instances", "found"),
        [
            ({}, [A, B], [0, 0]),
            ({A: 90, B: 10}, [A, B], [9, 1]),
            ({A: 90, B: 10}, [A, A, A, B], [3, 3, 3, 1]),
            ({A: 50, B: 50}, [A, B, B], [2, 1, 1]),
            ({A: 90, B: 10}, [B, B], [1, 1]),
            ({A: 90, B: 10}, [A, C], [1, 1]),
            ({A: 90, B: 10}, [A, B, C], [9, 1, 1]),
            ({A: 60, B: 30, C: 10}, [A, A, B, C, C], [6, 6, 6, 1, 1]),
        ],
        ids=["none", "one each", "many", "halves", "one is empty", "unknown", "unknown beside", "three"],
    )
    def test_a_destinations_share_is_its_weight_however_many_instances_it_has(self, weights, instances, found):
        assert weighed(weights, instances) == found

    @given(
        st.lists(st.tuples(st.integers(1, 100), st.integers(1, 60)), min_size=1, max_size=6),
    )
    def test_shares_are_exact_or_nearly_so(self, destinations):
        weights = {(str(number), "web"): weight for number, (weight, _) in enumerate(destinations)}
        instances = [(str(number), "web") for number, (_, count) in enumerate(destinations) for _ in range(count)]
        found = weighed(weights, instances)
        total, every = sum(found), sum(weights.values())
        assert 0 < total < 2**32  # the most that Envoy adds up
        for one, weight in weights.items():
            share = sum(value for value, each in zip(found, instances, strict=True) if each == one)
            assert abs(Fraction(share, total) - Fraction(weight, every)) < Fraction(1, 10_000)

    def test_of_a_route_from_the_api(self):
        known = Known(weights={("a.x", ""): {("new", "web"): 10, ("old", "web"): 90}})
        foundry = Foundry(known).register("a.x", app="old").register("a.x", app="new", number=2)
        foundry.register("a.x", app="old", number=3).register("a.x/p", app="old", number=3)
        assert [one.weight for one in foundry.offers["a.x"].endpoints] == [9, 2, 9]
        assert [one.weight for one in foundry.offers["a.x/p"].endpoints] == [0]


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("cloudfoundry", "nats: no server: write nats://HOST:4222, or several separated by commas"),
        ("cloudfoundry=http://h:1", "nats: 'http://h:1' is not a server: write nats://HOST:4222 or tls://HOST:4224"),
        ("cloudfoundry=nats://h:x", "nats: 'nats://h:x' is not a server: write nats://HOST:4222 or tls://HOST:4224"),
        ("cloudfoundry=h?cert=a", "cert and key go together"),
        (
            "cloudfoundry=h?api=https://a",
            "api: write https://HOST, and a client with a secret that may read everything",
        ),
        ("cloudfoundry=h?client=a", "client needs api"),
        ("cloudfoundry=h?password=a&passwordFile=b", "password and passwordFile exclude each other"),
        ("cloudfoundry=h?internalPort=0", "internalPort: 0 is not a port: write 1 to 65535"),
        ("cloudfoundry=h?threshold=-1", "threshold: -1.0 is less than 0 seconds"),
        ("cloudfoundry=h?unserved=x", "unserved: 'x' is neither leave nor bypass"),
        ("cloudfoundry=h?reconcile=0", "reconcile: 0.0 is less than a second"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(option, why):
    with pytest.raises(UsageError) as caught:
        from_option(option)
    assert str(caught.value).endswith(f"cloudfoundry: {why}")
