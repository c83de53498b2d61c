"""Who may call on TCP: the holder of the token, by a name that is ours."""

import httpx
import pytest
from starlette.requests import Request
from tests.unit.http.embedded import Embedded

from pidalio.http.app import app
from pidalio.http.call import PEER
from pidalio.http.failures import Forbidden, Unauthorized
from pidalio.http.guard import Guard

TOKEN = "s3cret"
GUARD = Guard(TOKEN, ("127.0.0.1:15014", "localhost:15014"))


def request(host: str = "localhost:15014", authorization: str = "", peer: tuple[str, ...] = ()) -> Request:
    headers = [(b"host", host.encode()), (b"authorization", authorization.encode())]
    return Request({"type": "http", "headers": headers, "state": {PEER: peer}})


def admit(guard: Guard, made: Request, *, is_open: bool = False, for_agents: bool = False) -> None:
    guard.admit(made, is_open=is_open, for_agents=for_agents)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_lets_in(scheme: str) -> None:
    admit(GUARD, request(authorization=f"{scheme} {TOKEN}"))


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crett", "Basic s3cret", "s3cret"])
def test_anything_else_does_not(given: str) -> None:
    with pytest.raises(Unauthorized):
        admit(GUARD, request(authorization=given))


@pytest.mark.parametrize("host", ["", "evil.example.com", "evil.example.com:15014", "localhost", "127.0.0.1:80"])
def test_a_name_that_is_not_ours_is_forbidden_even_with_the_token(host: str) -> None:
    with pytest.raises(Forbidden):
        admit(GUARD, request(host, f"Bearer {TOKEN}"))


def test_health_needs_no_token_but_our_name() -> None:
    admit(GUARD, request(), is_open=True)
    with pytest.raises(Forbidden):
        admit(GUARD, request("evil.example.com"), is_open=True)


def test_a_certificate_is_enough_for_agents_and_for_nothing_else() -> None:
    door = Guard(TOKEN, (), certificates=True)
    admit(door, request(peer=("reviews-0",)), for_agents=True)
    with pytest.raises(Unauthorized):
        admit(door, request(peer=("reviews-0",)))
    with pytest.raises(Unauthorized):
        admit(door, request(), for_agents=True)


async def test_every_operation_is_guarded(mesh: Embedded) -> None:
    from pidalio.http.operations import OPERATIONS

    guarded = app(mesh.served, token=TOKEN, hosts=("mesh",))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="http://mesh") as http:
        for one in OPERATIONS:
            path = one.path.replace("{id}", "x").replace("{what}", "routes").replace("{number}", "1")
            answer = await http.request(one.method, path)
            assert (one.path, answer.status_code) == (one.path, 200 if one.open else 401)
        for path in ("/metrics", "/openapi.json"):
            assert (await http.get(path)).status_code == 401
            assert (await http.get(path, headers={"authorization": f"Bearer {TOKEN}"})).status_code == 200
            assert (await http.get(path, headers={"host": "evil"})).status_code == 403
