"""The control plane's composition root, as far as it can be asked without starting it."""

import asyncio

from pidalio.server.serve import Server


async def test_files_that_are_no_longer_followed_are_told(caplog):
    server = object.__new__(Server)
    server._offline = None

    async def fails():
        raise ZeroDivisionError("in following")

    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    server._ended(task)
    assert server._offline.code == "files-not-followed"
    assert "in following" in server._offline.message
    assert "no longer followed" in caplog.text
