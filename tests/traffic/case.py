"""What a table says: a world, the proxy that a call passes, the calls, and what must become of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SIDECAR = "sidecar~10.0.0.1~client.default~default.svc.cluster.local"
GATEWAY = "router~10.0.0.2~edge.default~default.svc.cluster.local"
STATISTICAL = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """One request and its fate; what is None is not compared.

    `to` names the instances reached, or the shares of several: then it is sent `times` times.
    `path`, `host` and `sees` are what the instance got (a header mapped to None must be absent), `gets` what the
    client got; `tries` counts attempts, `timeout` is the one in effect and `slow` the delay of faults, in ms.
    """

    method: str = "GET"
    url: str
    headers: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    to: str | Mapping[str, float] | None = None
    status: int | None = 200
    path: str | None = None
    host: str | None = None
    sees: Mapping[str, str | None] = field(default_factory=dict)
    gets: Mapping[str, str | None] = field(default_factory=dict)
    location: str | None = None
    body: str | None = None
    flag: str | None = None
    details: str | None = None
    route: str | None = None
    cluster: str | None = None
    virtual_host: str | None = None
    tries: int | None = None
    timeout: int | None = None
    slow: int | None = None
    mirrors: frozenset[str] | None = None
    times: int = 1

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the headers as pairs; a table writes a mapping unless one is repeated."""
        return tuple(self.headers.items()) if isinstance(self.headers, Mapping) else self.headers

    @property
    def is_told(self) -> bool:
        """Tell whether the call tells the echo server to misbehave."""
        return any(name.startswith("x-echo-") for name, _ in self.pairs)

    def __str__(self) -> str:
        shown = "".join(f" {name}:{value}" for name, value in self.pairs)
        return f"{self.method} {self.url}{shown}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One world of YAML, with `$PORT` for the echo server's port, seen from one proxy.

    A sidecar is called as an HTTP proxy; a gateway, and a sidecar with `inbound`, on the port of each call's URL.
    """

    id: str
    intent: str
    config: str
    calls: tuple[Call, ...]
    proxy: str = SIDECAR
    labels: tuple[tuple[str, str], ...] = ()
    inbound: bool = False


def get(url: str, **expected: object) -> Call:
    """Return a GET call."""
    return Call(url=url, **expected)
