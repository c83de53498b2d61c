"""Connections through ports of gateways that are not for requests: measured on real Envoy against what is told."""

import socket

import pytest
from tests.traffic.case import GATEWAY, Call, Case
from tests.traffic.client import Sent, fetch
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import instance_at, rule, service, subsets
from tests.traffic.observe import Outcome, broken_expectations
from tests.traffic.run import compiled

from pidalio.simulate import Request, decide

_TIMES = 400
_LABELS = (("istio", "ingress"),)


def _gateway(name: str, *servers: str) -> str:
    return rule(name, f"selector: {{istio: ingress}}\nservers: [{', '.join(servers)}]", kind="Gateway")


def _server(port: int, protocol: str = "TCP", hosts: str = "'*'", name: str = "") -> str:
    return f"{{port: {{number: {port}, name: {name or f'p{port}'}, protocol: {protocol}}}, hosts: [{hosts}]}}"


_CONFIG = (
    _gateway(
        "edge", _server(9000), _server(9001, "MONGO"), _server(9002, hosts="db.test"), _server(9003), _server(9004)
    )
    + _gateway("late", _server(9000, name="late"))
    + service("db", "v1 v2", ports="3306/tcp")
    + subsets("db", "v1", "v2")
    + service("other", ports="3306/tcp")
    + rule(
        "split",
        """
        hosts: [any.test]
        gateways: [edge]
        tcp:
        - match: [{port: 9000, sourceLabels: {app: nobody}, destinationSubnets: [10.0.0.0/8]}]
          route:
          - {destination: {host: db, subset: v1}, weight: 3}
          - {destination: {host: db, subset: v2}, weight: 1}
        - match: [{port: 9001}]
          route: [{destination: {host: db, subset: v2}}]
        - match: [{port: 9004, gateways: [late]}]
          route: [{destination: {host: other}}]
        """,
    )
    + rule(
        "named",
        "hosts: [db.test]\ngateways: [edge]\ntcp: [{route: [{destination: {host: other}}], match: [{port: 9002}]}]",
    )
    + rule(
        "foreign",
        "hosts: [no.test]\ngateways: [edge]\ntcp: [{route: [{destination: {host: nowhere}}], match: [{port: 9003}]}]",
    )
    + rule("lost", "hosts: [a.test]\ngateways: [late]\ntcp: [{route: [{destination: {host: other}}]}]")
)
CASE = Case(id="gateway-connections", intent="", config=_CONFIG, calls=(), proxy=GATEWAY, labels=_LABELS)


@pytest.fixture(scope="module")
def envoy(backend):
    running = RunningEnvoy(compiled(CASE, backend.port)).start()
    yield running
    running.stop()


@pytest.mark.envoy
@pytest.mark.parametrize(
    ("port", "shares"),
    [
        pytest.param(9000, {"db v1": 0.75, "db v2": 0.25}, id="weights, whatever the source and the destination"),
        pytest.param(9001, {"db v2": 1.0}, id="a protocol that is carried as bytes"),
        pytest.param(9002, {"other v1": 1.0}, id="the rule of the server's host"),
    ],
)
def test_connections_go_where_the_rule_says(envoy, port, shares):
    door = next(one for one in envoy.plans.listeners if one.requested_port == port)
    decision = decide(envoy.plans, door, Request(authority="any"))
    told = {
        instance_at(reach.address): verdict.share * reach.share
        for verdict in decision.verdicts
        for to in decision.action.destinations
        if to.cluster == verdict.cluster
        for reach in to.pool.endpoints
    }
    request = Sent((door.address, door.port), "GET", "/", "any")
    answers = [fetch([request], at_once=1)[0] for _ in range(_TIMES)]
    reached = [instance_at(got.header("x-from")) for got in answers]
    measured = {name: reached.count(name) / _TIMES for name in set(reached)}
    call = Call(url="tcp", to=shares, times=_TIMES)
    assert broken_expectations(call, Outcome(200, measured)) == []
    assert broken_expectations(Call(url="tcp", to=shares, times=_TIMES), Outcome(200, told)) == []


@pytest.mark.envoy
def test_a_missing_destination_closes_the_connection(envoy):
    door = next(one for one in envoy.plans.listeners if one.requested_port == 9003)
    assert decide(envoy.plans, door, Request(authority="any")).verdict.flag == "NC"
    with socket.create_connection((door.address, door.port), timeout=30) as client:
        assert client.recv(1) == b""


def test_a_port_that_no_rule_leads_anywhere_is_closed(backend):
    opened = {one.requested_port for one in compiled(CASE, backend.port).listeners}
    assert opened == {9000, 9001, 9002, 9003}
