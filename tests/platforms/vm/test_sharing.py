"""Several control planes that share entries: an instance that moves never leaves a pool, and ends as one entry."""

import asyncio

import pytest
from tests.platforms.vm.world import Plane, Shared, entry, streaming, until

from pidalio.errors import PlatformUnavailable
from pidalio.model import Health
from pidalio.platforms.vm import Registrations, Times
from pidalio.platforms.vm.entry import Stored
from pidalio.platforms.vm.sharing import Wish

ID = "reviews-0.default"


@pytest.fixture
async def shared():
    return Shared()


@pytest.fixture
async def planes(shared):
    made = [await Plane(shared, name).start() for name in ("a", "b")]
    yield made
    for plane in made:
        await plane.known.close()


async def stored(shared, claim) -> None:
    """Wait until the store is as claimed."""
    async with asyncio.timeout(20):
        while not claim(shared.entries):
            await asyncio.sleep(0.005)


def owners(shared) -> dict[str, str]:
    return {name: one.entry.owner for name, one in shared.entries.items()}


async def heard_by_the_second(planes):
    """Let the second of two control planes hear the instance, and the first know of it; return both."""
    a, b = planes
    b.known.register(ID, entry(lease=60))
    await until(a.mesh, lambda live: live)
    return a, b


async def gone_everywhere(shared, a, b) -> None:
    """Wait until the instance is gone at both, and see that nothing of it is left."""
    await until(b.mesh, lambda live: live == [])
    await a.known.settled(ID)
    await b.known.settled(ID)
    assert (a.mesh.live(), b.mesh.live(), shared.entries) == ([], [], {})


async def test_what_one_hears_is_live_at_the_other(shared, planes) -> None:
    a, b = planes
    a.known.connect(1, streaming())
    a.known.register("lease-0.default", entry("lease-0", "10.0.0.9", lease=60))
    await until(b.mesh, lambda live: live == ["lease-0", "reviews-0"])
    assert owners(shared) == {ID: "a", "lease-0.default": "a"}
    a.known.disconnect(1, ID)
    a.known.deregister("lease-0.default")
    await until(b.mesh, lambda live: live == [])
    assert shared.entries == {}


async def test_health_told_to_one_counts_at_the_other(planes) -> None:
    a, b = planes
    a.known.connect(1, streaming(checked=True))
    await until(b.mesh, lambda live: live)
    a.known.tell_health(ID, None)
    await until(b.mesh, lambda _: b.mesh.rows["default", "reviews-0", "Agent"].health is Health.HEALTHY)


@pytest.mark.parametrize("first", ["leaves", "comes"])
async def test_a_stream_that_moves_never_leaves_a_pool(shared, planes, first) -> None:
    a, b = planes
    a.known.connect(1, streaming())
    await until(b.mesh, lambda live: live)
    if first == "leaves":
        a.known.disconnect(1, ID)
    b.known.connect(1, streaming())
    if first == "comes":
        a.known.disconnect(1, ID)
    await stored(shared, lambda _: owners(shared) == {ID: "b"})
    await asyncio.sleep(0.2)  # the grace time, several times
    assert (a.mesh.live(), b.mesh.live()) == (["reviews-0"], ["reviews-0"])
    assert (a.mesh.vanished, b.mesh.vanished) == ([], [])
    assert owners(shared) == {ID: "b"}
    assert not shared.entries[ID].entry.disconnected_at


async def test_a_lease_that_moves_never_leaves_a_pool(shared, planes) -> None:
    a, b = planes
    a.known.register(ID, entry(lease=0.1))
    await until(b.mesh, lambda live: live)
    b.known.register(ID, entry(lease=60))
    await stored(shared, lambda _: owners(shared) == {ID: "b"})
    await asyncio.sleep(0.3)
    assert (a.mesh.vanished, b.mesh.vanished, owners(shared)) == ([], [], {ID: "b"})


async def test_a_goodbye_counts_whoever_hears_the_instance(shared, planes) -> None:
    a, b = await heard_by_the_second(planes)
    a.known.deregister(ID)
    await until(b.mesh, lambda live: live == [])
    await stored(shared, lambda found: found == {})
    await asyncio.sleep(0.2)
    assert (a.mesh.live(), b.mesh.live(), shared.entries) == ([], [], {})


async def test_the_other_stream_of_a_proxy_takes_over_when_the_newer_one_ends(shared, planes) -> None:
    a, b = planes
    a.known.connect(1, streaming())
    await until(b.mesh, lambda live: live)
    b.known.connect(1, streaming())
    await stored(shared, lambda _: owners(shared) == {ID: "b"})
    b.known.disconnect(1, ID)
    await stored(shared, lambda _: owners(shared) == {ID: "a"})
    await asyncio.sleep(0.2)
    assert (a.mesh.vanished, b.mesh.vanished) == ([], [])


async def test_agents_of_a_control_plane_that_dies_go_over_to_the_other(shared, planes) -> None:
    a, b = planes
    for n in range(5):
        a.known.connect(n, streaming(f"w-{n}", f"10.0.0.{n}"))
    await until(b.mesh, lambda live: len(live) == 5)
    await a.die()
    for n in range(4):
        b.known.connect(n, streaming(f"w-{n}", f"10.0.0.{n}"))
    await stored(shared, lambda _: list(owners(shared).values()).count("b") == 4)
    assert b.mesh.vanished == []
    await until(b.mesh, lambda live: len(live) == 4)  # nobody heard the fifth, for long enough
    assert b.mesh.vanished == ["w-4"]
    assert set(owners(shared).values()) == {"b"}


async def test_a_control_plane_that_comes_back_has_its_instances_again(shared, planes) -> None:
    a, b = planes
    a.known.connect(1, streaming())
    await until(b.mesh, lambda live: live)
    await a.die()
    again = await Plane(shared, "a").start()
    assert again.mesh.live() == ["reviews-0"]
    again.known.connect(1, streaming())
    await asyncio.sleep(0.4)
    assert (again.mesh.vanished, b.mesh.vanished, owners(shared)) == ([], [], {ID: "a"})
    await again.known.close()


async def test_both_die_and_return(shared) -> None:
    first = [await Plane(shared, name).start() for name in ("a", "b")]
    first[0].known.connect(1, streaming())
    first[1].known.connect(1, streaming("other-0", "10.0.0.6"))
    await stored(shared, lambda found: len(found) == 2)
    for plane in first:
        await plane.die()
    again = [await Plane(shared, name).start() for name in ("a", "b")]
    assert [plane.mesh.live() for plane in again] == [["other-0", "reviews-0"]] * 2
    again[1].known.connect(1, streaming())  # it comes to the other one
    again[0].known.connect(1, streaming("other-0", "10.0.0.6"))
    await stored(shared, lambda _: owners(shared) == {ID: "b", "other-0.default": "a"})
    await asyncio.sleep(0.4)
    assert [plane.mesh.vanished for plane in again] == [[], []]
    for plane in again:
        await plane.known.close()


async def test_while_the_store_is_away_nothing_is_removed_and_all_goes_on(shared, planes) -> None:
    a, b = planes
    a.known.connect(1, streaming())
    a.known.connect(2, streaming("gone-0", "10.0.0.6"))
    await until(b.mesh, lambda live: len(live) == 2)
    for plane in planes:
        plane.door.cut()
    a.known.disconnect(1, ID)  # it moves while nobody can say so
    a.known.disconnect(2, "gone-0.default")
    b.known.connect(1, streaming())
    a.known.connect(3, streaming("new-0", "10.0.0.7"))
    assert a.mesh.live() == ["gone-0", "new-0", "reviews-0"]
    await asyncio.sleep(0.4)
    assert (a.mesh.vanished, b.mesh.vanished) == ([], [])
    assert "registrations-not-shared" in [one.code for one in a.known.reports()]
    for plane in planes:
        plane.door.mend()
    await until(a.mesh, lambda live: live == ["new-0", "reviews-0"])
    await until(b.mesh, lambda live: live == ["new-0", "reviews-0"])
    assert (a.mesh.vanished, b.mesh.vanished) == (["gone-0"], ["gone-0"])
    assert owners(shared) == {ID: "b", "new-0.default": "a"}


async def test_one_that_is_cut_off_from_the_store_keeps_its_instances(shared) -> None:
    """Its lease ends at the other, which waits; it comes back before the other gives up."""
    patient = Times(shortest=0.01, grace=0.05, window=0.05, orphan=60)
    a, b = [await Plane(shared, name, patient).start() for name in ("a", "b")]
    a.known.connect(1, streaming())
    await until(b.mesh, lambda live: live)
    a.door.cut()
    a.door.lives = False
    shared.tell_planes()
    await asyncio.sleep(0.2)
    a.door.lives = True
    a.door.mend()
    shared.tell_planes()
    await asyncio.sleep(0.2)
    assert (a.mesh.vanished, b.mesh.vanished, owners(shared)) == ([], [], {ID: "a"})
    for plane in (a, b):
        await plane.known.close()


async def test_an_instance_that_the_other_gave_up_is_written_again_by_who_hears_it(shared, planes) -> None:
    a, b = planes
    a.known.connect(1, streaming())
    await until(b.mesh, lambda live: live)
    a.door.cut()
    a.door.lives = False
    shared.tell_planes()
    await until(b.mesh, lambda live: live == [])
    a.door.lives = True
    a.door.mend()
    shared.tell_planes()
    await until(b.mesh, lambda live: live == ["reviews-0"])
    assert (a.mesh.vanished, owners(shared)) == ([], {ID: "a"})


async def test_an_emptied_store_is_filled_again_by_those_who_know(shared, planes) -> None:
    a, b = planes
    a.known.connect(1, streaming())
    b.known.connect(1, streaming("other-0", "10.0.0.6"))
    await until(a.mesh, lambda live: len(live) == 2)
    await until(b.mesh, lambda live: len(live) == 2)
    for plane in planes:
        plane.door.cut()
    shared.entries.clear()
    for plane in planes:
        plane.door.mend()
    await stored(shared, lambda _: owners(shared) == {ID: "a", "other-0.default": "b"})
    await asyncio.sleep(0.3)
    assert (a.mesh.vanished, b.mesh.vanished) == ([], [])


async def test_two_that_claim_one_address_at_two_control_planes_are_settled_alike(shared, planes) -> None:
    a, b = planes
    a.known.register("old-0.default", entry("old-0", lease=60))
    await until(b.mesh, lambda live: live == ["old-0"])
    b.known.register("new-0.default", entry("new-0", lease=60))
    await until(a.mesh, lambda live: live == ["new-0"])
    await until(b.mesh, lambda live: live == ["new-0"])
    await stored(shared, lambda _: owners(shared) == {"new-0.default": "b"})


async def test_a_word_of_another_that_comes_while_ours_is_written_counts(shared) -> None:
    """The other's claim is seen before the answer to our own, older one."""
    plane = await Plane(shared, "a").start()
    answer = asyncio.Event()
    write = plane.door.write

    async def late(identity, new, expected):
        revision = await write(identity, new, expected)
        shared.entries[identity] = Stored(streaming(owner="b"), revision + 1)
        shared.revision += 1
        plane.door.tell(lambda seen: seen.changed(identity, streaming(owner="b"), revision + 1))
        await answer.wait()
        return revision

    plane.door.write = late
    plane.known.register(ID, entry(lease=60))
    await stored(shared, lambda _: owners(shared) == {ID: "b"})
    answer.set()
    await plane.known.settled(ID)
    assert plane.known.entry(ID).owner == "b"
    assert plane.known.sharing.wish(ID) is None
    await plane.known.close()


async def test_what_nobody_changed_is_not_written(planes) -> None:
    a, _ = planes
    a.known.register(ID, entry(lease=60))
    await a.known.settled(ID)
    writes = a.door.writes
    for _ in range(5):
        a.known.register(ID, entry(lease=60))
    assert a.known.sharing.wish(ID) is None
    assert a.door.writes == writes


async def test_closing_writes_what_is_still_to_be_written(shared) -> None:
    plane = await Plane(shared, "a").start()
    plane.known.register(ID, entry(lease=60))
    assert plane.known.sharing.wish(ID) is Wish.CLAIM
    assert isinstance(plane.known, Registrations)
    await plane.known.close()
    assert owners(shared) == {ID: "a"}


async def test_a_write_that_failed_once_leaves_nothing_behind(shared, planes) -> None:
    """The store goes on to be followed, so nothing but the next write tells that it takes them again."""
    a, b = planes
    write, a.door.write = a.door.write, refusing
    a.known.connect(1, streaming())
    await reported(a, "registrations-not-shared")
    a.door.write = write
    await until(b.mesh, lambda live: live)
    await reported(a)
    a.known.disconnect(1, ID)
    await until(a.mesh, lambda live: live == [])


async def test_a_goodbye_counts_although_the_store_was_away_as_it_came(shared, planes) -> None:
    a, b = await heard_by_the_second(planes)
    write, a.door.write = a.door.write, refusing
    a.known.deregister(ID)
    await reported(a, "registrations-not-shared")
    a.door.write = write
    await gone_everywhere(shared, a, b)


async def test_a_goodbye_counts_over_a_word_that_its_owner_writes_meanwhile(shared, planes) -> None:
    a, b = await heard_by_the_second(planes)
    b.known.register(ID, entry(lease=60, labels=(("app", "other"),)))
    a.known.deregister(ID)
    await gone_everywhere(shared, a, b)


async def test_a_registration_that_comes_after_a_goodbye_stays(shared, planes) -> None:
    a, b = await heard_by_the_second(planes)
    write, a.door.write = a.door.write, refusing
    a.known.deregister(ID)
    await reported(a, "registrations-not-shared")
    b.known.deregister(ID)
    b.known.register(ID, entry(lease=60))
    await b.known.settled(ID)
    a.door.write = write
    await a.known.settled(ID)
    await until(a.mesh, lambda live: live == ["reviews-0"])
    assert owners(shared) == {ID: "b"}


async def test_a_store_that_says_who_had_an_instance_before_does_not_keep_it_for_ever(shared, planes) -> None:
    """As after a restore from a backup: each believes then that the other hears it."""
    a, b = planes
    a.known.connect(1, streaming())
    await until(b.mesh, lambda live: live)
    backup = dict(shared.entries)
    b.known.connect(1, streaming())
    await stored(shared, lambda _: owners(shared) == {ID: "b"})
    a.known.disconnect(1, ID)
    for plane in planes:
        plane.door.cut()
    shared.entries = backup
    for plane in planes:
        plane.door.mend()
    await stored(shared, lambda _: owners(shared) == {ID: "b"})
    b.known.disconnect(1, ID)
    await until(a.mesh, lambda live: live == [])
    await until(b.mesh, lambda live: live == [])
    assert shared.entries == {}


async def test_an_instance_that_is_still_heard_does_not_go_with_who_heard_it_last(shared, planes) -> None:
    a, b = planes
    a.known.connect(1, streaming())
    await until(b.mesh, lambda live: live)
    b.known.connect(1, streaming())
    await stored(shared, lambda _: owners(shared) == {ID: "b"})
    await b.die()
    await stored(shared, lambda _: owners(shared) == {ID: "a"})
    assert a.mesh.vanished == []


async def test_one_that_lost_its_address_and_ended_with_its_control_plane_is_told_of_no_more(shared, planes) -> None:
    a, b = planes
    a.known.register("old-0.default", entry("old-0", lease=60))
    await until(b.mesh, lambda live: live == ["old-0"])
    await a.die()
    b.known.register("new-0.default", entry("new-0", lease=60))
    await until(b.mesh, lambda live: live == ["new-0"])
    await reported(b, "address-claimed")
    await stored(shared, lambda _: owners(shared) == {"new-0.default": "b"})
    await reported(b)


@pytest.mark.parametrize("fails_at", ["what it reads", "what it wrote"])
async def test_a_mesh_that_fails_once_ends_no_sharing(shared, planes, fails_at) -> None:
    """As when an object that is in error cannot be compiled: the next change counts again."""
    a, b = planes
    a.known.connect(1, streaming())
    await until(b.mesh, lambda live: live)
    b.known.register("other-0.default", entry("other-0", "10.0.0.6", lease=60))
    await until(a.mesh, lambda live: len(live) == 2)
    feed, failed = a.mesh.feed, asyncio.Event()

    def failing(*_: object) -> int:
        a.mesh.feed = feed
        failed.set()
        raise RuntimeError("it cannot be compiled")

    if fails_at == "what it reads":
        a.door.cut()
        a.mesh.feed = failing
        a.door.mend()
    else:
        a.known.disconnect(1, ID)
        a.mesh.feed = failing
    await failed.wait()
    b.known.deregister("other-0.default")
    a.known.connect(3, streaming("new-0", "10.0.0.7"))
    await until(a.mesh, lambda live: "other-0" not in live)
    await until(b.mesh, lambda live: "new-0" in live)


async def refusing(*_: object) -> int:
    """Write nothing."""
    raise PlatformUnavailable("the leader changed", retry_after=0.01)


async def reported(plane: Plane, *codes: str) -> None:
    """Wait until a control plane tells of these."""
    async with asyncio.timeout(20):
        while [one.code for one in plane.known.reports()] != list(codes):
            await asyncio.sleep(0.005)
