"""Traffic follows a Cloud Foundry: with TLS and without, while NATS dies and comes back, and when ports are reused."""

import asyncio
import ssl

import pytest
from aiohttp import web
from cryptography import x509
from tests.e2e.embedded import Folder
from tests.platforms.cloudfoundry.cells import Cells, message
from tests.platforms.cloudfoundry.controller import CLIENT, SECRET, Controller
from tests.platforms.servers.nats import Nats
from tests.platforms.steering import Instance, Steering
from tests.platforms.story import Part, traffic_follows_and_outlives
from tests.ports import free_port
from tests.xds.test_tls import Authority, pem

pytestmark = [pytest.mark.platform("nats"), pytest.mark.envoy, pytest.mark.slow]
HOST = "shop.apps.example"


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
async def server(tmp_path):
    async with Nats(tmp_path) as made:
        yield made


@pytest.fixture
async def cells(server):
    async with Cells(server.url) as made:
        yield made


class Foundry:
    """A mesh that follows the cells, and instances with a certificate each."""

    def __init__(self, folder: Folder, server: Nats, cells: Cells, more: str = "") -> None:
        self.folder, self.cells = folder, cells
        self.authority = Authority("instance identities")
        self.port = free_port()
        ca = folder.path / "instance-ca.pem"
        ca.write_bytes(pem(self.authority.certificate))
        times = "interval=0.4&settle=1&threshold=30"
        asked = f"cloudfoundry={server.url}?instanceCa={ca}&port={self.port}&{times}{more}"
        self.mesh = Steering(folder, asked)
        self.mesh.port = self.port
        self.reached: list[str] = []
        self.runners: dict[str, web.AppRunner] = {}

    async def __aenter__(self) -> "Foundry":  # noqa: PYI034 - typed for the reader
        await self.mesh.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.mesh.__aexit__()
        for one in self.runners.values():
            await one.cleanup()

    async def start(self, guid: str, port: int, number: int) -> None:
        """Start an instance that answers its name, behind a certificate that bears it."""
        cert, key = self.authority.issue(self.folder.path, guid, x509.DNSName(guid))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)

        async def answer(_: web.Request) -> web.Response:
            self.reached.append(guid)
            return web.Response(text=guid)

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        self.runners[guid] = runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, self.address(number), port, ssl_context=context).start()

    async def stop(self, guid: str) -> None:
        await self.runners.pop(guid).cleanup()

    def address(self, number: int) -> str:
        return f"{self.mesh.subnet}.{100 + number}"

    async def register(self, guid: str, port: int, number: int, uri: str = HOST, *, tls: bool = True) -> None:
        named = {"tls_port": port, "server_cert_domain_san": guid} if tls else {}
        body = message(uri, self.address(number), port, guid=guid, app=f"app-{guid}", tags={"process_id": guid})
        await self.cells.register(guid, body | named)

    async def get(self, path: str) -> tuple[int, str]:
        answer = await self.mesh._client.get(f"http://{HOST}:{self.port}{path}")
        return answer.status_code, answer.text


class Told(Part):
    """The first instance has no TLS, the others have it, all at one port."""

    name, host = "cloudfoundry", HOST

    def __init__(self, foundry: Foundry, server: Nats) -> None:
        self.foundry, self.server, self.tls_port = foundry, server, free_port()

    async def instance(self, mesh: Steering, version: str) -> Instance:
        if version == "v1":
            return await mesh.instance(version)
        number = int(version.removeprefix("v"))
        await self.foundry.start(version, self.tls_port, number)
        return Instance(self.foundry.address(number), self.tls_port, version)  # which the foundry stops

    async def put(self, one: Instance) -> None:
        number = int(one.version.removeprefix("v"))
        if one.version != "v1":
            await self.foundry.register(one.version, one.port, number)
            return
        guid = one.version
        body = message(HOST, one.address, one.port, guid=guid, app=f"app-{guid}", tags={"process_id": guid})
        await self.foundry.cells.register(guid, body)

    async def drop(self, one: Instance) -> None:
        await self.foundry.cells.unregister(one.version)

    async def end(self) -> None:
        await self.server.kill()

    async def return_with(self, *_: Instance) -> None:
        await self.server.start()
        await self.foundry.cells.connect()


async def test_traffic_follows_and_outlives_nats_and_the_control_plane(folder, server, cells):
    async with Foundry(folder, server, cells) as foundry:
        await traffic_follows_and_outlives(foundry.mesh, Told(foundry, server))


async def test_a_port_that_another_app_got_never_leads_there(folder, server, cells):
    async with Foundry(folder, server, cells) as foundry:
        port = free_port()
        await foundry.start("first", port, 1)
        await foundry.register("first", port, 1)
        await foundry.mesh.until_served(HOST, "first")
        await server.kill()  # so that nobody hears what happens now
        await foundry.stop("first")
        await foundry.start("second", port, 1)
        for _ in range(20):
            assert (await foundry.get("/"))[0] == 503
        assert "second" not in foundry.reached
        del cells.messages["first"]
        await server.start()
        await cells.connect()
        await foundry.register("second", port, 1)  # the address with another name
        await foundry.mesh.until_served(HOST, "second")


async def test_paths_lead_to_their_own_apps(folder, server, cells):
    async with Foundry(folder, server, cells) as foundry:
        port = free_port()
        for number, (guid, uri) in enumerate({"home": HOST, "api": f"{HOST}/api", "new": f"{HOST}/api/v2"}.items(), 1):
            await foundry.start(guid, port, number)
            await foundry.register(guid, port, number, uri)
        await foundry.mesh.until_served(HOST, "home")
        expected = {"/": "home", "/apis": "home", "/api": "api", "/API/v1?q=/v2": "api", "/api/v2/x": "new"}

        async def as_expected() -> bool:
            return {path: await foundry.get(path) for path in expected} == {
                path: (200, guid) for path, guid in expected.items()
            }

        async with asyncio.timeout(60):
            while not await as_expected():
                await asyncio.sleep(0.05)
        await cells.unregister("new")
        async with asyncio.timeout(60):
            while await foundry.get("/api/v2/x") != (200, "api"):
                await asyncio.sleep(0.05)


async def test_weights_of_destinations_are_shares_however_many_instances_each_has(folder, server, cells):
    async with Controller() as api:
        api.route(HOST, **{"app-old": 90, "app-new": 10})
        asked = f"&api={api.url}&client={CLIENT}&secret={SECRET}&reconcile=1"
        async with Foundry(folder, server, cells, asked) as foundry:
            mesh = foundry.mesh
            for number, app in enumerate(("old", "new", "new", "new"), 1):
                one = await mesh.instance(app)
                await cells.register(
                    str(number), message(HOST, one.address, one.port, guid=str(number), app=f"app-{app}")
                )
            await mesh.until_served(HOST, "old", "new")
            got = await mesh.send(HOST, 600)
            assert abs(got["200 new"] - 60) < 37, got  # five standard deviations of as many drawn at random
            api.route(HOST, **{"app-old": 10, "app-new": 90})
            async with asyncio.timeout(60):
                while (got := await mesh.send(HOST, 200))["200 new"] < 140:
                    await asyncio.sleep(0.1)
