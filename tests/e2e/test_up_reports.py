"""What `up` tells its user, and what runs meanwhile."""

import sys

import msgspec
import pytest
from tests.e2e.embedded import (
    ask,
    gateway,
    item,
    routes,
    running,
    service,
    to,
    until,
    workload,
)
from tests.e2e.embedded import (
    load as asking,
)
from tests.ports import free_port

from pidalio.api.load import load
from pidalio.up import mesh as mesh_module

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
ELSEWHERE = "import http.server as h, sys; h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.BaseHTTPRequestHandler).serve_forever()"


def write_front(folder) -> int:
    port = free_port()
    folder.write("gateway.yaml", *gateway(port, "front"))
    folder.write("front.yaml", service("front"), workload("front"))
    return port


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_workload_that_ignores_port_is_one_line(folder):
    write_front(folder)
    async with running(folder) as mesh:
        port = free_port()
        folder.write("deaf.yaml", workload("deaf", command=[sys.executable, "-c", ELSEWHERE, str(port)]))
        await until(lambda: any("workload-ignores-port" in line for line in mesh.lines))
        (line,) = [line for line in mesh.lines if "workload-ignores-port" in line]
        assert f"deaf-v1-0 listens on 127.0.0.1:{port} and not on" in line
        assert "\n" not in line


async def test_port_below_1024_is_moved_and_says_so(folder, monkeypatch):
    monkeypatch.setattr(mesh_module, "lowest_port", lambda: 1024)
    low = next(port for port in range(100, 1024) if is_free(port + 8000))
    folder.write("gateway.yaml", *gateway(low, "front"))
    folder.write("front.yaml", service("front"), workload("front"))
    async with running(folder) as mesh:
        assert (await ask(low + 8000))[0] == 200
        (line,) = [line for line in mesh.lines if "port-moved" in line]
        assert f"port {low} listens on {low + 8000}" in line
        assert f":{low + 8000}" in mesh.mesh.summary()


def is_free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_gateways_come_and_go(folder):
    write_front(folder)
    async with running(folder) as mesh, asking(mesh.port) as made:
        second = free_port()
        inner = gateway(second, "front", "inner")
        inner[0]["spec"]["selector"] = {"tier": "inner"}
        await mesh.edit("inner.yaml", *inner)
        await until(lambda: len(mesh.mesh.gateways) == 2)
        await until(lambda: not is_free(second))
        assert (await ask(second))[0] == 200

        (folder.path / "inner.yaml").unlink()
        await until(lambda: len(mesh.mesh.gateways) == 1 and is_free(second))
        await made.more()
        assert made.failed == {}


async def test_port_that_becomes_taken_by_an_edit_is_told_and_the_rest_goes_on(folder):
    import socket

    port = write_front(folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with running(folder) as mesh, asking(port) as made:
            second = gateway(taken.getsockname()[1], "front", "second")
            folder.write("second.yaml", *second)
            await until(lambda: any("rejected-by-envoy" in line and "second.yaml:" in line for line in mesh.lines))
            await made.more()
            assert made.failed == {}


async def test_applied_workload_is_started_and_deleted_one_is_stopped(folder):
    write_front(folder)
    async with running(folder) as mesh:
        text = msgspec.json.encode({**workload("extra"), "kind": "LocalWorkload"})
        parsed = load(text, "extra.json").parsed
        applied = await mesh.control.apply(parsed, author="test")
        assert not applied.is_refused, applied.reports
        await mesh.instances("extra-v1-0", "front-v1-0")
        await mesh.control.delete(applied.change.added, author="test")
        await mesh.instances("front-v1-0")


async def test_rule_of_an_earlier_run_is_still_there(folder):
    write_front(folder)
    async with running(folder) as mesh:
        rule = item("VirtualService", "kept", {"hosts": ["kept.example"], "http": [{"route": [to("front")]}]})
        applied = await mesh.control.apply(load(msgspec.json.encode(rule), "kept.json").parsed, author="test")
        assert not applied.is_refused, applied.reports
    async with running(folder) as mesh:
        names = [one.meta.name for one in mesh.control.objects("VirtualService")]
        assert names == ["kept", "way-in"]
        assert (folder.path / ".pidalio/logs/access/front-v1-0.default.json").exists()


async def test_access_log_names_the_rule(folder):
    port = write_front(folder)
    folder.write("routes.yaml", routes("front", {"route": [to("front")]}))
    async with running(folder):
        assert (await ask(port))[0] == 200
        path = folder.path / ".pidalio/logs/access/ingressgateway.default.json"
        await until(lambda: path.read_text().endswith("\n"))
        entry = msgspec.json.decode(path.read_text().splitlines()[0])
        assert entry["proxy"] == "ingressgateway.default"
        assert entry["response_code"] == 200
        assert entry["rule"]
