"""Of each endpoint it is told which source says what, and proxies are told what it amounts to."""

import pytest
from tests.unit.http.embedded import Embedded

from pidalio.cli.endpoints import show
from pidalio.errors import NotFound
from pidalio.http.wire import Registration, WorkloadView
from pidalio.model import Health, Word
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
