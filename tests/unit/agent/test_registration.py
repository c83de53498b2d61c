"""A control plane behind HTTP knows the newest state, however often it was away."""

import asyncio

import pytest

from pidalio.agent.registration import Registrar
from pidalio.errors import NotFound, Refused, ServerUnreachable
from pidalio.model import Health, Report, Severity, Word, Workload

from .conftest import until

ROW = Workload("reviews-0", "default", "10.0.0.7", (("app", "reviews"),))
SICK = Workload("reviews-0", "default", "10.0.0.7", (("app", "reviews"),), health=Health.UNHEALTHY)


class FakeClient:
    """A control plane that may be away."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.known: dict[str, Health] = {}
        self.reports: list[str] = []
        self.renewals = 0

    async def register(self, registration) -> None:
        if self.error:
            raise self.error
        self.renewals += 1
        self.known[registration.workload.name] = registration.workload.health
        self.word = registration.word
        self.reports = [report.code for report in registration.reports]

    async def deregister(self, name, namespace) -> None:
        if self.error:
            raise self.error
        if name not in self.known:
            raise NotFound(name)
        del self.known[name]


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
async def registrar(client):
    told: list[Report] = []
    made = Registrar(client, told.append, lease_seconds=0.3)
    made.told = told
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_registers_at_once_and_renews(client, registrar):
    await registrar.register(ROW)
    assert client.known == {"reviews-0": Health.HEALTHY}
    await until(lambda: client.renewals >= 3)


async def test_control_plane_that_was_away_learns_the_newest_state(client, registrar):
    client.error = ServerUnreachable("nobody answers")
    await registrar.register(ROW)
    await registrar.register(SICK)
    assert [report.code for report in registrar.told] == ["not-registered"]
    client.error = None
    await until(lambda: client.known == {"reviews-0": Health.UNHEALTHY})


async def test_removal_is_tried_again(client, registrar):
    await registrar.register(ROW)
    client.error = ServerUnreachable("nobody answers")
    await registrar.deregister(ROW)
    client.error = None
    await until(lambda: client.known == {})


async def test_lease_that_ended_meanwhile_is_no_failure(client, registrar):
    await registrar.register(ROW)
    client.known.clear()
    await registrar.deregister(ROW)
    assert registrar.told == []


async def test_refusal_is_told_once(client, registrar):
    client.error = Refused("held by another")
    await registrar.register(ROW)
    await registrar.register(SICK)
    (report,) = registrar.told
    assert "held by another" in report.message


async def test_what_is_told_travels_with_the_next_renewal(client, registrar):
    await registrar.register(ROW)
    report = Report(Severity.WARNING, "workload-ended", "reviews-0 exited with 1")
    registrar.report(report)
    assert registrar.told == [report]
    await until(lambda: client.reports == ["workload-ended"])


async def test_what_kept_it_from_serving_is_over_once_it_serves(client, registrar):
    registrar.report(Report(Severity.WARNING, "workload-flapping", "reviews-0 answers again"))
    await registrar.register(SICK)
    assert client.reports == ["workload-flapping"]
    await registrar.register(ROW)
    assert client.reports == []


async def test_why_it_is_ill_travels_with_it(client, registrar):
    registrar.word = lambda: Word(Health.UNHEALTHY, "status 503", 7.0)
    await registrar.register(SICK)
    assert client.word == Word(Health.UNHEALTHY, "status 503", 7.0)
