"""Doors: private sockets, ports in use, and TLS that follows its files."""

import asyncio
import socket
import ssl
import tempfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from pidalio.agent.certificates import create_authority, issue
from pidalio.errors import PortInUse, ServerUnreachable, UsageError
from pidalio.http.call import PEER
from pidalio.http.client import Client, Target
from pidalio.http.listening import Door, known_hosts, tcp_socket, unix_socket
from pidalio.http.tls import ServerTls, client_context
from pidalio.settings import TlsPaths


async def who(request: Request) -> JSONResponse:
    return JSONResponse({"ok": True, "reason": " ".join(request.scope["state"].get(PEER, ()))})


APP = Starlette(routes=[Route("/readyz", who)])


@pytest.fixture
def short() -> Path:
    """A folder whose name leaves room for a socket."""
    with tempfile.TemporaryDirectory(prefix="pd", dir="/tmp") as made:
        yield Path(made)


async def test_a_unix_socket_is_its_owners_alone(short: Path) -> None:
    door = Door(APP, unix_socket(short / "api.sock"))
    await door.open()
    assert (short / "api.sock").stat().st_mode & 0o777 == 0o600
    async with Client(Target(f"unix:{short}/api.sock")) as client:
        assert (await client.ready()).ok
    await door.close()
    async with Client(Target(f"unix:{short}/api.sock")) as client:
        with pytest.raises(ServerUnreachable):
            await client.ready()


async def test_a_socket_that_is_answered_is_not_taken_a_stale_one_is(short: Path) -> None:
    path = short / "api.sock"
    door = Door(APP, unix_socket(path))
    await door.open()
    with pytest.raises(PortInUse):
        unix_socket(path)
    await door.close()
    with socket.socket(socket.AF_UNIX) as left:
        path.unlink()
        left.bind(str(path))
    unix_socket(path).close()


async def test_requests_in_flight_end_before_the_door_is_closed(short: Path) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> JSONResponse:
        arrived.set()
        await go.wait()
        return JSONResponse({"ok": True})

    door = Door(Starlette(routes=[Route("/readyz", slow)]), unix_socket(short / "api.sock"))
    await door.open()
    async with Client(Target(f"unix:{short}/api.sock")) as client:
        asking = asyncio.create_task(client.ready())
        await arrived.wait()
        closing = asyncio.create_task(door.close())
        go.set()
        assert (await asking).ok
        await closing


def test_a_port_in_use_is_one_line() -> None:
    with tcp_socket("127.0.0.1:0") as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(PortInUse, match=f"127.0.0.1:{port}"):
            tcp_socket(f"127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["", "localhost", ":80", "localhost:x", "127.0.0.1:99999"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(UsageError):
        tcp_socket(address)


def test_known_hosts_of_an_address() -> None:
    assert known_hosts("127.0.0.1:80") == ("127.0.0.1:80", "localhost:80")
    assert "[::1]:80" in known_hosts("[::1]:80")
    assert known_hosts("192.0.2.1:80") == ("192.0.2.1:80",)


class Tls:
    """A door with certificates of one authority, which may be replaced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        made = create_authority(folder, ["localhost", "127.0.0.1"])
        self.paths = TlsPaths(made.certificate, made.key, made.authority)

    def client(self, name: str, folder: Path | None = None) -> ssl.SSLContext:
        made = issue(folder or self.folder, name)
        return client_context(TlsPaths(made.certificate, made.key, made.authority))

    async def open(self) -> str:
        listening = tcp_socket("127.0.0.1:0")
        self.door = Door(APP, listening, ServerTls(self.paths))
        await self.door.open()
        return f"https://localhost:{listening.getsockname()[1]}"


async def ask(address: str, context: ssl.SSLContext) -> str:
    async with Client(Target(address, tls=context)) as client:
        return (await client.ready()).reason


async def test_the_callers_certificate_names_it(tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    address = await tls.open()
    assert await ask(address, tls.client("reviews-0")) == "reviews-0 reviews-0"
    await tls.door.close()


async def test_without_a_certificate_nobody_is_let_in(tmp_path: Path) -> None:
    tls = Tls(tmp_path / "ours")
    address = await tls.open()
    stranger = ssl.create_default_context(cafile=str(tls.paths.ca))
    with pytest.raises(ServerUnreachable):
        await ask(address, stranger)
    create_authority(tmp_path / "theirs", ["localhost"])
    forged = issue(tmp_path / "theirs", "reviews-0")
    stranger.load_cert_chain(forged.certificate, forged.key)
    with pytest.raises(ServerUnreachable):
        await ask(address, stranger)
    await tls.door.close()


async def test_new_certificates_and_a_new_authority_count_from_the_next_connection(tmp_path: Path) -> None:
    tls = Tls(tmp_path / "ours")
    address = await tls.open()
    old = tls.client("reviews-0")
    await ask(address, old)
    other = create_authority(tmp_path / "theirs", ["localhost", "127.0.0.1"])
    for path, source in (
        (tls.paths.cert, other.certificate),
        (tls.paths.key, other.key),
        (tls.paths.ca, other.authority),
    ):
        path.write_bytes(source.read_bytes())
    assert await ask(address, tls.client("reviews-1", tmp_path / "theirs")) == "reviews-1 reviews-1"
    with pytest.raises(ServerUnreachable):
        await ask(address, old)
    await tls.door.close()


async def test_half_written_files_leave_the_former_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tls = Tls(tmp_path)
    address = await tls.open()
    client = tls.client("reviews-0")
    tls.paths.cert.write_text("-----BEGIN CERT")
    assert await ask(address, client) == "reviews-0 reviews-0"
    assert "keeping the former certificate" in caplog.text
    await tls.door.close()


def test_files_that_do_not_belong_together_are_refused_at_the_start(tmp_path: Path) -> None:
    made = create_authority(tmp_path, ["localhost"])
    other = issue(tmp_path, "other")
    with pytest.raises(UsageError, match=r"server\.crt"):
        ServerTls(TlsPaths(made.certificate, other.key, made.authority))
