"""The client: where it goes, and what it makes of answers that are none."""

import os
from pathlib import Path

import httpx
import pytest

from pidalio.errors import ServerUnreachable, Unavailable, UsageError
from pidalio.http import discovery
from pidalio.http.client import Client, Target, default_author


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("unix:/run/api.sock", "unix:/run/api.sock"),
        ("/run/api.sock", "unix:/run/api.sock"),
        ("./api.sock", "unix:./api.sock"),
        ("127.0.0.1:15014", "http://127.0.0.1:15014"),
        ("https://mesh.example.com/", "https://mesh.example.com"),
    ],
)
def test_what_users_call_a_server(said: str, address: str) -> None:
    assert Target.named(said).address == address


def test_with_tls_an_address_is_https() -> None:
    import ssl

    assert Target.named("192.0.2.1:15014", tls=ssl.create_default_context()).address == "https://192.0.2.1:15014"


@pytest.mark.parametrize(
    "said", ["mesh", "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1:0", "http://", ":", "unix:", "a b:3", "[::1"]
)
def test_what_is_no_server(said) -> None:
    with pytest.raises(UsageError, match="write it as unix:/PATH, HOST:PORT or a URL"):
        Target.named(said)


@pytest.mark.parametrize("token", ["a\nb", "ü"])
def test_what_is_no_token(token) -> None:
    with pytest.raises(UsageError, match="a token is printable ASCII"):
        Target.named("127.0.0.1:15014", token=token)


def test_by_default_the_mesh_of_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ServerUnreachable):
        Target.named(None)
    data = discovery.make_private(tmp_path / ".pidalio")
    discovery.publish(data, discovery.Pointer("unix:/run/api.sock", "", os.getpid()))
    assert Target.named(None).address == "unix:/run/api.sock"


def answering(respond) -> Client:
    client = Client(Target("http://mesh", "s3cret"))
    headers = client._http.headers
    client._http = httpx.AsyncClient(transport=httpx.MockTransport(respond), base_url="http://mesh", headers=headers)
    return client


async def test_the_token_travels_in_the_header() -> None:
    seen = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={"ok": True})

    async with answering(respond) as client:
        await client.ready()
    assert seen == ["Bearer s3cret"]


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx.Response(200, text="<html>"), Unavailable),
        (httpx.Response(200, json={"other": 1}), Unavailable),
        (httpx.Response(502, text="bad gateway"), Unavailable),
        (httpx.Response(404, text="not found"), Unavailable),
    ],
    ids=["html", "other-json", "proxy", "other-server"],
)
async def test_answers_of_something_else(response: httpx.Response, kind: type[Exception]) -> None:
    async with answering(lambda _: response) as client:
        with pytest.raises(kind):
            await client.status()


async def test_nobody_there(tmp_path: Path) -> None:
    async with Client(Target(f"unix:{tmp_path}/no.sock")) as client:
        with pytest.raises(ServerUnreachable, match="no control plane answers at unix:"):
            await client.status()


async def test_slow_servers_are_unreachable() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    async with answering(respond) as client:
        with pytest.raises(ServerUnreachable, match="in time"):
            await client.status()


def test_the_author_is_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ada")
    assert default_author() == "ada"
    monkeypatch.delenv("SUDO_USER")
    assert default_author()
