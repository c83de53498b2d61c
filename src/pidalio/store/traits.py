"""What of a DestinationRule reaches beyond its host's clusters: what an index tells before anybody looks.

Most meshes have none of these, and then routes need not know the rules that their callers see, nor clusters how
requests reach a proxy or where it runs.
"""

import enum
from collections.abc import Iterable, Iterator

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.traffic_policy import (
    ConnectionPoolSettings,
    LoadBalancerSettings,
    PortTrafficPolicy,
    SimpleLB,
    TrafficPolicy,
)


class Trait(enum.Enum):
    """What proxies do beyond balancing.

    Requests are hashed; connections are hashed, timed or tunnelled; callers' own addresses are kept; instances are
    preferred by where they run; zones are balanced.
    """

    HASHED = "hashed"
    CONNECTIONS = "connections"
    PASSTHROUGH = "passthrough"
    LOCAL = "local"
    ZONES = "zones"


def traits_of(rule: DestinationRule) -> frozenset[Trait]:
    """Return the traits of a rule."""
    return frozenset(trait for policy in _policies(rule) for trait in _traits(policy))


def priority_labels(rule: DestinationRule) -> frozenset[str]:
    """Return the names of labels by which a rule orders instances."""
    balancers = [one.load_balancer for one in _policies(rule) if one.load_balancer]
    settings = (setting for one in balancers for setting in (one.locality_lb_setting, one.zone_aware_lb_setting))
    return frozenset(entry.partition("=")[0] for one in settings if one for entry in one.failover_priority)


def _policies(rule: DestinationRule) -> Iterator[TrafficPolicy | PortTrafficPolicy]:
    for stated in (rule.traffic_policy, *(one.traffic_policy for one in rule.subsets)):
        if stated is not None:
            yield stated
            yield from stated.port_level_settings


def _traits(policy: TrafficPolicy | PortTrafficPolicy) -> Iterable[Trait]:
    balancer = policy.load_balancer or LoadBalancerSettings()
    if balancer.consistent_hash:
        yield Trait.HASHED
    tunnel = policy.tunnel if isinstance(policy, TrafficPolicy) else None
    by_source = balancer.consistent_hash and balancer.consistent_hash.use_source_ip
    if by_source or tunnel or _is_timed(policy.connection_pool):
        yield Trait.CONNECTIONS
    if balancer.simple is SimpleLB.PASSTHROUGH:
        yield Trait.PASSTHROUGH
    if balancer.locality_lb_setting or balancer.zone_aware_lb_setting or policy.outlier_detection:
        yield Trait.LOCAL
    if balancer.zone_aware_lb_setting and balancer.zone_aware_lb_setting.enabled is not False:
        yield Trait.ZONES


def _is_timed(pool: ConnectionPoolSettings | None) -> bool:
    tcp = pool.tcp if pool else None
    return tcp is not None and (tcp.idle_timeout is not None or tcp.max_connection_duration is not None)
