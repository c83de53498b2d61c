"""What is told of a platform as a whole: one line that says what to do, while it is so and no longer."""

import asyncio

from tests.platforms.following.scripted import all_of, follow, offer, web


async def test_an_answer_that_is_asked_for_twice_says_so_meanwhile(control):
    told: list[str] = []

    async def shrinks(feed) -> None:
        async def again():
            told.extend(one.line() for one in feed.reports())
            return {}

        await feed.complete({}, again)

    follower = await follow(control, all_of(web(40)), shrinks)
    assert told == ["platform-held: test: its answer lacks 40 of 40 endpoints: it is asked again before that counts"]
    assert not list(follower.reports())


async def test_what_cannot_be_written_is_told_until_it_can(control, tmp_path):
    file = tmp_path / "not-there" / "test.jsonl"

    async def disk_comes_back(feed) -> None:
        while not (told := list(feed.reports())):
            await asyncio.sleep(0.01)
        assert [one.code for one in told] == ["platform-not-kept"]
        assert "No such file or directory" in told[0].message
        file.parent.mkdir()
        while list(feed.reports()):
            await asyncio.sleep(0.01)

    await follow(control, all_of(web(2)), disk_comes_back, file=file)
    assert file.exists()


async def test_an_adapter_that_ends_by_a_mistake_is_run_again_and_told_until_it_works(control):
    async def mistaken(feed) -> None:
        raise KeyError("port")

    follower = await follow(control, all_of([offer("web", "10.0.0.1")]), mistaken, _nothing)
    assert {one.code for one in follower.reports()} == {"platform-failed", "platform-stale"}
    assert "KeyError('port')" in follower.standing().error


async def _nothing(feed) -> None:
    pass
