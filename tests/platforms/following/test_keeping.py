"""What is kept on disk when everything ends at once."""

import asyncio
import threading

import pytest

from pidalio.model import Endpoint
from pidalio.platforms.following import kept
from pidalio.store import tables

SLOT = (tables.ENDPOINTS, ("web.test", "default", "test/web"))


def known(number: int) -> kept.Known:
    return kept.Known({SLOT: (Endpoint("10.0.0.1", number, 80),)})


@pytest.mark.parametrize("more", [False, True])
async def test_one_that_ends_while_it_writes_ends_with_what_is_known(tmp_path, monkeypatch, more):
    file, now = tmp_path / "test.jsonl", [known(1)]
    begun, go = asyncio.Event(), threading.Event()
    loop, replace = asyncio.get_running_loop(), kept._replace

    def slow(*arguments) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go.wait(30)
        replace(*arguments)

    monkeypatch.setattr(kept, "_replace", slow)
    keeper = kept.Keeper(file, lambda: now[0], lambda *_: None, 0.0)
    running = asyncio.create_task(keeper.run())
    keeper.changed()
    await begun.wait()
    if more:
        now[0] = known(2)
        keeper.changed()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    last = asyncio.create_task(keeper.write())
    await asyncio.sleep(0)
    go.set()
    await last
    assert kept.read(file) == now[0]
