"""The example for users: its services, as a real Consul takes them, are what its rules speak of."""

import json
from pathlib import Path

import pytest
from tests.platforms.consul.following import Following
from tests.platforms.servers.consul import ConsulAgent

from pidalio.api import load
from pidalio.model import Protocol
from pidalio.server.offline import OfflineMesh

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "consul"
RULES = FOLDER / "rules" / "web.yaml"


def test_its_rules_are_valid():
    host = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web}
spec:
  hosts: [web.service.consul]
  resolution: STATIC
  ports: [{number: 8080, name: http, protocol: HTTP}]
  endpoints: [{address: 10.0.0.1, labels: {version: v1}}, {address: 10.0.0.2, labels: {version: v2}}]
"""
    mesh = OfflineMesh({"web.yaml": load(RULES.read_text(), "web.yaml"), "host.yaml": load(host, "host.yaml")})
    assert list(mesh.reports()) == []


@pytest.mark.platform("consul")
async def test_its_services_are_one_with_two_versions_and_one_port(tmp_path):
    async with ConsulAgent(tmp_path) as server, Following(tmp_path, server.url) as mesh:
        for name in ("web-v1.json", "web-v2.json"):
            stated = json.loads((FOLDER / name).read_text())["service"]
            tree = {each.title() if each != "id" else "ID": value for each, value in stated.items() if each != "check"}
            await server.call("PUT", "/v1/agent/service/register", tree)
        await mesh.until(lambda: len(mesh.endpoints("web")) == 2)
        (port,) = mesh.service("web").ports
        assert (port.number, port.protocol) == (8080, Protocol.HTTP)
        assert {dict(one.labels)["version"]: one.port for one in mesh.endpoints("web")} == {"v1": 8080, "v2": 8081}
        assert mesh.codes() == []
