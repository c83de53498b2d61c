"""Changes of what a name means, of what is seen, and of who decides, under constant load: no request is lost."""

import asyncio
import contextlib

import pytest
from tests.e2e.embedded import gateway, item, load, routes, running, service, subsets, to, workload
from tests.ports import free_port

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@contextlib.asynccontextmanager
async def outside():
    """Serve as somebody whom no mesh knows; yield the port."""
    body = b'{"from": "outside"}'
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def entry(resolution: str, address: str, port: int) -> dict:
    spec = {
        "hosts": ["outside.test"],
        "resolution": resolution,
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "endpoints": [{"address": address, "ports": {"http": port}}],
    }
    return item("ServiceEntry", "outside", spec)


async def test_a_service_entry_turns_from_dns_to_static_and_back(folder):
    async with outside() as port:
        folder.write("gateway.yaml", *gateway(free_port(), "front"))
        calls = {"CALLS": "outside=http://outside.test"}
        folder.write("front.yaml", service("front"), workload("front", environment=calls))
        folder.write("outside.yaml", entry("DNS", "localhost", port))
        async with running(folder) as mesh, load(mesh.port) as made:
            await made.more()
            for resolution, address in (
                ("STATIC", "127.0.0.1"),
                ("DNS", "localhost"),
                ("DNS_ROUND_ROBIN", "localhost"),
                ("STATIC", "127.0.0.1"),
            ):
                await mesh.edit("outside.yaml", entry(resolution, address, port))
                await made.more()
            assert made.failed == {}
            assert made.answered


def write_shop(folder) -> None:
    calls = {"CALLS": "reviews=http://reviews:9080"}
    folder.write("gateway.yaml", *gateway(free_port(), "front"))
    folder.write("front.yaml", service("front"), workload("front", environment=calls))
    folder.write("reviews.yaml", service("reviews"), workload("reviews", "v1"), workload("reviews", "v2"))
    folder.write("subsets.yaml", subsets("reviews", "v1", "v2"))
    folder.write("routes.yaml", routes("reviews", {"route": [to("reviews", "v1")]}))


async def test_a_scope_is_narrowed_and_widened(folder):
    write_shop(folder)
    async with running(folder) as mesh, load(mesh.port) as made:
        await made.more()
        for hosts in (
            ["./reviews.default.svc.cluster.local"],
            ["*/*"],
            ["./*"],
            ["~/*", "./reviews.default.svc.cluster.local"],
        ):
            scope = item(
                "Sidecar", "front", {"workloadSelector": {"labels": {"app": "front"}}, "egress": [{"hosts": hosts}]}
            )
            await mesh.edit("scope.yaml", scope)
            await made.more()
        assert made.failed == {}
        assert set(made.outcomes) == {"200 reviews v1"}


async def test_a_delegate_is_added_and_taken_away(folder):
    write_shop(folder)
    async with running(folder) as mesh, load(mesh.port) as made:
        await made.more()
        delegate = item("VirtualService", "team", {"http": [{"route": [to("reviews", "v2")]}]})
        await mesh.edit("delegate.yaml", delegate)
        root = {"match": [{"uri": {"prefix": "/"}}], "delegate": {"name": "team"}}
        await mesh.edit("routes.yaml", routes("reviews", root))
        await made.from_now_on()
        assert set(made.outcomes) == {"200 reviews v2"}
        changed = item(
            "VirtualService", "team", {"http": [{"route": [to("reviews", "v1", 50), to("reviews", "v2", 50)]}]}
        )
        await mesh.edit("delegate.yaml", changed)
        await made.more()
        await mesh.edit("routes.yaml", routes("reviews", {"route": [to("reviews", "v1")]}))
        await made.from_now_on()
        assert set(made.outcomes) == {"200 reviews v1"}
        assert made.failed == {}
