"""A broken link, as callers of it see it."""

import asyncio
import contextlib

import pytest

from .partition import Partition


@contextlib.asynccontextmanager
async def echo():
    answering = set()

    async def answer(reader, writer):
        answering.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*answering)


@contextlib.asynccontextmanager
async def connected(link):
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ask(connection, line=b"hello\n"):
    reader, writer = connection
    writer.write(line)
    await writer.drain()
    return await asyncio.wait_for(reader.readline(), 20)


async def test_what_is_sent_arrives_and_ends_orderly():
    async with echo() as port, Partition("127.0.0.1", port) as link, connected(link) as (reader, writer):
        writer.write(b"line\n" * 100_000)
        writer.write_eof()
        assert await reader.read() == b"line\n" * 100_000
        assert link.accepted == 1


async def test_cut_resets_and_refuses_until_restored(caplog):
    async with echo() as port, Partition("127.0.0.1", port) as link:
        async with connected(link) as connection:
            assert await ask(connection) == b"hello\n"
            await link.cut()
            assert link.standing == 0
            with pytest.raises(ConnectionResetError):
                await connection[0].readline()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", link.port)
        await link.restore()
        async with connected(link) as connection:
            assert await ask(connection) == b"hello\n"
    assert caplog.records == []


async def test_frozen_it_takes_connections_and_bytes_and_gives_them_when_restored():
    async with echo() as port, Partition("127.0.0.1", port) as link, connected(link) as old:
        assert await ask(old) == b"hello\n"
        link.freeze()
        async with connected(link) as new:
            for connection, line in ((old, b"held\n"), (new, b"held too\n")):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(ask(connection, line), 0.2)
            await link.restore()
            assert await old[0].readline() == b"held\n"
            assert await new[0].readline() == b"held too\n"
        assert link.accepted == 2


async def test_a_delay_holds_each_piece_back_in_each_direction():
    loop = asyncio.get_running_loop()
    async with echo() as port, Partition("127.0.0.1", port) as link, connected(link) as connection:
        link.delay(0.15)
        begun = loop.time()
        assert await ask(connection) == b"hello\n"
        assert loop.time() - begun >= 0.29  # twice, less the clock's own grain


async def test_a_server_that_is_gone_is_a_reset():
    async with echo() as port:
        pass
    async with Partition("127.0.0.1", port) as link, connected(link) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.readline()
