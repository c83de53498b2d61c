"""Of each endpoint it is told which source says what, and proxies are told what it amounts to."""

import pytest
from tests.unit.http.embedded import Embedded

from pidalio.cli.endpoints import show
from pidalio.errors import NotFound, UsageError
from pidalio.http.observations import Observations
from pidalio.http.wire import Registration, WorkloadView
from pidalio.model import Health, Sight, Source, Word
from pidalio.store import tables

REVIEWS = "reviews.default.svc.cluster.local"
ENTRY = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-0}
spec: {address: 10.0.0.5, labels: {app: reviews}}
"""


def agent(health: Health = Health.HEALTHY, word: Word | None = None, address: str = "10.0.0.5") -> Registration:
    return Registration(WorkloadView("reviews-0", "default", address, {"app": "reviews"}, health=health), word=word)


def said(view) -> list[tuple[str, str, str, str, float]]:
    return [(one.source, one.health, one.by, one.reason, one.since) for one in view.words]


async def test_the_agents_word_comes_with_its_reason(mesh: Embedded) -> None:
    await mesh.client.register(agent(Health.UNHEALTHY, Word(Health.UNHEALTHY, "status 503", 7.0)))
    (one,) = await mesh.client.endpoints()
    assert (one.host, one.port, one.namespace, one.instance, one.address, one.health) == (
        REVIEWS,
        9080,
        "default",
        "reviews-0",
        "10.0.0.5:9080",
        "UNHEALTHY",
    )
    assert said(one) == [("agent", "UNHEALTHY", "", "status 503", 7.0)]


async def test_two_sources_of_one_instance_are_put_together(mesh: Embedded) -> None:
    """The object says that the instance exists, its agent that it is ill: it gets no traffic."""
    await mesh.apply(ENTRY)
    assert [one.health for one in await mesh.client.endpoints("reviews")] == ["HEALTHY"]
    await mesh.client.register(agent(Health.UNHEALTHY))
    (one,) = await mesh.client.endpoints("reviews")
    assert one.health == "UNHEALTHY"
    assert sorted(said(one)) == [
        ("agent", "UNHEALTHY", "", "", 0.0),
        ("platform", "HEALTHY", "WorkloadEntry default/reviews-0", "", 0.0),
    ]
    await mesh.client.deregister("reviews-0", "default")
    assert [one.health for one in await mesh.client.endpoints("reviews")] == ["HEALTHY"]


async def test_one_that_the_platform_takes_away_leaves_whatever_its_agent_says(mesh: Embedded) -> None:
    row = agent(address="10.0.0.9").workload.row()
    leaving = type(row)(row.name, row.namespace, row.address, row.labels, health=Health.DRAINING)
    mesh.control.feed("cloud", {tables.WORKLOADS: {("default", "reviews-0", "Machine"): leaving}})
    await mesh.client.register(agent(address="10.0.0.9"))
    (one,) = await mesh.client.endpoints(REVIEWS)
    assert (one.health, len(one.words)) == ("DRAINING", 2)


async def test_a_host_is_named_by_its_beginning(mesh: Embedded) -> None:
    await mesh.client.register(agent())
    for written in ("reviews", "reviews.default", REVIEWS, ""):
        assert len(await mesh.client.endpoints(written)) == 1
    assert await mesh.client.endpoints("ratings") == ()
    with pytest.raises(NotFound, match="no service review"):
        await mesh.client.endpoints("review")


async def test_what_people_see(mesh: Embedded, capsys: pytest.CaptureFixture[str]) -> None:
    await mesh.client.register(agent(Health.UNHEALTHY, Word(Health.UNHEALTHY, "status 503", 7.0)))
    show(await mesh.client.endpoints())
    head, row, line, end = capsys.readouterr().out.splitlines()
    assert head.split() == ["SERVICE", "INSTANCE", "ADDRESS", "HEALTH", "PLATFORM", "AGENT", "PROXIES"]
    assert row.split() == [f"{REVIEWS}:9080", "reviews-0", "10.0.0.5:9080", "unhealthy", "-", "unhealthy", "-"]
    assert line.startswith("  reviews-0: agent: unhealthy for ")
    assert line.endswith(": status 503")
    assert end == "1 endpoint, 0 of them well for every proxy"
    show(())
    assert capsys.readouterr().out == "no endpoint is known\n"


PROXY = "sidecar~10.0.0.1~web-0.default~default.svc.cluster.local"


def sight(cluster: str = f"outbound|9080||{REVIEWS}", **more) -> Sight:
    return Sight(**{"cluster": cluster, "address": "10.0.0.5:9080", "source": Source.OUTLIER, "reason": "5xx"} | more)


async def test_what_a_proxy_found_is_shown_while_it_is_connected(mesh: Embedded, capsys) -> None:
    await mesh.client.register(agent())
    await mesh.client.sights(PROXY, (sight(since=5.0), sight("inbound|9080||")), 30)
    assert (await mesh.client.endpoints("reviews"))[0].out_at == ()
    proxy = mesh.connect().start()
    (one,) = await mesh.client.endpoints("reviews")
    assert (one.health, one.out_at) == ("HEALTHY", (PROXY,))
    assert said(one)[1:] == [("outlier-detection", "UNHEALTHY", PROXY, "5xx", 5.0)]
    show([one])
    assert "  reviews-0: web-0.default: outlier-detection: out for " in capsys.readouterr().out
    proxy.leave()
    assert (await mesh.client.endpoints("reviews"))[0].out_at == ()


async def test_a_return_is_shown_and_a_subset_is_named(mesh: Embedded, capsys) -> None:
    await mesh.client.register(agent())
    mesh.connect().start()
    back = sight(f"outbound|9080|v1|{REVIEWS}", since=5.0, until=65.0)
    await mesh.client.sights(PROXY, (back,), 30)
    (one,) = await mesh.client.endpoints("reviews")
    assert (one.out_at, one.words[1].reason) == ((), "5xx (subset v1)")
    show([one])
    assert ", was out for 1m: 5xx (subset v1)" in capsys.readouterr().out
    await mesh.client.sights(PROXY, (), 30)
    assert len((await mesh.client.endpoints("reviews"))[0].words) == 1


def test_what_is_not_renewed_is_forgotten() -> None:
    time = [0.0]
    found = Observations(lambda: time[0])
    found.tell(PROXY, (sight(),), 10)
    found.tell("here", (sight(),))
    time[0] = 11.0
    ((where, (only,)),) = found.by_endpoint({PROXY, "here"}).items()
    assert (where, only.proxy) == ((REVIEWS, 9080, "10.0.0.5:9080"), "here")


async def test_what_makes_no_sense_is_refused(mesh: Embedded) -> None:
    with pytest.raises(UsageError):
        await mesh.client.sights("web", (), 30)
    with pytest.raises(UsageError, match="lease"):
        await mesh.client.sights(PROXY, (), 0)
