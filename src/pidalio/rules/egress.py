"""The ways out of a sidecar: the egress listeners of its Sidecar, or one for all that its scope has.

Each way has a scope of its own. A *captured* one gets connections that the system redirects; another binds its ports,
and callers name it; a UNIX socket is always bound, for nothing redirects to one. Without redirection only what binds
is a way out, beside the HTTP proxy that callers name.
Source of the rules: Istio's documented egress listeners (reference §1.6, §2.4, §2.13).
"""

import ipaddress

import msgspec

from pidalio.api.object import Object
from pidalio.api.sidecar import CaptureMode, IstioEgressListener, Sidecar
from pidalio.derive import Database, derived
from pidalio.model import Mode, Origin, Protocol, Proxy
from pidalio.rules import mesh
from pidalio.rules.visibility import Scope, restricted, scope_of, sidecar_of
from pidalio.store.protocols import protocol_named

UNSPECIFIED = "0.0.0.0"  # noqa: S104 - what redirected connections to any address are looked up by, never bound
SOCKET = "unix://"


class Way(msgspec.Struct, frozen=True, gc=False):
    """A way out: of the ports of its services each as declared, or of one port or UNIX socket with a `protocol`.

    `bind` is the address to listen on, empty for that of each service; without `captured` the port is bound.
    """

    scope: Scope
    captured: bool
    bind: str = ""
    port: int = 0
    protocol: Protocol | None = None
    origin: Origin | None = None


@derived
def ways_out(world: Database, proxy: Proxy) -> tuple[Way, ...]:
    """Return the ways out of a sidecar beside its HTTP proxy, those of one port first."""
    transparent = proxy.mode is Mode.TRANSPARENT
    row = sidecar_of(world, proxy)
    if row is None or not row.spec.egress:
        return (Way(scope_of(world, proxy), captured=True),) if transparent else ()
    found = (_way(world, proxy, row, index, transparent=transparent) for index in range(len(row.spec.egress)))
    return tuple(one for one in found if one)


def _way(world: Database, proxy: Proxy, row: Object[Sidecar], index: int, *, transparent: bool) -> Way | None:
    stated = row.spec.egress[index]
    binds = stated.capture_mode is CaptureMode.NONE or stated.bind.startswith(SOCKET)
    if not binds and not transparent:
        return None
    scope = restricted(world, proxy, stated.hosts)
    bind = stated.bind or (_own_loopback(proxy) if binds else "")
    if stated.port is None:
        return Way(scope, not binds, bind)
    protocol = protocol_named(stated.port.protocol) or Protocol.UNSUPPORTED
    if protocol is Protocol.UDP:
        return None
    origin = Origin(row.ref, f"egress[{index}]")
    return Way(scope, not binds, bind or UNSPECIFIED, stated.port.number, protocol, origin)


def _own_loopback(proxy: Proxy) -> str:
    """Return where a workload reaches what its sidecar binds: its own address where several share a machine's."""
    return proxy.address if ipaddress.ip_address(proxy.address).is_loopback else "127.0.0.1"


@derived
def proxy_scope(world: Database, proxy: Proxy) -> Scope:
    """Return what callers see that name the sidecar as their HTTP proxy: what the egress listener without port lets in.

    Where all egress listeners have ports, it is nothing.
    """
    row = sidecar_of(world, proxy)
    if row is None or not row.spec.egress:
        return scope_of(world, proxy)
    last: IstioEgressListener = row.spec.egress[-1]
    return restricted(world, proxy, last.hosts if last.port is None else ())


def http_proxy(world: Database, proxy: Proxy) -> str:
    """Return `address:port` of the HTTP proxy that callers name, empty where there is none."""
    number = mesh.http_proxy_port(world)
    return proxy.outbound or (f"127.0.0.1:{number}" if number else "")
