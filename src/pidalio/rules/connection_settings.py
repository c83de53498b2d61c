"""What a DestinationRule says of connections that are not HTTP: how long they last, who gets them, and through whom.

These belong to the destination, but Envoy takes them from the proxy of the connection. So routes for connections read
DestinationRules, and callers whose namespace sees other rules get routes of their own where some rule says so.
Of several destinations the host of the first decides, without its subset, as in Istio.
Source of the rules: Istio's documented TCPSettings, ConsistentHashLB and TunnelSettings (reference §1.2, §2.7).
"""

import msgspec

from pidalio.api.traffic_policy import POST, TunnelSettings
from pidalio.derive import Database, derived
from pidalio.ir import TunnelPlan
from pidalio.rules import destination_rules
from pidalio.rules.hashing import hashes_source
from pidalio.rules.policies import Stated, policy
from pidalio.rules.pools import TcpTimeouts, tcp_timeouts
from pidalio.rules.services import ServiceId
from pidalio.rules.visibility import Client
from pidalio.store.traits import Trait


class ConnectionSettings(msgspec.Struct, frozen=True, gc=False):
    """How long connections may be idle and last, whether the caller's address chooses their instance, their tunnel."""

    timeouts: TcpTimeouts = TcpTimeouts()
    hash_source: bool = False
    tunnel: TunnelPlan | None = None


_NONE = ConnectionSettings()


def connection_settings(
    world: Database, client: Client, identity: ServiceId | None, port: int, subset: str = ""
) -> ConnectionSettings:
    """Return what `client` is told of connections to a destination."""
    if identity is None or not destination_rules.has_trait(world, Trait.CONNECTIONS, identity[0]):
        return _NONE
    view = destination_rules.client_view(world, client, identity)
    return _settings(world, view, identity, port, subset)


@derived
def _settings(world: Database, view: Client, identity: ServiceId, port: int, subset: str) -> ConnectionSettings:
    return ConnectionSettings(
        tcp_timeouts(world, view, identity),
        hashes_source(world, view, identity, port, subset),
        _tunnel(policy(world, view, identity, port, subset).tunnel),
    )


def _tunnel(stated: Stated[TunnelSettings] | None) -> TunnelPlan | None:
    if stated is None:
        return None
    host = f"[{stated.value.target_host}]" if ":" in stated.value.target_host else stated.value.target_host
    return TunnelPlan(f"{host}:{stated.value.target_port}", stated.value.protocol == POST, stated.origin)
