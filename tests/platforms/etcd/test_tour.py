"""Services in a real etcd steered by a real sidecar: they come and go, etcd dies, and no request is lost."""

import json

import pytest
from tests.e2e.embedded import Folder
from tests.platforms.etcd.keys import put_of, text
from tests.platforms.etcd.test_etcd import call
from tests.platforms.servers.etcd import Etcd
from tests.platforms.steering import Instance, Steering

pytestmark = [pytest.mark.platform("etcd"), pytest.mark.envoy]
HOST = "web.etcd"


async def put(server: Etcd, one: Instance) -> None:
    value = {"address": one.address, "port": one.port, "labels": {"version": one.version}}
    await call(server, "kv/put", **put_of(f"/services/web/{one.address}", json.dumps(value)))


async def test_traffic_follows_etcd_and_goes_on_without_it(tmp_path):
    async with Etcd(tmp_path) as server, Steering(Folder(tmp_path), f"etcd={server.url}") as mesh:
        old, new = await mesh.instance("v1"), await mesh.instance("v2")
        await put(server, old)
        await mesh.until_served(HOST, "v1", port=80)
        async with mesh.load(HOST, port=80) as load:
            await put(server, new)
            await mesh.until_served(HOST, "v1", "v2", port=80)
            await mesh.keeps("etcd", new.address)
            await server.kill()
            await load.more(100)
            await mesh.kill_control()
            await mesh.start_control()  # which knows what the last one knew
            await mesh.knows(old.address, new.address)
            mesh.folder.write_text(
                "mesh/weights.yaml",
                """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec:
  host: web.etcd
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web.etcd]
  http: [{route: [{destination: {host: web.etcd, subset: v2}}]}]
""",
            )
            await mesh.until_served(HOST, "v2", port=80)
            await server.start()
            await call(server, "kv/deleterange", key=text(f"/services/web/{old.address}"))
            third = await mesh.instance("v2")
            await put(server, third)
            await mesh.knows(third.address)
            await load.more(100)
        assert load.failed == {}
        assert old.address not in await mesh.ask("status", "--endpoints")
