"""Sticky weights in a running mesh: through edits and a new start of everything, users move only where they must."""

import asyncio

import httpx
import pytest
from tests.e2e.embedded import PATIENCE, Folder, gateway, routes, running, service, subsets, to, workload
from tests.ports import free_port

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
USERS = 150
VERSIONS = ("v1", "v2", "v3")


def reviews(**weights: int) -> dict:
    return routes("reviews", {"sticky": {"cookie": {}}, "route": [to("reviews", *one) for one in weights.items()]})


def write_shop(folder: Folder) -> None:
    calls = {"CALLS": "reviews=http://reviews:9080"}
    way_in, rule = gateway(free_port(), "front")
    fronts = [to("front", "v1", 50), to("front", "v2", 50)]
    rule["spec"]["http"] = [{"sticky": {"cookie": {"ttl": "3600s"}}, "route": fronts}]
    folder.write("gateway.yaml", way_in, rule)
    folder.write("front.yaml", service("front"), *(workload("front", one, environment=calls) for one in VERSIONS[:2]))
    folder.write("reviews.yaml", service("reviews"), *(workload("reviews", one) for one in VERSIONS))
    folder.write("subsets.yaml", subsets("front", "v1", "v2"), subsets("reviews", *VERSIONS))
    folder.write("routes.yaml", reviews(v1=1, v2=1))


async def visit(client: httpx.AsyncClient, cookie: str = "") -> tuple[str, str, str]:
    """Return which front and which reviews a user got, and the cookie that the user bears from then on."""
    answer = await client.get("/", headers={"cookie": cookie} if cookie else {})
    body = answer.json()
    given = answer.headers.get("set-cookie", "").partition(";")[0]
    assert bool(given) != bool(cookie), "a new user is given a cookie, and no other user"
    return body["version"], body["calls"][0]["version"], given or cookie


async def all_visit(port: int, cookies: list[str]) -> list[tuple[str, str, str]]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
        found = []
        for cookie in cookies:
            found.append(await visit(client, cookie))
            client.cookies.clear()
        return found


async def test_users_stay_through_edits_and_a_new_start(folder):
    write_shop(folder)
    async with running(folder) as mesh:
        first = await all_visit(mesh.port, [""] * USERS)
        cookies = [cookie for _, _, cookie in first]
        assert len(set(cookies)) == USERS
        assert await all_visit(mesh.port, cookies) == first, "sidecars go by the cookie that the gateway has just made"
        assert {(front, back) for front, back, _ in first} == {(a, b) for a in ("v1", "v2") for b in ("v1", "v2")}

        await mesh.edit("routes.yaml", reviews(v2=1, v3=1))
        moved = [cookie for _, back, cookie in first if back == "v1"]
        async with asyncio.timeout(PATIENCE):  # an ACK comes before Envoy's workers change
            while (await all_visit(mesh.port, moved[:1]))[0][1] == "v1":
                await asyncio.sleep(0.01)
        second = await all_visit(mesh.port, cookies)
        for before, after in zip(first, second, strict=True):
            assert after == (before if before[1] == "v2" else (before[0], "v3", before[2]))
    async with running(folder) as mesh:
        assert await all_visit(mesh.port, cookies) == second
