"""`pidalio compile --format static`: a file that plain `envoy -c` starts from, and that steers as it says."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from tests.e2e.commands import PATIENCE, pidalio, started
from tests.e2e.embedded import ROOT, gateway, item, serves, service, subsets, to
from tests.ports import free_port

from pidalio.cli import main
from pidalio.envoy.executable import find_envoy

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

SIDECAR = "sidecar~10.0.0.7~{}.default~default.svc.cluster.local"
ROUTER = "router~127.0.0.1~edge.default~default.svc.cluster.local"
SHOP, FIRST = ROOT / "examples/shop", ROOT / "src/pidalio/cli/templates/first"
ANSWERS = """\
import http.server, json, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"service": "front", "version": sys.argv[1]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


async def compiled(folder: Path, *arguments: str | Path) -> str:
    """Return what `pidalio compile` prints, which is one file for Envoy, with reports on the other stream left out."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from pidalio.cli import main; main(prog_name='pidalio')", "compile"),
        *map(str, arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


@contextlib.asynccontextmanager
async def envoy(folder: Path, config: str):
    """Run Envoy on a file as anybody would, with nothing else said but what several on one machine need."""
    path = folder / f"envoy-{free_port()}.yaml"
    path.write_text(config)
    arguments = ("-c", path, "--disable-hot-restart", "--concurrency", "1", "-l", "error")
    async with started(find_envoy(), *arguments, folder=folder) as running:
        yield running


async def asked(port: int, url: str) -> tuple[int, str]:
    """Return status and body of a GET that goes through a proxy port, as an application with `http_proxy` sends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    host = url.removeprefix("http://").partition("/")[0]
    writer.write(f"GET {url} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1]), answer.partition("\r\n\r\n")[2]


async def explained(folder: Path, url: str) -> int | None:
    async with pidalio("explain", "-f", ".", "--from", "client-0", "GET", url, "-o", "json", folder=folder) as command:
        assert await command.ends() == 0, command.output
    (verdict,) = json.loads(command.output)["verdicts"]
    return verdict["status"]


def backends(folder: Path, *versions: str) -> Iterator[tuple[str, int, subprocess.Popen]]:
    for version in versions:
        process = subprocess.Popen([sys.executable, "-c", ANSWERS, version], stdout=subprocess.PIPE, cwd=folder)
        yield version, int(process.stdout.readline()), process


@pytest.fixture
def running(folder) -> Iterator[dict[str, int]]:
    """Run two versions of a service by ourselves; return their ports."""
    found = list(backends(folder.path, "v1", "v2"))
    yield {version: port for version, port, _ in found}
    for _, _, process in found:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()


def write_mesh(folder, running: dict[str, int], port: int) -> None:
    entries = [
        {"address": "127.0.0.1", "ports": {"http": number}, "labels": {"version": version}}
        for version, number in running.items()
    ]
    ports = [{"number": 9080, "name": "http", "protocol": "HTTP"}]
    entry = {"hosts": ["front.example"], "ports": ports, "resolution": "STATIC", "endpoints": entries}
    paths = {
        "/v2": to("front.example", "v2"),
        "/missing-host": to("nobody.example"),
        "/missing-subset": to("front.example", "v9"),
    }
    http = [{"match": [{"uri": {"prefix": path}}], "route": [where]} for path, where in paths.items()]
    http.append({"route": [to("front.example", "v1")]})
    folder.write(
        "mesh.yaml",
        item("ServiceEntry", "front", entry),
        subsets("front.example", "v1", "v2"),
        item("VirtualService", "front", {"hosts": ["front.example"], "http": http}),
        service("empty"),
        item("LocalWorkload", "client", {"labels": {"app": "client"}, "command": ["true"]}),
        *gateway(port, "front.example"),
    )


async def test_static_file_steers_as_it_says_missing_references_included(folder, running):
    port, outbound = free_port(), free_port()
    write_mesh(folder, running, port)
    address = f"127.0.0.1:{outbound}"
    sidecar = await compiled(folder.path, "-f", ".", "--proxy", SIDECAR.format("client-0"), "--outbound", address)
    async with envoy(folder.path, sidecar) as process:
        await until_listening(outbound, process)
        for path, status, version in (
            ("/", 200, "v1"),
            ("/v2", 200, "v2"),
            ("/missing-host", 503, ""),
            ("/missing-subset", 503, ""),
        ):
            url = f"http://front.example:9080{path}"
            got, body = await asked(outbound, url)
            assert (got, f'"version": "{version}"' in body) == (status, status == 200), (path, body)
            assert await explained(folder.path, url) == (None if status == 200 else status)
        assert (await asked(outbound, "http://empty:9080/"))[0] == 503
        assert "error" not in process.output


async def test_static_file_of_a_gateway_serves(folder, running):
    port = free_port()
    write_mesh(folder, running, port)
    router = await compiled(folder.path, "-f", ".", "--proxy", ROUTER, "--labels", "istio=ingressgateway")
    async with envoy(folder.path, router) as process:
        await until_listening(port, process)
        await serves(port)
        got, body = await asked(port, f"http://127.0.0.1:{port}/")
        assert got == 200
        assert json.loads(body)["service"] == "front"


async def until_listening(port: int, process) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.process.returncode is None, process.output
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.02)


def examples() -> Iterator[pytest.param]:
    for rules in [None, *sorted((SHOP / "steps").glob("*.yaml"))]:
        yield pytest.param(SHOP / "mesh", rules, id=f"shop, {rules.stem}" if rules else "shop")
    for rules in [None, *sorted((FIRST / "rules").glob("*.yaml"))]:
        yield pytest.param(FIRST / "mesh", rules, id=f"first, {rules.stem}" if rules else "first")


def proxies(mesh: Path) -> Iterator[list[str]]:
    """Yield how `compile` is told of each proxy that runs for a folder."""
    documents = [one for file in sorted(mesh.glob("*.yaml")) for one in yaml.safe_load_all(file.read_text())]
    for one in documents:
        if one["kind"] == "LocalWorkload":
            yield ["--proxy", SIDECAR.format(f"{one['metadata']['name']}-0")]
        if one["kind"] == "Gateway":
            labels = ",".join(f"{name}={value}" for name, value in one["spec"]["selector"].items())
            yield ["--proxy", ROUTER, "--labels", labels]


@pytest.mark.parametrize(("mesh", "rules"), list(examples()))
def test_envoy_accepts_every_example(mesh, rules, tmp_path):
    files = ["-f", str(mesh)] if rules is None else ["-f", str(without(mesh, rules, tmp_path)), "-f", str(rules)]
    for number, proxy in enumerate(proxies(mesh)):
        done = CliRunner().invoke(main, ["compile", *files, *proxy])
        assert (done.exit_code, done.stderr) == (0, ""), done.output
        path = tmp_path / f"{number}.yaml"
        path.write_text(done.stdout)
        command = [find_envoy(), "--mode", "validate", "-c", path, "--disable-hot-restart", "-l", "error"]
        checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert (checked.returncode, checked.stderr) == (0, ""), proxy


def without(mesh: Path, rules: Path, tmp_path: Path) -> Path:
    """Return a copy of the folder without the objects that the rules replace."""
    replaced = {(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(rules.read_text())}
    copy = tmp_path / "mesh"
    copy.mkdir()
    for file in mesh.glob("*.yaml"):
        documents = list(yaml.safe_load_all(file.read_text()))
        kept = [one for one in documents if (one["kind"], one["metadata"]["name"]) not in replaced]
        (copy / file.name).write_text(yaml.safe_dump_all(kept))
    return copy
