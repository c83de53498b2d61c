"""Questions to an Envoy that is ending: each gets its answer or is refused, and no connection is left."""

import asyncio

import pytest

from pidalio.agent.admin import Admin
from pidalio.errors import EnvoyUnresponsive


@pytest.mark.parametrize("moment", range(16))
async def test_a_question_under_way_is_answered_and_the_connection_closed(run_folder, moment):
    """`moment` is how often other tasks ran since the question, before the connection is made and after it."""
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        ended.set()

    server = await asyncio.start_unix_server(answer, run_folder / "admin.sock")
    admin = Admin(run_folder / "admin.sock")
    question = asyncio.create_task(admin.get("/ready"))
    await asyncio.sleep(0)
    for _ in range(moment):
        await asyncio.sleep(0)
    await admin.close()
    assert (await question).status_code == 200
    await ended.wait()
    with pytest.raises(EnvoyUnresponsive, match="its Envoy is ending"):
        await admin.get("/ready")
    server.close()
