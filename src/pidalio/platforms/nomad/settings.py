"""What the Nomad adapter can be told; Nomad's own environment variables are the defaults."""

import os
from typing import Final

import msgspec

from pidalio.errors import UsageError
from pidalio.platforms.asking import HttpSettings
from pidalio.store.protocols import protocol_named

_SHORTEST: Final = 0.1


def _environment(name: str, otherwise: str = "") -> str:
    """Return the default of a field, from the environment in which it is first needed."""
    return os.environ.get(name) or otherwise


class NomadSettings(HttpSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Where Nomad is and how its words are read.

    `address` is any server or client (NOMAD_ADDR), `token` an ACL token with `read-job`, and `node:read` for nodes
    (NOMAD_TOKEN). `among` is the namespace of Nomad whose services count, `*` for all. Callers use `port`, and speak
    what a tag `protocol=grpc` says, else `protocol`. `region` is the region of localities. `checks` asks for the checks
    of every allocation each `check_interval` seconds, one question each. All is read anew every `reconcile` seconds; a
    stream that is silent for `silence` seconds is opened anew.
    """

    address: str = msgspec.field(default_factory=lambda: _environment("NOMAD_ADDR", "http://127.0.0.1:4646"))
    token: str = msgspec.field(default_factory=lambda: _environment("NOMAD_TOKEN"))
    ca: str = msgspec.field(default_factory=lambda: _environment("NOMAD_CACERT"))
    cert: str = msgspec.field(default_factory=lambda: _environment("NOMAD_CLIENT_CERT"))
    key: str = msgspec.field(default_factory=lambda: _environment("NOMAD_CLIENT_KEY"))
    among: str = "*"
    region: str = "global"
    port: int = 80
    protocol: str = "HTTP"
    checks: bool = False
    check_interval: float = 10.0
    reconcile: float = 300.0
    silence: float = 90.0

    def check(self) -> None:
        """Raise `UsageError` for what makes no sense."""
        super().check()
        if not 0 < self.port < 65536:
            raise UsageError("port: a number from 1 to 65535")
        if protocol_named(self.protocol) is None:
            raise UsageError(f"protocol: {self.protocol!r} is not known: write HTTP, HTTP2, GRPC, TCP or TLS")
        for field in ("checkInterval", "reconcile", "silence"):
            if getattr(self, field.replace("I", "_i")) < _SHORTEST:
                raise UsageError(f"{field}: at least {_SHORTEST:g} seconds")
        self.named("{name}.{namespace}.nomad", name="web", namespace="default", job="web", datacenter="dc1")
