"""The adapter against a registry of the tests: deltas, hashes, restarts and refusals."""

import contextlib

import pytest
from tests.platforms.eureka.registry import Eureka, instance
from tests.platforms.followed import Followed, eventually, healths

from pidalio.model import Health
from pidalio.platforms.eureka import KIND, EurekaSettings
from pidalio.platforms.installed import Configured


@pytest.fixture
async def eureka():
    async with Eureka() as server:
        yield server


def following(control, *addresses: str, settle: float = 0.3, reconcile: float = 60) -> Followed:
    settings = EurekaSettings(address=",".join(addresses), interval=0.1, settle=settle, reconcile=reconcile)
    settings.check()
    return Followed(control, Configured(KIND, settings))


def seen(control, host: str = "web.eureka") -> dict[str, str]:
    return healths(control, host)


def addresses(*numbers: int, health: Health = Health.HEALTHY) -> dict[str, str]:
    return {f"10.0.0.{number}": health.name for number in numbers}


async def test_deltas_bring_what_changes(control, eureka):
    eureka.put(instance("WEB", 1))
    async with following(control, eureka.url):
        await eventually(lambda: seen(control), addresses(1))
        eureka.put(instance("WEB", 2))
        await eventually(lambda: seen(control), addresses(1, 2))
        eureka.put(instance("WEB", 1, status="OUT_OF_SERVICE"))
        await eventually(lambda: seen(control), {**addresses(1, health=Health.DRAINING), **addresses(2)})
        eureka.drop(instance("WEB", 1))
        await eventually(lambda: seen(control), addresses(2))
        assert eureka.asked.count("apps") == 1


async def test_a_hash_that_differs_leads_to_a_full_answer(control, eureka):
    eureka.put(instance("WEB", 1))
    async with following(control, eureka.url):
        await eventually(lambda: seen(control), addresses(1))
        eureka.instances["h2:web:8080"] = instance("WEB", 2)  # no delta tells of it
        await eventually(lambda: seen(control), addresses(1, 2))
        assert eureka.asked.count("apps") == 2


@pytest.mark.parametrize("status", [403, 404])
async def test_a_server_without_deltas_is_read_whole(control, eureka, status):
    eureka.delta_status = status
    eureka.put(instance("WEB", 1))
    async with following(control, eureka.url):
        await eventually(lambda: seen(control), addresses(1))
        eureka.put(instance("WEB", 2))
        await eventually(lambda: seen(control), addresses(1, 2))
        assert eureka.asked.count("delta") == 1


async def test_a_server_that_still_learns_the_registry_is_asked_again_soon(control, eureka):
    eureka.status = 403
    eureka.put(instance("WEB", 1))
    async with following(control, eureka.url) as follower:
        await eventually(lambda: [one.code for one in follower.reports()], ["platform-not-read"])
        eureka.status = 200
        await eventually(lambda: seen(control), addresses(1))
        await eventually(lambda: follower.standing().state, "synced")


async def test_a_server_that_fails_takes_nothing_away_and_another_is_asked(control, eureka):
    eureka.put(instance("WEB", 1))
    async with Eureka() as other:
        other.put(instance("WEB", 1))
        async with following(control, eureka.url, other.url) as follower:
            await eventually(lambda: seen(control), addresses(1))
            eureka.status = 500
            other.put(instance("WEB", 2))
            await eventually(lambda: seen(control), addresses(1, 2))
            other.status = 500
            await eventually(lambda: follower.standing().state, "stale")
            assert seen(control) == addresses(1, 2)


async def test_a_restarted_server_that_knows_little_is_given_time(control, eureka):
    every = [instance("WEB", number) for number in range(1, 41)]
    for one in every:
        eureka.put(one)
    async with following(control, eureka.url, settle=30) as follower:
        await eventually(lambda: seen(control), addresses(*range(1, 41)))
        eureka.instances.clear()
        eureka.put(every[0])
        await eventually(lambda: follower.standing().reports != (), True)
        assert [one.code for one in follower.reports()] == ["platform-held"]
        assert seen(control) == addresses(*range(1, 41))
        for one in every[1:30]:
            eureka.put(one)
        await eventually(lambda: seen(control), addresses(*range(1, 31)))


@contextlib.asynccontextmanager
async def forty_followed(control, eureka):
    """Follow a registry of forty instances, all of which are known inside the block."""
    for number in range(1, 41):
        eureka.put(instance("WEB", number))
    async with following(control, eureka.url):
        await eventually(lambda: len(seen(control)), 40)
        yield


async def test_what_stays_gone_is_gone(control, eureka):
    async with forty_followed(control, eureka):
        eureka.instances.clear()
        await eventually(lambda: seen(control), {})


async def test_an_instance_that_cannot_be_read_stays_as_it_was(control, eureka):
    eureka.put(instance("WEB", 1))
    async with following(control, eureka.url) as follower:
        await eventually(lambda: seen(control), addresses(1))
        eureka.put(instance("WEB", 1, port={"$": "http", "@enabled": "true"}))
        eureka.put(instance("WEB", 2))
        await eventually(lambda: seen(control), addresses(1, 2))
        (report,) = follower.reports()
        assert report.code == "eureka-bad-instance"
        assert report.message == (
            "eureka: WEB h1:web:8080: port is 'http', not a port: register it with a number from 1 to 65535"
        )


async def test_a_delta_that_is_older_than_the_whole_answer_takes_nothing_back(control, eureka):
    for number in (1, 2):
        eureka.put(instance("WEB", number))
        eureka.drop(instance("WEB", number))
    eureka.freeze_delta()  # both are gone in it, and its hash says that this is all
    eureka.put(instance("WEB", 1))
    eureka.put(instance("WEB", 2))
    seen_ever: set[int] = set()
    control.watchers.append(lambda _: seen_ever.add(len(seen(control))))
    async with following(control, eureka.url):
        await eventually(lambda: seen(control), addresses(1, 2))
        asked = len(eureka.asked)
        await eventually(lambda: len(eureka.asked) > asked + 6, True)
    assert seen_ever == {2}


async def test_what_a_hash_cannot_tell_is_found_by_reading_all_now_and_then(control, eureka):
    eureka.put(instance("WEB", 1))
    async with following(control, eureka.url, reconcile=0.4):
        await eventually(lambda: seen(control), addresses(1))
        eureka.instances.clear()
        eureka.instances["h2:web:8080"] = instance("WEB", 2)  # as many are well as before, and no delta tells
        await eventually(lambda: seen(control), addresses(2))


async def test_a_restarted_server_is_given_time_by_a_restarted_control_plane_too(control, eureka):
    async with forty_followed(control, eureka):
        pass
    eureka.instances.clear()
    eureka.changes.clear()
    async with following(control, eureka.url, settle=60) as follower:  # its adapter knows nothing of before
        await eventually(lambda: [one.code for one in follower.reports()], ["platform-held"])
        asked = len(eureka.asked)
        await eventually(lambda: len(eureka.asked) > asked + 3, True)
        assert len(seen(control)) == 40
        for number in range(1, 31):
            eureka.put(instance("WEB", number))
        await eventually(lambda: len(seen(control)), 30)
