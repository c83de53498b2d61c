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
    In transparent mode `dst` is the `address:port` that was called, and `protocol` may be `h2c`; `bound` names the
    listener (`address_port`) that is called instead.
    `through` is what a proxy was asked that carries the connection on: `CONNECT host:port` or `POST host:port`.
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
    dst: str = ""
    protocol: str = "http/1.1"
    bound: str = ""
    through: str | None = None

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
class Connect:
    """One connection that bears no request for the proxy, and its fate; what is None is not compared.

    `sends` is `bytes`, `tls` (a client hello with `sni` and `alpn`), or `nothing`: then the server speaks first.
    `to` and `through` are as in `Call`; `bound` names the bound listener (`address_port`) that is called instead of `dst`.
    """

    dst: str = ""
    sends: str = "bytes"
    sni: str = ""
    alpn: tuple[str, ...] = ()
    to: str | Mapping[str, float] | None = None
    cluster: str | None = None
    flag: str | None = None
    times: int = 1
    bound: str = ""
    through: str | None = None

    def __str__(self) -> str:
        return f"{self.sends} {self.sni} to {self.dst or self.bound}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One world of YAML, with `$PORT` for the echo server's port, seen from one proxy.

    A sidecar is called as an HTTP proxy; a gateway, and a sidecar with `inbound`, on the port of each call's URL.
    In `transparent` mode a sidecar gets connections with the address that each was for.
    """

    id: str
    intent: str
    config: str
    calls: tuple[Call, ...]
    connections: tuple[Connect, ...] = ()
    mode: str = "explicit"
    proxy: str = SIDECAR
    labels: tuple[tuple[str, str], ...] = ()
    inbound: bool = False


def get(url: str, **expected: object) -> Call:
    """Return a GET call."""
    return Call(url=url, **expected)
