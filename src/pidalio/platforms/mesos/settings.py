"""How Mesos is found and asked: what users state."""

import base64
import ssl
from typing import Final
from urllib.parse import urlsplit

from pidalio.errors import UsageError
from pidalio.platforms.asking import SecretSettings, check_url, read_secret, tls_context

_ZOOKEEPER: Final = "zk://"
_MOST_PORT: Final = 65_000
"""Leaves room to count up."""


class MesosSettings(SecretSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Mesos with Marathon.

    `master` is `zk://HOST:PORT,…/PATH` (masters are found there, `https` says that they speak TLS) or URLs with commas
    between them; `marathon` is a URL, `mesos_dns` one that is asked only while nothing better answers. One at least.
    `user` and `password` (or `password_file`) are sent as basic authorization, a token as `token=…`.
    After a failover, tasks that the new master does not know yet are kept for `reregistration` seconds at most, unless
    their agent is back. Marathon is read as a whole every `reread` seconds; silence of so long on its events means
    that they are asked for anew. `port` is how callers know a task's first port where nothing gives it a number that
    stays (Mesos or Mesos-DNS without Marathon); further ones count up. `trust_domain` makes identities of tasks.
    """

    master: str = ""
    marathon: str = ""
    mesos_dns: str = ""
    https: bool = False
    user: str = ""
    password: str = ""
    password_file: str = ""
    reregistration: float = 600.0
    reread: float = 60.0
    port: int = 80
    trust_domain: str = ""

    def check(self) -> None:
        """Raise `UsageError` for what makes no sense."""
        super().check()
        if not (self.master or self.marathon or self.mesos_dns):
            raise UsageError("state master (zk://HOST:PORT/mesos or http://HOST:5050), marathon, or mesosDns")
        self._check_places()
        if bool(self.user) != bool(self.password or self.password_file):
            raise UsageError("user and password (or passwordFile) go together")
        if self.password and self.password_file:
            raise UsageError("password and passwordFile exclude each other")
        if self.user and (self.token or self.token_file):
            raise UsageError("user and token exclude each other: Mesos is told one of them")
        if self.reregistration < 0 or self.reread < 1:
            raise UsageError("reregistration is 0 seconds or more, reread 1 or more")
        if not 0 < self.port < _MOST_PORT:
            raise UsageError(f"port: {self.port} is no number from 1 to 64999")
        self.named("{name}", name="a", framework="b", app="c")

    def _check_places(self) -> None:
        if self.zookeeper:
            if not self.zookeeper[0]:
                raise UsageError(f"master: {self.master!r} names no server: write zk://HOST:PORT,HOST:PORT/mesos")
        else:
            for one in self.masters:
                check_url("master", one)
        for field, url in (("marathon", self.marathon), ("mesosDns", self.mesos_dns)):
            if url:
                check_url(field, url)

    @property
    def zookeeper(self) -> tuple[str, str, str] | None:
        """Return servers, path, and `user:password` (or "") where masters are found in ZooKeeper."""
        if not self.master.startswith(_ZOOKEEPER):
            return None
        hosts, _, path = self.master.removeprefix(_ZOOKEEPER).partition("/")
        secret, _, servers = hosts.rpartition("@")
        return servers, "/" + path.strip("/"), secret

    @property
    def masters(self) -> tuple[str, ...]:
        """Return the URLs of masters that are stated, in order."""
        if self.zookeeper:
            return ()
        return tuple(one.strip().rstrip("/") for one in self.master.split(",") if one.strip())

    def headers(self) -> dict[str, str]:
        """Return what proves who asks, as it is now; raise `PlatformUnavailable` when a file cannot be read."""
        if self.user:
            password = read_secret(self.password_file) if self.password_file else self.password
            return {"Authorization": "Basic " + base64.b64encode(f"{self.user}:{password}".encode()).decode()}
        secret = self.secret()
        return {"Authorization": f"token={secret}"} if secret else {}

    def tls(self) -> ssl.SSLContext | None:
        """Return how to speak TLS, None where nothing does."""
        urls = (*self.masters, self.marathon, self.mesos_dns)
        if self.https or any(urlsplit(one).scheme == "https" for one in urls):
            return tls_context(self.ca, self.cert, self.key)
        return None
