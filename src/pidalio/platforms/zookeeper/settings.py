"""What the ZooKeeper adapter can be told."""

from pathlib import Path
from typing import Literal

from pidalio.errors import PlatformUnavailable, UsageError
from pidalio.platforms.offers import NamedSettings
from pidalio.store.protocols import protocol_named


class ZooKeeperSettings(NamedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Where ZooKeeper is and how its nodes are read.

    `hosts` are `HOST:PORT,HOST:PORT/PATH`; services are below PATH. `layout` is `curator`, `serverset` or `json`.
    Callers use `port` and speak `protocol`; the secure ports of instances are `secure_port`. `credentials_file` holds
    `user:password` of the digest scheme. A session ends `session` seconds after its client was heard last.
    """

    hosts: str = ""
    layout: Literal["curator", "serverset", "json"] = "curator"
    port: int = 80
    secure_port: int = 443
    protocol: str = "HTTP"
    credentials_file: str = ""
    session: float = 10.0

    def check(self) -> None:
        """Raise `UsageError` for what makes no sense."""
        super().check()
        servers, _, path = self.hosts.partition("/")
        for one in servers.split(","):
            host, _, port = one.strip().rpartition(":")
            if not host or not port.isdigit():
                raise UsageError(f"hosts: {self.hosts!r}: write HOST:PORT[,HOST:PORT]/PATH")
        if not path.strip("/"):
            raise UsageError(f"hosts: {self.hosts!r}: say below which PATH the services are: HOST:PORT/PATH")
        if protocol_named(self.protocol) is None:
            raise UsageError(f"protocol: {self.protocol!r} is not known: write HTTP, HTTP2, GRPC, TCP or TLS")
        self.named("{name}.zookeeper", name="web")

    @property
    def servers(self) -> str:
        """Return the servers, separated by commas."""
        return self.hosts.partition("/")[0]

    @property
    def path(self) -> str:
        """Return the path below which the services are."""
        return "/" + self.hosts.partition("/")[2].strip("/")

    def credentials(self) -> str:
        """Return `user:password`, "" for none; raise `PlatformUnavailable` when the file cannot be read."""
        if not self.credentials_file:
            return ""
        try:
            return Path(self.credentials_file).expanduser().read_text().strip()
        except OSError as error:
            raise PlatformUnavailable(f"{self.credentials_file}: cannot be read: {error.strerror}") from error
