"""What a follower lives through: adapters that do strange things, files of other versions, stops at a bad moment."""

import asyncio
import functools

import msgspec
import pytest
from tests.platforms.following.scripted import QUICK, Scripted, all_of, fails, follow, offer, web

from pidalio.api.load import load
from pidalio.errors import HistoryUnavailable, PlatformUnavailable, UsageError
from pidalio.history import SqliteHistory
from pidalio.platforms.following import Follower
from pidalio.platforms.offers import offered
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking
from pidalio.store import tables

RULE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"hosts": ["web.test"], "http": [{"route": [{"destination": {"host": "web.test"}}]}]},
}
BROKEN = RULE | {"spec": {"hosts": ["web.test"], "http": [{"retries": {"attempts": -1}}]}}


def endpoints(control, name: str = "web") -> list[str]:
    return [one.address for one in services.endpoints(control.world, (f"{name}.test", "default"))]


def raises(error: BaseException):
    async def step(feed) -> None:
        raise error

    return step


def objects(units, *, complete=False):
    return lambda feed: feed.objects(units, complete=complete)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (asyncio.CancelledError(), "its adapter gave up"),
        (ExceptionGroup("tasks", [PlatformUnavailable("gone"), PlatformUnavailable("too")]), "gone"),
        (BaseExceptionGroup("tasks", [ExceptionGroup("more", [PlatformUnavailable("gone")])]), "gone"),
        (
            ExceptionGroup("tasks", [PlatformUnavailable("gone"), KeyError("port")]),
            "its adapter failed: ExceptionGroup",
        ),
        (RecursionError("deep"), "its adapter failed: RecursionError('deep')"),
        (TimeoutError(), "its adapter failed: TimeoutError()"),
        (StopAsyncIteration(), "its adapter failed: "),
    ],
    ids=repr,
)
async def test_an_adapter_that_ends_in_any_way_is_run_again(control, error, said):
    seen: list[str] = []

    async def note(feed) -> None:
        seen.append(feed.standing().error)

    await follow(control, all_of(web(2)), raises(error), note, all_of(web(3)))
    assert seen[0].startswith(said)
    assert len(endpoints(control)) == 3


async def test_an_adapter_that_refuses_its_settings_late_is_told_and_waits_long(control):
    adapter = Scripted(all_of(web(2)), raises(UsageError("no such cluster")))
    follower = Follower("test", "scripted", adapter, Taking(control, lambda _: None), pace=QUICK)
    task = asyncio.create_task(follower.run())
    async with asyncio.timeout(20):
        while not (error := follower.standing().error):
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert error == "no such cluster"
    assert len(endpoints(control)) == 2


async def test_ended_while_an_answer_is_held_it_keeps_what_it_knew(control, tmp_path):
    file = tmp_path / "test.jsonl"
    asked = asyncio.Event()

    async def never(feed) -> None:
        async def again():
            asked.set()
            await asyncio.Event().wait()

        await feed.complete({}, again)

    follower = Follower(
        "test", "scripted", Scripted(all_of(web(40)), never), Taking(control, lambda _: None), file=file, pace=QUICK
    )
    task = asyncio.create_task(follower.run())
    await asyncio.wait_for(asked.wait(), 20)
    assert follower.standing().state == "held"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(endpoints(control)) == 40
    history = await SqliteHistory.open(tmp_path / "other.db")
    other = ControlPlane(history)
    await follow(other, fails("gone"), file=file)
    assert len(endpoints(other)) == 40
    await history.close()


async def test_a_suspicious_answer_can_be_released_while_it_is_asked_for_again(control):
    states: list[str] = []

    async def shrinks(feed) -> None:
        async def again():
            await control.release("test", author="ada")
            states.append(f"{len(endpoints(control))} {feed.standing().state}")
            return offered(feed.name, web(3))

        await feed.complete(offered(feed.name, web(3)), again)

    follower = await follow(control, all_of(web(40)), shrinks)
    assert states == ["3 held"]
    assert follower.standing().state == "synced"
    assert control.guard.held("test") is None


async def test_a_suspicious_answer_whose_second_reading_fails_stays_held_until_it_is_said_again(control):
    def shrinks(again):
        return lambda feed: feed.complete(offered(feed.name, web(3)), again)

    async def fails_again():
        raise PlatformUnavailable("gone")

    async def check(feed) -> None:
        assert len(endpoints(control)) == 40
        assert [one.code for one in control.guard.reports()] == ["kept-last-known"]

    await follow(control, all_of(web(40)), shrinks(fails_again), check, all_of(web(3)))
    assert len(endpoints(control)) == 3
    assert not control.guard.reports()


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"version":99}\n',
        '{"version":1}\n["unheard-of",["a","b","c"],{}]\n',
        '{"version":1}\n["service",1,{}]\n',
        '{"version":1}\n["object","a","text"]\n',
        '{"version":1}\n["object","a",' + '{"a":' * 2000 + "1" + "}" * 2000 + "]\n",
    ],
    ids=("empty", "newer", "unknown", "torn", "text", "deep"),
)
async def test_a_file_of_another_version_does_no_harm(control, tmp_path, text):
    file = tmp_path / "test.jsonl"
    file.write_text(text)
    told: list[str] = []

    async def note(feed) -> None:
        told.extend(one.code for one in feed.reports())

    follower = await follow(control, note, all_of(web(1)), file=file)
    assert told == ["platform-not-restored"]
    assert endpoints(control) == ["10.0.0.1"]
    assert not list(follower.reports())


async def test_objects_that_cannot_be_recorded_are_an_error_of_the_adapters_call_and_come_later(control, monkeypatch):
    record, refused = control.history.record, []

    async def full(*args, **fields):
        if not refused:
            refused.append(1)
            raise HistoryUnavailable("the disk is full")
        return await record(*args, **fields)

    monkeypatch.setattr(control.history, "record", full)

    async def told(feed) -> None:
        with pytest.raises(HistoryUnavailable):
            await feed.objects({"web": RULE})

    await follow(control, told, objects({"web": RULE}))
    assert [str(item.ref) for item in control.objects()] == ["VirtualService default/web"]


async def test_a_broken_object_keeps_its_last_accepted_version_and_names_the_platform(control):
    await follow(control, all_of(web(1)), objects({"a": RULE, "b": RULE | {"metadata": {"name": "other"}}}))
    await follow(control, objects({"a": BROKEN}))
    assert {str(item.ref) for item in control.objects()} == {
        "VirtualService default/web",
        "VirtualService default/other",
    }
    lines = [one.line() for one in control.reports() if one.object and one.object.name == "web"]
    assert any(line.startswith("test: ") and "VirtualService default/web: spec.http[0]" in line for line in lines), (
        lines
    )
    await follow(control, objects({"a": RULE}))
    assert not [one for one in control.reports() if one.object and one.object.name == "web" and one.severity == 2]


async def test_a_broken_object_that_was_never_accepted_is_not_live_and_harms_no_other(control):
    await follow(control, objects({"a": BROKEN, "b": RULE | {"metadata": {"name": "other"}}}))
    assert [str(item.ref) for item in control.objects()] == ["VirtualService default/other"]


async def test_what_a_platform_owns_is_changed_there_and_nowhere_else(control):
    await follow(control, objects({"a": RULE}))
    loaded = load(msgspec.json.encode(RULE).decode(), "")
    applied = await control.apply(loaded.parsed, author="ada")
    assert applied.is_refused
    (report,) = (one for one in applied.reports if one.code == "owned-elsewhere")
    assert report.message == "owned by test; change it there"
    (item,) = control.objects()
    deleted = await control.delete([item.ref], author="ada")
    assert deleted.is_refused
    assert deleted.reports[0].message == "owned by test; remove it there"


async def test_one_row_that_two_sources_say_is_there_until_both_take_it_away(control):
    """Keys bear the platform's name; an adapter that forgets it can hide another's row, and never removes it."""
    key = ("web.test", "default", "same")
    mesh, rows = Taking(control, lambda _: None), offered("x", web(1))
    (service,), (row,) = rows[tables.SERVICES].values(), rows[tables.ENDPOINTS].values()
    for name in ("one", "two"):
        mesh.feed(name, {tables.SERVICES: {key: service}, tables.ENDPOINTS: {key: row}})
    mesh.feed("one", {tables.SERVICES: {key: None}, tables.ENDPOINTS: {key: None}})
    assert endpoints(control) == ["10.0.0.1"]
    mesh.feed("two", {tables.SERVICES: {key: None}, tables.ENDPOINTS: {key: None}})
    assert endpoints(control) == []


@pytest.mark.parametrize("status", [object(), functools.reduce(lambda tree, _: [tree], range(5000), [])], ids=type)
async def test_what_cannot_be_written_as_json_is_told_and_the_rest_goes_on(control, tmp_path, status):
    strange = RULE | {"metadata": {"name": "web", "annotations": {"a": "b"}}, "status": status}

    async def waits(feed) -> None:
        while "platform-not-kept" not in [one.code for one in feed.reports()]:
            await asyncio.sleep(0.01)

    await follow(
        control, objects({"a": strange}), waits, all_of([*web(1), offer("api", "10.0.1.1")]), file=tmp_path / "a"
    )
    assert endpoints(control, "api") == ["10.0.1.1"]


async def test_a_change_that_is_said_while_an_answer_is_taken_over_is_newer_than_it(control):
    """An adapter may hear of a change while what it read before is still on its way."""
    read = [offer(f"s{number:04}", "10.0.0.1") for number in range(1000)]
    first, last, gone = read[0], read[-1], offer("t", "10.0.0.2")

    async def overtakes(feed) -> None:
        taking = asyncio.create_task(feed.complete(offered(feed.name, read), None))
        while not endpoints(control, first.name):
            await asyncio.sleep(0)
        newer = [offer(last.name, "10.0.0.9"), gone]
        feed.change(offered(feed.name, newer))
        await taking
        await asyncio.sleep(0.01)

    await follow(control, all_of([gone]), overtakes)
    assert endpoints(control, last.name) == ["10.0.0.9"]
    assert endpoints(control, gone.name) == ["10.0.0.2"]
    assert endpoints(control, read[500].name) == ["10.0.0.1"]


async def test_hundred_thousand_rows_let_the_loop_turn(control):
    """An answer of 100,000 rows and a flood of changes are taken over a little at a time."""
    many = [offer(f"s{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}") for number in range(2000)]
    turns: list[int] = [0]

    async def count() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())

    async def change(feed) -> None:
        before = turns[0]
        feed.change(offered(feed.name, [msgspec.structs.replace(one, external=True) for one in many]))
        while not services.service(control.world, ("s1999.test", "default")).external:
            await asyncio.sleep(0)
        assert turns[0] - before >= 4000 / 200

    before = turns[0]
    await follow(control, all_of(many), change)
    assert turns[0] - before >= 2 * 4000 / 200
    counting.cancel()
    assert len(tables.SERVICES.keys(control.world)) == 2000
