"""A control plane on real sockets: its API by UNIX socket, token and certificate; commands; restarts.

Proxies are clients that speak delta ADS and acknowledge, or refuse, what they are sent.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import grpc
import httpx
import pytest
from click.testing import CliRunner
from tests.e2e.commands import pidalio
from tests.xds.fake_envoy import FakeEnvoy

from pidalio.agent.certificates import create_authority, issue
from pidalio.cli import main
from pidalio.envoy import messages as pb
from pidalio.errors import PidalioError, PortInUse, ServerUnreachable, UsageError
from pidalio.http import discovery
from pidalio.http.client import Client, Target
from pidalio.http.tls import client_context
from pidalio.http.wire import Registration, SourceFile, WorkloadView
from pidalio.model import Health, Word
from pidalio.server.serve import Server
from pidalio.settings import ServerSettings, TlsPaths
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST

SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
"""
RULE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
"""
HOST = "http_proxy/reviews.default.svc.cluster.local:9080"


class Sidecar(FakeEnvoy):
    """A proxy that acknowledges everything, but refuses resources whose name is in `refuses`."""

    def __init__(self, address: str, name: str = "web-0") -> None:
        super().__init__(address, f"sidecar~10.0.0.1~{name}.default~default.svc.cluster.local")
        self.refuses: set[str] = set()
        self.is_silent = False
        self.sent: list[str] = []

    async def serve(self) -> "Sidecar":
        """Connect, take everything, and go on in the background."""
        self.stream = await self.connect()
        request = pb.DeltaDiscoveryRequest(type_url=CLUSTER)
        request.node.id = self.node
        request.node.metadata.update({"PIDALIO": {"outbound": "10.0.0.1:15001"}})
        self.stream._first = False
        await self.stream.send(request)
        await self.one()
        await self.stream.ask(ENDPOINT, *self.held[CLUSTER])
        await self.stream.ask(LISTENER)
        await self.stream.ask(ROUTE, "http_proxy")
        await self.stream.ask(VIRTUAL_HOST)
        while not self.held.get(VIRTUAL_HOST):
            await self.one()
        self.task = asyncio.create_task(self._go_on())
        return self

    async def one(self) -> None:
        message = await self.stream._read()
        self.sent += [one.name for one in message.resources]
        if self.is_silent:
            return
        if self.refuses & {one.name for one in message.resources}:
            await self.stream.nack(message, "duplicate domain")
        else:
            await self.stream.ack(message)

    async def _go_on(self) -> None:
        with contextlib.suppress(AssertionError):
            while True:
                await self.one()

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.stream.call.cancel()
        await self.close()


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch):
    """A mesh's folder, from which commands are called, and whose sockets have short names."""
    made = Path(tempfile.mkdtemp(prefix="pd", dir="/tmp"))
    (made / "mesh").mkdir()
    (made / "mesh" / "services.yaml").write_text(SERVICES)
    (made / "rule.yaml").write_text(RULE)
    monkeypatch.chdir(made)
    yield made
    shutil.rmtree(made)
    shutil.rmtree(discovery.run_directory(made), ignore_errors=True)


def settings(folder: Path, **more) -> ServerSettings:
    return ServerSettings(folder=folder, files=("mesh",), **more)


@pytest.fixture
async def server(folder: Path):
    async with Server(settings(folder)) as running:
        yield running


@pytest.fixture
async def sidecar(server: Server):
    made = await Sidecar(server.xds_address).serve()
    yield made
    await made.leave()


async def command(*arguments: str, stdin: str | None = None):
    return await asyncio.to_thread(CliRunner().invoke, main, arguments, input=stdin)


# Commands


async def test_status_of_endpoints_says_who_says_what(server: Server) -> None:
    async with Client(Target.named(None)) as client:
        row = WorkloadView("reviews-0", "default", "10.0.0.9", {"app": "reviews"}, health=Health.UNHEALTHY)
        await client.register(Registration(row, word=Word(Health.UNHEALTHY, "status 503", 7.0)))
    for words in (("--endpoints",), ("--endpoints", "reviews")):
        shown = await command("status", *words)
        assert shown.exit_code == 0, shown.output
        assert "reviews-0: agent: unhealthy for " in shown.output
    (only,) = json.loads((await command("status", "--endpoints", "-o", "json")).output)["endpoints"]
    assert (only["instance"], only["health"], only["outAt"]) == ("reviews-0", "UNHEALTHY", [])
    assert (await command("status", "--endpoints", "--strict", "-o", "yaml")).exit_code == 1
    unknown = await command("status", "--endpoints", "nobody")
    assert (unknown.exit_code, "no service nobody" in unknown.stderr) == (1, True)


async def test_apply_says_when_it_is_live(server: Server, sidecar: Sidecar) -> None:
    done = await command("apply", "-f", "rule.yaml", "-m", "to v1")
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert first == "VirtualService default/reviews added"
    assert second.startswith("revision 2: live on 1 of 1 proxy concerned, after ")
    assert sidecar.sent[-1] == HOST
    assert (await command("apply", "-f", "rule.yaml")).stdout.startswith("nothing changed\n")


async def test_apply_of_standard_input_and_of_a_folder(server: Server) -> None:
    assert (await command("apply", "-f", "-", stdin=RULE)).exit_code == 0
    (Path("rules")).mkdir()
    shutil.copy("rule.yaml", "rules/again.yaml")
    done = await command("apply", "-f", "rules")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "nothing changed")


async def test_a_refused_resource_names_the_line_and_fails_the_command(server: Server, sidecar: Sidecar) -> None:
    sidecar.refuses.add(HOST)
    done = await command("apply", "-f", "rule.yaml")
    assert done.exit_code == 1
    assert "not live everywhere: on 0 of 1 proxy concerned" in done.stdout
    assert f"  rule.yaml:8: web-0.default refused VirtualHost {HOST}: duplicate domain" in done.stdout
    assert "(from VirtualService default/reviews http[0])" in done.stdout
    shown = await command("status", "--strict")
    assert (shown.exit_code, "rejected-by-envoy" in shown.stdout) == (1, True)


async def test_a_proxy_that_lags_fails_the_command_in_time(server: Server, sidecar: Sidecar) -> None:
    sidecar.is_silent = True
    done = await command("apply", "-f", "rule.yaml", "--timeout", "100ms")
    assert done.exit_code == 1
    assert "on 0 of 1 proxy concerned" in done.stdout
    assert "web-0.default lags: " in done.stdout
    assert (await command("apply", "-f", "rule.yaml", "--no-wait")).exit_code == 0


async def test_dry_run_shows_what_would_change_for_whom(server: Server, sidecar: Sidecar) -> None:
    done = await command("apply", "-f", "rule.yaml", "--dry-run")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "VirtualService default/reviews would be added",
        f"  web-0.default: VirtualHost {HOST}",
        "dry run: 1 resource of 1 proxy would change; nothing was done",
    ]
    assert HOST in sidecar.sent
    assert sidecar.sent.count(HOST) == 1


async def test_what_is_refused_is_told_with_its_place(server: Server) -> None:
    Path("bad.yaml").write_text(RULE.replace("subset: v1", "subset: v9"))
    done = await command("apply", "-f", "bad.yaml")
    assert done.exit_code == 1
    assert done.stderr.startswith("bad.yaml:9: unknown-subset: VirtualService default/reviews: ")
    assert len(done.stderr.splitlines()) == 1
    forced = await command("apply", "-f", "bad.yaml", "--force")
    assert (forced.exit_code, "error: bad.yaml:9: unknown-subset" in forced.stderr) == (0, True)


async def test_what_a_file_owns_is_refused_and_the_file_named(server: Server) -> None:
    for arguments in (("apply", "-f", "mesh/services.yaml"), ("delete", "Service", "reviews")):
        done = await command(*arguments)
        assert done.exit_code == 1
        assert "owned by mesh/services.yaml:2" in done.stderr


async def test_get_delete_and_history(server: Server) -> None:
    await command("apply", "-f", "rule.yaml", "--author", "ada", "-m", "first")
    assert (
        "VirtualService   default    reviews  1/1               API                 rule.yaml:2"
        in (await command("get")).stdout
    )
    shown = await command("get", "vs", "reviews", "-o", "yaml")
    Path("copy.yaml").write_text(shown.stdout)
    assert (await command("apply", "-f", "copy.yaml")).stdout.startswith("nothing changed")
    gone = await command("delete", "-f", "copy.yaml")
    assert (gone.exit_code, gone.stdout.splitlines()[0]) == (0, "VirtualService default/reviews removed")
    assert (await command("delete", "vs", "reviews")).exit_code == 1
    listed = (await command("history", "list")).stdout
    assert "removed VirtualService default/reviews" in listed
    assert "ada" in listed
    assert (await command("history", "restore", "2")).stdout.startswith("VirtualService default/reviews added")
    difference = (await command("history", "diff", "1", "2")).stdout
    assert "+kind: VirtualService" in difference


async def test_proxy_shows_what_is_held_and_what_is_not(server: Server, sidecar: Sidecar) -> None:
    assert "resources: 3 equal" in (await command("proxy", "web-0", "routes")).stdout
    sidecar.refuses.add(HOST)
    await command("apply", "-f", "rule.yaml")
    done = await command("proxy", "web-0", "routes", "--different")
    assert "differs" in done.stdout
    assert "rule.yaml:8" in done.stdout
    assert (await command("proxy", "nobody", "routes")).exit_code == 1


async def test_explain_live_gives_the_line_of_the_rule(server: Server, sidecar: Sidecar) -> None:
    await command("apply", "-f", "rule.yaml")
    done = await command("explain", "--from", "web-0", "GET", "http://reviews:9080/")
    assert done.exit_code == 0, done.output
    assert "rule.yaml:8 (VirtualService default/reviews http[0])" in done.stdout


async def test_commands_without_a_mesh_say_what_to_do(folder: Path) -> None:
    done = await command("status")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "pidalio up" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# Files


async def test_a_saved_file_is_live_and_a_broken_one_keeps_what_was(server: Server, sidecar: Sidecar) -> None:
    Path("mesh/rule.yaml").write_text(RULE)
    await until(lambda: sidecar.sent.count(HOST) == 2)
    Path("mesh/rule.yaml").write_text(RULE.replace("hosts", "hostz"))
    async with Client(Target.named(None)) as client:
        while not (reports := (await client.status()).reports):
            await asyncio.sleep(0.02)
    assert "unknown-field" in {one.code for one in reports}
    assert sidecar.sent.count(HOST) == 2


async def until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


# Doors


async def test_the_socket_is_private_and_found_from_the_folder(server: Server, folder: Path) -> None:
    assert server.api_socket.stat().st_mode & 0o777 == 0o600
    assert Path(server.xds_address.removeprefix("unix:")).stat().st_mode & 0o777 == 0o600
    assert server.run_directory.stat().st_mode & 0o777 == 0o700
    assert discovery.find(folder / "mesh").api == f"unix:{server.api_socket}"


async def test_tcp_needs_the_token_and_our_name(folder: Path) -> None:
    async with Server(settings(folder, api_address="127.0.0.1:0")) as server, httpx.AsyncClient() as http:
        token = (folder / ".pidalio" / "token").read_text()
        url, good = f"http://{server.api_address}", {"authorization": f"Bearer {token}"}
        assert (await http.get(f"{url}/v1/status")).status_code == 401
        assert (await http.get(f"{url}/v1/status", headers={"authorization": "Bearer x"})).status_code == 401
        assert (await http.get(f"{url}/v1/status", headers=good)).status_code == 200
        assert (await http.get(f"{url}/v1/status", headers=good | {"host": "evil.example.com"})).status_code == 403
        assert (await http.get(f"{url}/readyz")).status_code == 200
        done = await command("status", "--server", server.api_address, "--token", token)
        assert done.exit_code == 0, done.output
        assert (await command("status", "--server", server.api_address)).exit_code == 1


async def test_headers_without_end_are_cut_off(folder: Path) -> None:
    async with Server(settings(folder, api_address="127.0.0.1:0")) as server:
        host, _, port = server.api_address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /healthz HTTP/1.1\r\nx: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                writer.write(b"y" * 1000)
                await writer.drain()
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
        assert b"200 OK" not in answer
        writer.close()


async def test_beyond_loopback_without_tls_nothing_starts(folder: Path) -> None:
    for option in ("xds_address", "api_address"):
        with pytest.raises(UsageError, match="--tls-cert"):
            Server(settings(folder, **{option: "0.0.0.0:0"}))
    done = await command("serve", "mesh", "--api-address", "0.0.0.0:0")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)


async def test_mutual_tls_for_agents_and_token_for_the_rest(folder: Path) -> None:
    made = create_authority(folder / "certs", ["localhost", "127.0.0.1"])
    tls = TlsPaths(made.certificate, made.key, made.authority)
    agent = issue(folder / "certs", "reviews-0")
    context = client_context(TlsPaths(agent.certificate, agent.key, agent.authority))
    workload = WorkloadView("reviews-0", "default", "10.0.0.9", {"app": "reviews"})
    async with Server(settings(folder, api_address="127.0.0.1:0", xds_address="127.0.0.1:0", tls=tls)) as server:
        async with Client(Target(f"https://{server.api_address}", tls=context)) as client:
            assert (await client.register(Registration(workload))).id == "reviews-0.default"
            with pytest.raises(PidalioError, match="token"):
                await client.status()
        other = issue(folder / "certs", "thief")
        context = client_context(TlsPaths(other.certificate, other.key, other.authority))
        async with Client(Target(f"https://{server.api_address}", tls=context)) as client:
            with pytest.raises(PidalioError, match="reviews-0"):
                await client.deregister("reviews-0", "default")
        files = ["--tls-cert", agent.certificate, "--tls-key", agent.key, "--tls-ca", agent.authority]
        token = discovery.token_of(server.data)
        done = await command("status", "--server", server.api_address, "--token", token, *map(str, files))
        assert done.exit_code == 0, done.output


async def test_a_certificate_of_a_namespace_speaks_for_no_other(folder: Path) -> None:
    made = create_authority(folder / "certs", ["localhost", "127.0.0.1"])
    agent = issue(folder / "certs", "reviews", ["spiffe://mesh/ns/shop/sa/reviews"])
    tls = TlsPaths(made.certificate, made.key, made.authority)
    async with Server(settings(folder, api_address="127.0.0.1:0", xds_address="127.0.0.1:0", tls=tls)) as server:
        context = client_context(TlsPaths(agent.certificate, agent.key, agent.authority))
        async with Client(Target(f"https://{server.api_address}", tls=context)) as client:
            with pytest.raises(PidalioError, match="speaks for namespace shop, not for default"):
                await client.register(Registration(WorkloadView("reviews-0", "default", "10.0.0.9")))
            await client.register(Registration(WorkloadView("reviews-0", "shop", "10.0.0.9")))
        credentials = grpc.ssl_channel_credentials(
            agent.authority.read_bytes(), agent.key.read_bytes(), agent.certificate.read_bytes()
        )
        port = server.xds_address.rpartition(":")[2]
        channel = grpc.aio.secure_channel(f"localhost:{port}", credentials)
        intruder = FakeEnvoy("", "sidecar~10.0.0.1~web-0.default~default.svc.cluster.local", channel=channel)
        stream = await intruder.connect()
        await stream.ask(CLUSTER)
        assert await stream.ended() == (
            "PERMISSION_DENIED",
            "spiffe://mesh/ns/shop/sa/reviews speaks for namespace shop, not for default",
        )
        await intruder.close()


# Starting, stopping, starting again


async def test_a_second_one_in_the_same_folder_is_one_line(server: Server, folder: Path) -> None:
    with pytest.raises(PortInUse, match=f"process {os.getpid()}"):
        await Server(settings(folder)).start()
    async with Client(Target.named(None)) as client:
        assert (await client.ready()).ok


async def test_a_port_in_use_leaves_nothing_behind(folder: Path) -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    failing = Server(settings(folder, api_address=f"127.0.0.1:{port}"))
    with pytest.raises(PortInUse, match=str(port)):
        await failing.start()
    assert not failing.run_directory.exists()
    async with Server(settings(folder)):
        pass
    taken.close()
    await taken.wait_closed()


async def test_stopped_it_is_found_no_more(folder: Path) -> None:
    async with Server(settings(folder)) as server:
        pass
    with pytest.raises(ServerUnreachable):
        discovery.find(folder)
    assert not server.run_directory.exists()


async def test_an_empty_folder_is_a_mesh_too(folder: Path) -> None:
    (folder / "mesh" / "services.yaml").unlink()
    async with Server(settings(folder)) as server:
        assert server.control.objects() == ()


async def test_an_emptied_folder_takes_nothing_away_until_it_is_released(folder: Path) -> None:
    (folder / "mesh" / "rule.yaml").write_text(RULE)
    async with Server(settings(folder)) as server, Client(Target.named(None)) as client:
        for path in (folder / "mesh").glob("*.yaml"):
            path.unlink()
        async with asyncio.timeout(30):
            while "kept-last-known" not in [one.code for one in (await client.status()).reports]:
                await asyncio.sleep(0.05)
        assert len(server.control.objects()) == 3
        done = await command("release", "files")
        assert done.output.startswith("files: what it says is live with generation ")
        assert server.control.objects() == ()


async def test_a_restart_keeps_what_was_applied_and_sends_nothing_again(folder: Path) -> None:
    async with Server(settings(folder)) as server:
        async with Client(Target.named(None)) as client:
            await client.apply([SourceFile("rule.yaml", RULE)])
            await client.register(Registration(WorkloadView("reviews-0", "default", "10.0.0.9", {"app": "reviews"})))
        sidecar = await Sidecar(server.xds_address).serve()
        held = {kind: dict(sidecar.versions(kind)) for kind in sidecar.held}
        await sidecar.leave()
    async with Server(settings(folder)) as server:
        again = Sidecar(server.xds_address)
        again.held = sidecar.held
        stream = await again.connect()
        request = pb.DeltaDiscoveryRequest(type_url=CLUSTER, initial_resource_versions=held[CLUSTER])
        request.node.id = again.node
        request.node.metadata.update({"PIDALIO": {"outbound": "10.0.0.1:15001"}})
        stream._first = False
        await stream.send(request)
        for kind in (ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST):
            names = held[kind] if kind in (ENDPOINT, ROUTE) else ()
            await stream.ask(kind, *names, initial=held[kind])
        assert [names for _, *names in await stream.quiet() if names] == []
        assert server.control.revision == 2
        stream.call.cancel()
        await again.close()


async def test_serve_ends_at_a_signal_and_takes_its_socket_along(folder: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        async with pidalio("serve", "mesh", folder=folder) as running:
            await running.prints("ready: 2 objects, revision 1")
            pointer = discovery.find(folder)
            assert pointer.process == running.pid
            running.signal(number)
            assert await running.ends() == 0
            assert not Path(pointer.api.removeprefix("unix:")).exists()


async def test_after_kill_9_it_starts_again_with_everything(folder: Path) -> None:
    async with pidalio("serve", "mesh", folder=folder) as running:
        await running.prints("ready: ")
        assert (await command("apply", "-f", "rule.yaml")).exit_code == 0
        running.signal(signal.SIGKILL)
        await running.ends()
    assert (await command("status")).exit_code == 1
    async with pidalio("serve", "mesh", folder=folder) as running:
        await running.prints("ready: 3 objects, revision 2")
        assert "VirtualService" in (await command("get", "vs")).stdout
