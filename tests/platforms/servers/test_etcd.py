"""A real etcd keeps keys over a kill, and ends what a lease holds."""

import base64

import httpx
import pytest

from .etcd import Etcd

pytestmark = pytest.mark.platform("etcd")


def text(value):
    return base64.b64encode(value.encode()).decode()


async def call(server, path, **body):
    async with httpx.AsyncClient(timeout=60) as http:
        answer = await http.post(f"{server.url}/v3/{path}", json=body)
    answer.raise_for_status()
    return answer.json()


async def value_of(server, key):
    found = (await call(server, "kv/range", key=text(key))).get("kvs", [])
    return [base64.b64decode(each["value"]).decode() for each in found]


async def test_killed_it_comes_back_with_its_keys_and_revision(tmp_path):
    async with Etcd(tmp_path) as server:
        put = await call(server, "kv/put", key=text("/services/web/i-1"), value=text("{}"))
        port = server.port
        await server.restart()
        assert server.port == port
        assert await value_of(server, "/services/web/i-1") == ["{}"]
        again = await call(server, "kv/range", key=text("/services/web/i-1"))
        assert again["header"]["revision"] == put["header"]["revision"]


async def test_what_a_lease_holds_goes_with_it(tmp_path):
    async with Etcd(tmp_path) as server:
        lease = (await call(server, "lease/grant", TTL=600))["ID"]
        await call(server, "kv/put", key=text("/held"), value=text("yes"), lease=lease)
        assert await value_of(server, "/held") == ["yes"]
        await call(server, "lease/revoke", ID=lease)
        assert await value_of(server, "/held") == []
