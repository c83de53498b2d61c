"""A mesh in one process follows platforms, too, as a settings file says."""

import sys

import pytest
from tests.e2e.commands import pidalio
from tests.e2e.embedded import ask, gateway
from tests.platforms.steering import Instance
from tests.ports import free_port

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs an address for each instance"),
]


async def test_a_gateway_leads_to_what_a_platform_knows(folder, registry, environment):
    instance = Instance("127.0.0.1", free_port(), "v1")
    await instance.start()
    await registry.put("web", "w1", address=instance.address, port=instance.port, version="v1", zone="east")
    (folder.path / "mesh").mkdir()
    port = free_port()
    folder.write("mesh/gateway.yaml", *gateway(port, "web.example"))
    address = f"http://127.0.0.1:{registry.port}"
    folder.write("pidalio.yaml", {"files": ["mesh"], "platforms": [{"kind": "example", "address": address}]})
    try:
        async with pidalio("up", "--settings", "pidalio.yaml", folder=folder.path, environment=environment) as command:
            await command.prints("ready: ")
            status, answer = await ask(port)
            assert (status, answer["text"]) == (200, "v1")
    finally:
        await instance.stop()
        folder.forget_sockets()
