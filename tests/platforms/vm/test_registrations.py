"""Instances that register themselves: for as long as they are heard, and across a restart."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest
from tests.platforms.vm.world import QUICK, Mesh, entry, streaming, until

from pidalio.errors import Conflict, NotFound, UsageError
from pidalio.model import Health, Word
from pidalio.platforms.vm import FileStore, Registrations, Times
from pidalio.store.guarding import Guard

SLOW = Times(shortest=0.01, grace=60, window=60)


@pytest.fixture
async def mesh() -> Mesh:
    return Mesh()


@pytest.fixture
async def known(mesh):
    made = Registrations(mesh, times=QUICK)
    await made.start(5)
    yield made
    await made.close()


async def test_an_instance_whose_agent_is_silent_is_gone_when_its_lease_ends(mesh, known) -> None:
    known.register("reviews-0.default", entry(lease=0.02))
    assert mesh.live() == ["reviews-0"]
    await until(mesh, lambda live: live == [])
    assert len(known) == 0


async def test_a_renewed_lease_runs_anew(known) -> None:
    known.register("reviews-0.default", entry(lease=0.02))
    first = known._held["reviews-0.default"].end
    known.register("reviews-0.default", entry(lease=60))
    assert first.cancelled()
    assert known._held["reviews-0.default"].end.when() > first.when() + 50


async def test_no_clock_but_ours_decides(mesh, known) -> None:
    """An agent whose clock is a year ahead, and one a year behind, live and end alike."""
    year = 365 * 86400.0
    for name, skew in (("ahead-0", year), ("behind-0", -year)):
        word = Word(Health.HEALTHY, "", known._clock() + skew)
        known.register(f"{name}.default", entry(name, f"10.0.0.{len(name)}", lease=60, word=word))
    ends = {held.end.when() - asyncio.get_running_loop().time() for held in known._held.values()}
    assert all(50 < one <= 60 for one in ends)
    assert mesh.live() == ["ahead-0", "behind-0"]


async def test_a_restart_takes_nobody_out_of_a_pool(mesh, tmp_path: Path) -> None:
    file = tmp_path / "registrations.json"
    before = Registrations(mesh, FileStore(file), times=SLOW)
    await before.start(5)
    before.register("reviews-0.default", entry(lease=60))
    before.connect(1, streaming("stream-0", "10.0.0.6"))
    before.disconnect(1, "stream-0.default")  # as all streams do when a control plane ends
    await before.close()
    assert file.stat().st_mode & 0o777 == 0o600
    again = Mesh()
    after = Registrations(again, FileStore(file), times=SLOW)
    await after.start(5)
    assert again.live() == ["reviews-0", "stream-0"]
    now = asyncio.get_running_loop().time()
    ends = {name: held.end.when() - now for name, held in after._held.items()}
    assert 110 < ends["reviews-0.default"] <= 120  # its lease, and the time to come back
    assert 110 < ends["stream-0.default"] <= 120
    after.deregister("reviews-0.default")
    await after.close()
    last = Registrations(Mesh(), FileStore(file), times=SLOW)
    await last.start(5)
    assert [one.id for one in last.entries()] == ["stream-0.default"]
    await last.close()


async def test_a_damaged_file_is_no_reason_not_to_start(mesh, tmp_path, caplog) -> None:
    file = tmp_path / "registrations.json"
    file.write_text("{")
    known = Registrations(mesh, FileStore(file))
    await known.start(5)
    assert len(known) == 0
    assert "not restored" in caplog.text
    await known.close()


async def test_a_full_disk_does_not_refuse_an_instance(mesh, tmp_path, caplog) -> None:
    known = Registrations(mesh, FileStore(tmp_path / "missing" / "registrations.json"))
    await known.start(5)
    known.register("reviews-0.default", entry(lease=60))
    await known.settled("reviews-0.default")
    assert mesh.live() == ["reviews-0"]
    assert "not kept" in caplog.text
    await known.close()


async def test_an_identity_keeps_what_it_registered(known) -> None:
    known.register("reviews-0.default", entry(lease=60, holder="spiffe://a"))
    for attempt in (
        lambda: known.register("reviews-0.default", entry(holder="spiffe://b")),
        lambda: known.connect(1, streaming(holder="spiffe://b")),
        lambda: known.deregister("reviews-0.default", "spiffe://b"),
    ):
        with pytest.raises(Conflict, match="spiffe://a"):
            attempt()


@pytest.mark.parametrize(("identity", "lease"), [("other.default", 30.0), ("reviews-0.default", 0.0)])
async def test_what_makes_no_sense_is_refused(known, identity: str, lease: float) -> None:
    with pytest.raises(UsageError):
        known.register(identity, entry(lease=lease))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"address": "web.local"}, "address: 'web.local' is no IP address"),
        ({"ports": (("http", 70000),)}, "70000 is not a port: write a number from 1 to 65535"),
        ({"named_ports": (("http", 0),)}, "0 is not a port: write a number from 1 to 65535"),
        ({"moved_ports": ((80, -1),)}, "-1 is not a port: write a number from 1 to 65535"),
        ({"weight": -3}, "weight: -3 is not between 0 and 4294967295"),
        ({"weight": 10**12}, "weight: 1000000000000 is not between 0 and 4294967295"),
    ],
)
async def test_an_instance_that_no_proxy_would_take_is_refused(mesh, known, changes, why) -> None:
    """One of them would keep a proxy from all others of its service."""
    bad = entry()
    bad = msgspec.structs.replace(bad, workload=msgspec.structs.replace(bad.workload, **changes))
    for attempt in (lambda: known.register(bad.id, bad), lambda: known.connect(1, bad)):
        with pytest.raises(UsageError, match=re.escape(why)):
            attempt()
    assert (mesh.live(), len(known)) == ([], 0)


# By streams


async def test_an_instance_lives_as_long_as_its_stream_and_the_grace_time(mesh, known) -> None:
    known.connect(1, streaming())
    assert mesh.live() == ["reviews-0"]
    known.disconnect(1, "reviews-0.default")
    assert mesh.live() == ["reviews-0"]
    await until(mesh, lambda live: live == [])


async def test_one_that_comes_back_within_the_grace_time_never_left(mesh, known) -> None:
    known.connect(1, streaming())
    known.disconnect(1, "reviews-0.default")
    known.connect(2, streaming())
    assert known._held["reviews-0.default"].end is None
    assert known.entry("reviews-0.default").disconnected_at == 0
    known.disconnect(1, "reviews-0.default")  # a former stream that ends late says nothing
    assert known._held["reviews-0.default"].end is None
    assert mesh.vanished == []


async def test_health_counts_as_it_is_told_where_the_group_says_so(mesh, known) -> None:
    def row() -> Health:
        return mesh.rows["default", "reviews-0", "Agent"].health

    known.connect(1, streaming(checked=True))
    assert row() is Health.UNHEALTHY
    known.tell_health("reviews-0.default", None)
    assert row() is Health.HEALTHY
    known.tell_health("reviews-0.default", "connection refused")
    assert row() is Health.UNHEALTHY
    assert known.word("reviews-0.default").reason == "connection refused"
    known.tell_health("reviews-0.default", None)
    known.disconnect(1, "reviews-0.default")
    known.connect(2, streaming(checked=True))
    assert row() is Health.HEALTHY  # what was told before counts until it is told anew
    known.connect(3, streaming("free-0", "10.0.0.9"))
    known.tell_health("free-0.default", "ill")
    assert mesh.rows["default", "free-0", "Agent"].health is Health.HEALTHY


# Nearly all silent


class Several:
    """Leases of some agents under a clock that is set; `renew` is a call of an agent, `end` the end of its lease."""

    def __init__(self, mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 1000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.time)
        self.mesh = mesh
        self.known_to = Registrations(mesh, believed=Guard().is_believed)

    def renew(self, *numbers: int) -> None:
        for n in numbers:
            self.known_to.register(f"w{n}.default", entry(f"w{n}", f"10.0.0.{n}", lease=30))

    async def end(self, *numbers: int) -> None:
        for n in numbers:
            self.known_to._held[f"w{n}.default"].stop()
            self.known_to._expire(f"w{n}.default")
        for n in numbers:
            while self.known_to.sharing.wish(f"w{n}.default"):
                await asyncio.sleep(0)

    def told(self) -> list[str]:
        return [report.message for report in self.known_to.reports()]


@pytest.fixture
async def several(mesh, monkeypatch):
    made = Several(mesh, monkeypatch)
    yield made
    monkeypatch.undo()
    await made.known_to.close()


async def test_when_nearly_all_agents_fall_silent_their_instances_stay(several) -> None:
    several.renew(0, 1, 2, 3, 4)
    several.time += 30
    await several.end(0, 1, 2, 3, 4)
    assert several.mesh.live() == ["w0", "w1", "w2", "w3", "w4"]
    assert several.told() == [
        (
            "5 of 5 registered instances fell silent at once: what was known last stays in force; if it is meant, "
            "say `pidalio release agents`"
        )
    ]
    several.known_to.release()
    assert (several.mesh.live(), several.told(), len(several.known_to)) == ([], [], 0)
    with pytest.raises(NotFound):
        several.known_to.release()


async def test_those_who_stay_silent_when_the_others_are_back_are_gone(several) -> None:
    several.renew(0, 1, 2, 3, 4)
    several.time += 30
    await several.end(0, 1, 2)
    several.renew(1)
    assert several.told() == []  # two of five were heard: the silent have one lease more
    several.time += 10
    several.renew(3)
    several.renew(4)
    several.time += 12
    await several.end(0, 2)
    assert several.mesh.live() == ["w1", "w3", "w4"]


async def test_agents_that_die_among_others_are_gone(several) -> None:
    several.renew(0, 1, 2)
    several.time += 20
    several.renew(0)
    several.time += 10
    await several.end(1, 2)
    assert several.mesh.live() == ["w0"]


async def test_an_agent_that_says_goodbye_is_believed_whoever_is_silent(several) -> None:
    several.renew(0, 1, 2)
    several.time += 30
    await several.end(0, 1, 2)
    several.known_to.deregister("w1.default")
    assert several.mesh.live() == ["w0", "w2"]


# Two that claim one address


async def test_the_newer_of_two_at_one_address_has_it_after_the_grace_time(mesh, known) -> None:
    known.register("old-0.default", entry("old-0", lease=60))
    known.register("new-0.default", entry("new-0", lease=60))
    assert mesh.live() == ["old-0"]
    assert [
        (one.code, "new-0.default claims the address of old-0.default" in one.message) for one in known.reports()
    ] == [("address-claimed", True)]
    await until(mesh, lambda live: live == ["new-0"])
    with pytest.raises(Conflict, match=r"claimed by new-0\.default"):
        known.register("old-0.default", entry("old-0", lease=60))
    assert [one.code for one in known.reports()] == ["address-claimed"]
    known.deregister("new-0.default")
    known.register("old-0.default", entry("old-0", lease=60))
    assert mesh.live() == ["old-0"]
    assert not list(known.reports())


async def test_the_newer_has_it_at_once_when_the_older_is_known_to_be_gone(mesh) -> None:
    known = Registrations(mesh, times=SLOW)
    known.connect(1, streaming("old-0", ports=()))
    known.connect(2, streaming("new-0", ports=()))
    assert mesh.live() == ["old-0"]
    known.disconnect(1, "old-0.default")
    assert mesh.live() == ["new-0"]
    known.disconnect(2, "new-0.default")
    known.connect(3, streaming("newest-0", ports=()))
    assert mesh.live() == ["newest-0"]
    await known.close()


@pytest.mark.parametrize(
    "other",
    [
        entry("b-0", ports=(("http", 9081),)),
        entry("b-0", ports=()),
        entry("b-0", "10.0.0.6"),
        entry("b-0", network="other"),
    ],
)
async def test_those_who_do_not_compete_are_all_live(mesh, known, other) -> None:
    known.register("a-0.default", entry("a-0", lease=60))
    known.register("b-0.default", msgspec.structs.replace(other, lease=60))
    assert mesh.live() == ["a-0", "b-0"]
    assert not list(known.reports())
