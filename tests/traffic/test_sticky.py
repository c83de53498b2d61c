"""Sticky weights at their real size: ten thousand users of one gateway, and what a change of weights does to them."""

import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Self

import pytest
from tests.traffic.case import GATEWAY
from tests.traffic.envoy import RunningEnvoy

from pidalio.api.load import load
from pidalio.ir import (
    Direction,
    DirectResponsePlan,
    HttpPlan,
    ListenerPlan,
    MatchPlan,
    ProxyPlans,
    RoutePlan,
    RouteTablePlan,
    VirtualHostPlan,
    one_chain,
)
from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh
from pidalio.simulate import Forwarded, Request, decide

pytestmark = pytest.mark.envoy
USERS = 10_000
VERSIONS = ("v1", "v2", "v3")
_AT_ONCE = 200
_FALSE_ALARM = 1e-6


class Shop:
    """A gateway before three versions, whose files are edited: each version answers with its name."""

    def __init__(self, addresses: dict[str, tuple[str, int]]) -> None:
        self._addresses = addresses
        self._mesh = OfflineMesh({})

    def plans(
        self, sticky: str, policy: str = "{simple: RANDOM}", told: tuple[str, ...] = (), **weights: int
    ) -> ProxyPlans:
        """Return what the gateway runs on once its rule has these weights; `told` are the codes of reports about it."""
        text = self._text(sticky, weights, policy)
        self._mesh.world.apply(self._mesh.catalog.replace_all("files", {"shop.yaml": load(text, "shop.yaml")}).edits)
        assert tuple(report.code for report in self._mesh.reports()) == told
        return plans_for(self._mesh.world, self._mesh.proxy(GATEWAY, (("istio", "edge"),)))

    def _text(self, sticky: str, weights: dict[str, int], policy: str) -> str:
        ends = ", ".join(
            f"{{address: {host}, labels: {{version: {version}}}, ports: {{http: {port}}}}}"
            for version, (host, port) in self._addresses.items()
        )
        subsets = ", ".join(f"{{name: {one}, labels: {{version: {one}}}}}" for one in VERSIONS)
        routes = ", ".join(
            f"{{destination: {{host: shop.test, subset: {one}}}, weight: {weight}}}" for one, weight in weights.items()
        )
        head = "apiVersion: networking.istio.io/v1\nmetadata: {name: shop}\nkind:"
        port = "{number: 80, name: http, protocol: HTTP}"
        return (
            f"{head} Gateway\nspec: {{selector: {{istio: edge}}, servers: [{{port: {port}, hosts: ['*']}}]}}\n---\n"
            f"{head} ServiceEntry\nspec: {{hosts: [shop.test], resolution: STATIC, ports: [{port}], endpoints: [{ends}]}}"
            f"\n---\n{head} DestinationRule\nspec: {{host: shop.test, subsets: [{subsets}], trafficPolicy: {{loadBalancer: {policy}}}}}\n---\n"
            f"{head} VirtualService\nspec:\n  hosts: [shop.test]\n  gateways: [shop]\n"
            f"  http: [{{sticky: {sticky}, route: [{routes}]}}]\n"
        )


@dataclass(frozen=True)
class Answer:
    """Which version answered, and the cookie that came with it."""

    version: str
    cookie: str


@pytest.fixture(scope="module")
def answering():
    """Yield an Envoy with a listener for each version, which answers by itself."""
    running = RunningEnvoy(ProxyPlans(tuple(_answering(one) for one in VERSIONS), (), (), ())).start()
    yield running
    running.stop()


@pytest.fixture
def shop(answering):
    return Shop({one: answering.address(one) for one in VERSIONS})


def _answering(version: str) -> ListenerPlan:
    route = RoutePlan(MatchPlan(), DirectResponsePlan(200, version.encode()))
    table = RouteTablePlan(version, (VirtualHostPlan("all", ("*",), (route,)),))
    return ListenerPlan(version, "127.0.0.1", 0, Direction.INBOUND, one_chain(HttpPlan(version, table)))


class Users:
    """Callers of a gateway that runs on some plans."""

    def __init__(self, plans: ProxyPlans) -> None:
        self.plans = plans
        self._envoy = RunningEnvoy(plans)

    def __enter__(self) -> Self:
        self._envoy.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._envoy.stop()

    def ask(self, headers: Sequence[str], source: str = "127.0.0.1") -> list[Answer]:
        """Send one request with each of `headers` (lines), many at once over one connection."""
        address = self._envoy.address(self.plans.listeners[0])
        with socket.create_connection(address, 30, (source, 0)) as connection:
            answers = _answers(connection)
            found: list[Answer] = []
            for start in range(0, len(headers), _AT_ONCE):
                some = headers[start : start + _AT_ONCE]
                connection.sendall("".join(f"GET / HTTP/1.1\r\nHost: shop.test\r\n{one}\r\n" for one in some).encode())
                found += [next(answers) for _ in some]
        return found

    def known(self, cookies: Sequence[str]) -> list[str]:
        """Return the version that each user gets, who needs no new cookie."""
        answers = self.ask([f"cookie: {one}\r\n" for one in cookies])
        assert not any(one.cookie for one in answers)
        return [one.version for one in answers]


def _answers(connection: socket.socket) -> Iterator[Answer]:
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            buffer += _more(connection)
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        assert lines[0] == "http/1.1 200 ok", head
        headers = dict(line.split(": ", 1) for line in lines[1:])
        length = int(headers["content-length"])
        while len(buffer) < length:
            buffer += _more(connection)
        yield Answer(buffer[:length].decode(), headers.get("set-cookie", "").partition(";")[0])
        buffer = buffer[length:]


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(1 << 16)
    assert received, "Envoy closed the connection"
    return received


def _moves(before: Sequence[str], after: Sequence[str]) -> Counter[tuple[str, str]]:
    return Counter((old, new) for old, new in zip(before, after, strict=True) if old != new)


def _is_chance(count: int, share: float, total: int = USERS) -> bool:
    """Tell whether a share counted among `total` can be chance (Chernoff's bound, false alarm at most 1e-6)."""
    real = count / total
    parts = ((real, share), (1 - real, 1 - share))
    return total * sum(part * log(part / told) for part, told in parts if part) <= log(2 / _FALSE_ALARM)


def test_ten_thousand_users_stay_where_they_are(shop):
    with Users(shop.plans("{cookie: {}}", v1=90, v2=10)) as users:
        first = users.ask([""] * USERS)
        cookies, ten = [one.cookie for one in first], [one.version for one in first]
        assert len(set(cookies)) == USERS
        assert all(users.known(cookies) == ten for _ in range(4))
        assert abs(ten.count("v2") / USERS - 0.10) <= 0.015
        assert _is_chance(ten.count("v2"), 0.10)
    with Users(shop.plans("{cookie: {}}", v1=9, v2=1)) as users:
        assert users.known(cookies) == ten
    with Users(shop.plans("{cookie: {}}", v1=80, v2=20)) as users:
        twenty = users.known(cookies)
    assert set(_moves(ten, twenty)) == {("v1", "v2")}
    assert sum(_moves(ten, twenty).values()) <= 0.115 * USERS
    with Users(shop.plans("{cookie: {}}", v2=20, v1=80)) as users:
        assert users.known(cookies) == twenty


def test_two_canaries_grow_at_the_cost_of_the_first_version_only(shop):
    users_of = [f"cookie: pidalio-user=user-{number}\r\n" for number in range(USERS)]
    with Users(shop.plans("{cookie: {}}", v1=80, v2=10, v3=10)) as users:
        before = [one.version for one in users.ask(users_of)]
    with Users(shop.plans("{cookie: {}}", v1=60, v2=20, v3=20)) as users:
        after = [one.version for one in users.ask(users_of)]
    assert set(_moves(before, after)) == {("v1", "v2"), ("v1", "v3")}
    for versions, shares in ((before, (0.8, 0.1, 0.1)), (after, (0.6, 0.2, 0.2))):
        assert all(_is_chance(versions.count(one), share) for one, share in zip(VERSIONS, shares, strict=True))


def test_two_rules_do_not_put_the_same_users_into_their_canaries(shop):
    users_of = [f"user: user-{number}\r\n" for number in range(USERS)]
    with Users(shop.plans("{header: user}", v1=90, v2=10)) as users:
        one = [each.version for each in users.ask(users_of)]
    with Users(shop.plans("{header: user}, name: another", v1=90, v2=10)) as users:
        other = [each.version for each in users.ask(users_of)]
    both = sum(pair == ("v2", "v2") for pair in zip(one, other, strict=True))
    assert _is_chance(both, 0.01)


def test_what_instances_are_hashed_by_moves_nobody(shop):
    hashed = "{consistentHash: {httpHeaderName: id}}"
    told = ("sticky-chooses-instances",)
    with Users(shop.plans("{header: user}", hashed, told, v1=50, v2=50)) as users:
        visits = [
            users.ask([f"user: user-{number}\r\nid: {number * turn}\r\n" for number in range(100)]) for turn in range(5)
        ]
    assert all(one == visits[0] for one in visits)
    assert {one.version for one in visits[0]} == {"v1", "v2"}


def test_a_gateway_goes_by_addresses(shop):
    sources = [f"127.{number // 50 + 1}.3.{number % 50 + 1}" for number in range(100)]
    with Users(shop.plans("{sourceAddress: true}", v1=50, v2=50)) as users:
        seen = [{one.version for one in users.ask([""] * 3, source)} for source in sources]
        listener = users.plans.listeners[0]
        foretold = [_foretold(users.plans, listener, source) for source in sources]
    assert seen == [{version} for version in foretold]
    assert set(foretold) == {"v1", "v2"}


def _foretold(plans: ProxyPlans, listener: ListenerPlan, source: str) -> str:
    action = decide(plans, listener, Request(authority="shop.test", peer=source)).action
    assert isinstance(action, Forwarded)
    (only,) = action.destinations
    return only.subset
