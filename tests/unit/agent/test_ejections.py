"""What an Envoy took out of its pools is told when it changes, and asked for only where something happened."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.ports import free_port

from pidalio.agent.admin import Host
from pidalio.agent.ejections import Lookout
from pidalio.agent.envoy_process import EnvoyFiles, EnvoyOptions, EnvoyProcess
from pidalio.agent.sights import SightTeller
from pidalio.errors import EnvoyUnresponsive, ServerUnreachable
from pidalio.model import Sight, Source

from .conftest import cluster_to, static_bootstrap, until

CLUSTER = "outbound|80||reviews.default.svc.cluster.local"
ADDRESS = "10.0.0.1:80"


class Envoy:
    """A supervisor with an Envoy whose admin interface answers as it is told."""

    def __init__(self, folder: Path) -> None:
        self.files = EnvoyFiles(folder / "e.json", folder / "e.sock", folder / "e.log")
        self.envoy, self.admin, self.ready = self, self, asyncio.Event()
        self.ready.set()
        self.found: list[Host] = []
        self.counters: dict[str, int] = {}
        self.asked: list[set[str]] = []
        self.told: list[tuple[Sight, ...]] = []
        self.time = 100.0
        self.is_away = False

    async def hosts(self, clusters=()):
        if self.is_away:
            raise EnvoyUnresponsive("gone")
        self.asked.append(set(clusters))
        return tuple(self.found)

    async def stats(self, pattern):
        return dict(self.counters)

    async def seen(self, sights) -> None:
        self.told.append(sights)

    def writes(self, action: str = "EJECT", number: int = 1, **more) -> None:
        event = {"type": "CONSECUTIVE_5XX", "cluster_name": CLUSTER, "upstream_url": ADDRESS, "action": action}
        with self.files.ejections.open("a") as file:
            file.write(json.dumps(event | {"num_ejections": number, "enforced": True} | more) + "\n\n")


@pytest.fixture
def envoy(tmp_path):
    return Envoy(tmp_path)


@pytest.fixture
def lookout(envoy):
    return Lookout(envoy, envoy.seen, now=lambda: envoy.time)


async def test_nothing_is_asked_while_nothing_happens(envoy, lookout):
    for _ in range(3):
        await lookout.look()
    assert (envoy.asked, envoy.told) == ([], [])


async def test_an_ejection_is_told_with_its_reason_and_its_return(envoy, lookout):
    envoy.writes(number=2)
    envoy.found = [Host(CLUSTER, ADDRESS, is_ejected=True), Host(CLUSTER, "10.0.0.2:80")]
    await lookout.look()
    out = Sight(CLUSTER, ADDRESS, Source.OUTLIER, "consecutive 5xx (2 times by now)", 100.0)
    assert envoy.told == [(out,)]
    assert envoy.asked == [{CLUSTER}]
    envoy.time, envoy.found = 130.0, [Host(CLUSTER, ADDRESS)]
    await lookout.look()
    back = Sight(CLUSTER, ADDRESS, Source.OUTLIER, "consecutive 5xx (2 times by now)", 100.0, 130.0)
    assert envoy.told[1:] == [(back,)]
    envoy.time = 800.0
    await lookout.look()
    assert envoy.told[2:] == [()]
    assert len(envoy.asked) == 2  # and no more, since nothing is out


async def test_one_that_is_removed_while_it_is_out_is_not_out_for_ever(envoy, lookout):
    """Envoy writes no line of it."""
    envoy.writes()
    envoy.found = [Host(CLUSTER, ADDRESS, is_ejected=True)]
    await lookout.look()
    envoy.found = []
    await lookout.look()
    assert envoy.told[-1][0].until == 100.0


async def test_what_is_not_enforced_is_no_ejection(envoy, lookout):
    envoy.writes(enforced=False)
    await lookout.look()
    assert envoy.asked == []


async def test_half_a_line_waits_for_its_end(envoy, lookout):
    envoy.writes()
    whole = envoy.files.ejections.read_text()
    envoy.files.ejections.write_text(whole[:40])
    await lookout.look()
    assert envoy.asked == []
    envoy.files.ejections.write_text(whole)
    await lookout.look()
    assert envoy.asked == [{CLUSTER}]


async def test_a_large_file_is_emptied_and_read_on(envoy, lookout, monkeypatch):
    monkeypatch.setattr("pidalio.agent.ejections._LARGEST_FILE", 100)
    envoy.writes()
    await lookout.look()
    assert envoy.files.ejections.stat().st_size == 0
    envoy.writes()
    await lookout.look()
    assert envoy.asked == [{CLUSTER}] * 2


async def test_a_failed_check_is_noticed_by_its_counters(envoy, lookout, monkeypatch):
    monkeypatch.setattr("pidalio.agent.ejections._COUNTERS_EVERY", 0.0)
    envoy.counters = {"cluster.x.health_check.failure": 1}
    envoy.found = [Host(CLUSTER, ADDRESS, failed_check="it fails its checks")]
    await lookout.look()
    assert envoy.told == [(Sight(CLUSTER, ADDRESS, Source.CHECK, "it fails its checks", 100.0),)]
    await until(lambda: _looked_again(envoy, lookout))


async def _looked_again(envoy: Envoy, lookout: Lookout) -> bool:
    """The pause is fifty times what the last question took."""
    envoy.counters, envoy.found = {"cluster.x.health_check.failure": 2}, [Host(CLUSTER, ADDRESS)]
    await lookout.look()
    return envoy.told[-1][0].until == 100.0


async def test_an_envoy_that_ends_has_forgotten_all(envoy, lookout):
    envoy.writes()
    envoy.found = [Host(CLUSTER, ADDRESS, is_ejected=True)]
    await lookout.look()
    envoy.is_away = True
    await lookout.look()
    assert len(envoy.told) == 1  # no answer is no word
    envoy.ready.clear()
    await lookout.look()
    assert envoy.told[-1] == ()


@pytest.mark.envoy
async def test_a_real_envoy_says_why_a_check_failed(processes, run_folder, envoy_executable):
    """Nobody listens on one port, and on the other somebody who never answers."""
    check = {
        "timeout": "0.2s",
        "interval": "0.2s",
        "no_traffic_interval": "0.2s",
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/"},
    }
    files = EnvoyFiles(run_folder / "e.json", run_folder / "e.sock", run_folder / "e.log")
    envoy = EnvoyProcess("x", EnvoyOptions(envoy_executable), files, processes)
    closed = free_port()

    async def silent(reader, writer) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        clusters = [cluster_to("a|1", "127.0.0.1", closed), cluster_to("b.2", "127.0.0.1", port)]
        await envoy.start(static_bootstrap(files.admin, [], [one | {"health_checks": [check]} for one in clusters]))
        await envoy.ready()

        async def hosts():
            return {one.cluster: one for one in await envoy.admin.hosts()}

        async def both_fail() -> bool:
            return {one.failed_check for one in (await hosts()).values()} == {
                "it fails its checks",
                "it does not answer checks in time",
            }

        await until(both_fail)
        assert (await hosts())["a|1"] == Host("a|1", f"127.0.0.1:{closed}", "it fails its checks")
        assert [one.cluster for one in await envoy.admin.hosts(["b.2"])] == ["b.2"]
        assert (await envoy.admin.stats(r"\.health_check\.(failure|healthy)$")).keys() >= {
            "cluster.b.2.health_check.failure"
        }
        await envoy.stop()


class Api:
    def __init__(self) -> None:
        self.error: Exception | None = None
        self.told: list[tuple[Sight, ...]] = []

    async def sights(self, proxy, sights, lease) -> None:
        if self.error:
            raise self.error
        self.told.append(sights)


async def test_what_is_seen_is_told_renewed_and_told_when_the_control_plane_is_back():
    api, sight = Api(), Sight(CLUSTER, ADDRESS, Source.OUTLIER)
    teller = SightTeller(api, "p", lease_seconds=0.06)
    running = asyncio.create_task(teller.run())
    await teller.seen((sight,))
    await until(lambda: api.told.count((sight,)) >= 3)
    api.error = ServerUnreachable("away")
    await teller.seen(())
    api.error = None
    await until(lambda: api.told[-1] == ())
    count = len(api.told)
    await teller.seen((sight,))
    await until(lambda: len(api.told) > count)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
