"""A real Consul starts, answers with indexes, keeps what it is told to, and asks for tokens."""

import asyncio

import httpx
import pytest

from .consul import ConsulAgent

pytestmark = pytest.mark.platform("consul")

WEB = {"ID": "web-1", "Name": "web", "Address": "10.0.0.5", "Port": 8080, "Meta": {"protocol": "http"}}


async def services(agent, **options):
    return sorted(await agent.call("GET", "/v1/catalog/services", **options))


async def test_it_answers_a_blocking_query_when_something_changes(tmp_path):
    async with ConsulAgent(tmp_path) as agent, httpx.AsyncClient(timeout=60) as http:
        before = await http.get(f"{agent.url}/v1/catalog/services")
        assert before.headers["x-consul-knownleader"] == "true"
        index = before.headers["x-consul-index"]
        waiting = asyncio.create_task(
            http.get(f"{agent.url}/v1/catalog/services", params={"index": index, "wait": "50s"})
        )
        await agent.call("PUT", "/v1/agent/service/register", WEB)
        after = await waiting
        assert "web" in after.json()
        assert int(after.headers["x-consul-index"]) > int(index)


async def test_killed_it_comes_back_with_what_it_knew(tmp_path):
    async with ConsulAgent(tmp_path) as agent:
        await agent.call("PUT", "/v1/agent/service/register", WEB)
        port = agent.port
        await agent.restart()
        assert agent.port == port
        assert await services(agent) == ["consul", "web"]
        (found,) = await agent.call("GET", "/v1/health/service/web")
        assert found["Service"]["Address"] == "10.0.0.5"


async def test_one_in_memory_comes_back_empty_and_its_index_starts_anew(tmp_path):
    async with ConsulAgent(tmp_path, memory=True) as agent, httpx.AsyncClient() as http:
        for n in range(20):
            external = {"Node": f"outside-{n}", "Address": f"10.0.1.{n}", "Service": {"Service": "web", "Port": 80}}
            await agent.call("PUT", "/v1/catalog/register", external)
        before = (await http.get(f"{agent.url}/v1/catalog/service/web")).headers["x-consul-index"]
        await agent.restart()
        answer = await http.get(f"{agent.url}/v1/catalog/service/web")
        assert answer.json() == []
        assert int(answer.headers["x-consul-index"]) < int(before)


async def test_a_token_that_may_not_read_gets_less_and_only_a_known_one_is_told_so(tmp_path):
    async with ConsulAgent(tmp_path, acl=True) as agent, httpx.AsyncClient() as http:
        await agent.call("PUT", "/v1/agent/service/register", WEB)
        reader = await agent.token("reader", 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }')
        assert "web" in await services(agent, token=reader)
        other = await agent.token("other", 'service "other" { policy = "read" }')
        for token, told in ((other, "true"), ("", None)):
            answer = await http.get(f"{agent.url}/v1/catalog/services", headers={"X-Consul-Token": token})
            assert (answer.status_code, answer.json()) == (200, {})
            assert answer.headers.get("x-consul-results-filtered-by-acls") == told
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            await services(agent, token="00000000-0000-0000-0000-000000000000")
