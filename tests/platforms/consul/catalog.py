"""What tests tell a real Consul: instances as external nodes register them, without an agent that would take it back."""

from collections.abc import Mapping
from typing import Any

from tests.platforms.servers.consul import ConsulAgent

NODE = "outside"


class Catalog:
    """Registers, changes and removes instances of `server`; each name is an instance's id."""

    def __init__(self, server: ConsulAgent, node: str = NODE) -> None:
        self.server, self.node = server, node

    async def put(self, service: str, name: str, address: str, port: int = 8080, **fields: Any) -> None:
        """Make an instance be there and well; `fields` are more of the service's (`Meta`, `Tags`, `Weights`)."""
        tree = self._tree(service, name, **{"Address": address, "Port": port, **fields})
        tree["Checks"] = [self._check(service, name, f"service:{name}", "passing")]
        await self.server.call("PUT", "/v1/catalog/register", tree)

    async def check(self, service: str, name: str, status: str, check: str = "") -> None:
        """Make a check of an instance say `status`."""
        tree = {"Node": self.node, "Address": "10.0.0.1", "SkipNodeUpdate": True}
        tree["Check"] = self._check(service, name, check or f"service:{name}", status)
        await self.server.call("PUT", "/v1/catalog/register", tree)

    async def drop(self, name: str) -> None:
        """Take an instance away."""
        await self.server.call("PUT", "/v1/catalog/deregister", {"Node": self.node, "ServiceID": name})

    def _tree(self, service: str, name: str, **fields: Any) -> dict[str, Any]:
        return {
            "Node": self.node,
            "Address": "10.0.0.1",
            "NodeMeta": {"zone": "east"},
            "Service": {"ID": name, "Service": service, **fields},
        }

    def _check(self, service: str, name: str, check: str, status: str) -> Mapping[str, str]:
        return {"CheckID": check, "Name": check, "Status": status, "ServiceID": name, "ServiceName": service}
