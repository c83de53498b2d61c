"""What the Consul adapter can be told, and what it takes from the environment that Consul's own tools read."""

from collections.abc import Mapping
from os import environ
from typing import Final

import msgspec

from pidalio.errors import UsageError
from pidalio.platforms.asking import HttpSettings
from pidalio.store.protocols import protocol_named

LOCAL: Final = "http://127.0.0.1:8500"
"""Where an agent listens unless it is told otherwise."""
RESERVED: Final = 8
"""Connections for each datacenter that are not one service's: names, central settings, and the queue of the rest."""
_LARGEST_PORT: Final = 65535


class ConsulSettings(HttpSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Where Consul is, what of it is followed, and how its words are read.

    `address` is an agent's (CONSUL_HTTP_ADDR, else the local agent); `token`, `token_file`, `ca`, `cert` and `key` are
    taken from CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE, CONSUL_CACERT, CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY where
    they are not stated. `datacenters` are all that are followed, separated by commas (none: the agent's own).
    `filter` is an expression of Consul's over instances (`"mesh" in Service.Tags`); services without one that it lets
    through are not there. `consul_namespace` and `partition` are Consul Enterprise's.

    Callers use `port`; 0 is the port that the service's meta `service-port` states, else the instances' own.
    `protocol` is spoken where neither meta nor Consul's service-defaults state one. `tagged_address` (`wan`, `lan`, …)
    is the address that is called; empty for the ordinary one.

    `connections` are open at most: each service has one of its own as long as they last, the others share a queue in
    which each is read at least every `poll_seconds`. A question waits `wait_seconds` for a change. When Consul has lost
    its state, what is missing stays for `settle` seconds. With `stale`, any server may answer, not only the leader.
    """

    datacenters: str | tuple[str, ...] = ""
    filter: str = ""
    consul_namespace: str = ""
    partition: str = ""
    port: int = 0
    protocol: str = ""
    tagged_address: str = ""
    connections: int = 150
    poll_seconds: float = 30.0
    wait_seconds: float = 30.0
    settle: float = 90.0
    stale: bool = False

    def check(self) -> None:
        """Raise `UsageError` for what makes no sense."""
        HttpSettings.check(self.completed())
        self.named("{name}.service.consul", name="web")
        if not 0 <= self.port <= _LARGEST_PORT:
            raise UsageError(f"port: {self.port} is not a port")
        if self.protocol and protocol_named(self.protocol) is None:
            raise UsageError(f"protocol: {self.protocol!r} is none: write http, http2, grpc, https, tls or tcp")
        least = (RESERVED + 1) * max(1, len(self.all_datacenters()))
        if self.connections < least:
            raise UsageError(f"connections: {self.connections} are too few: at least {least}")
        for name, value, shortest in (
            ("pollSeconds", self.poll_seconds, 0.1),
            ("waitSeconds", self.wait_seconds, 1.0),
            ("settle", self.settle, 0.0),
        ):
            if value < shortest:
                raise UsageError(f"{name}: at least {shortest:g} seconds")

    def completed(self, environment: Mapping[str, str] = environ) -> "ConsulSettings":
        """Return these settings with what they do not state taken from the environment."""
        found = {field: environment.get(variable, "") for field, variable in _VARIABLES.items()}
        if self.token or self.token_file or found["token"]:
            del found["token_file"]
        if self.token or self.token_file:
            del found["token"]
        found = {field: value for field, value in found.items() if value and not getattr(self, field)}
        address = self.address or found.get("address", LOCAL)
        if "://" not in address:
            secure = environment.get("CONSUL_HTTP_SSL", "").lower() in ("1", "true")
            address = f"{'https' if secure else 'http'}://{address}"
        return msgspec.structs.replace(self, **{**found, "address": address.rstrip("/")})

    def all_datacenters(self) -> tuple[str, ...]:
        """Return the datacenters that are followed, none for the agent's own."""
        stated = self.datacenters.split(",") if isinstance(self.datacenters, str) else self.datacenters
        return tuple(dict.fromkeys(one.strip() for one in stated if one.strip()))

    def questions(self) -> dict[str, str]:
        """Return the parameters that every question bears."""
        stated = {"ns": self.consul_namespace, "partition": self.partition}
        return {name: value for name, value in stated.items() if value}


_VARIABLES: Final = {
    "address": "CONSUL_HTTP_ADDR",
    "token": "CONSUL_HTTP_TOKEN",
    "token_file": "CONSUL_HTTP_TOKEN_FILE",
    "ca": "CONSUL_CACERT",
    "cert": "CONSUL_CLIENT_CERT",
    "key": "CONSUL_CLIENT_KEY",
}
