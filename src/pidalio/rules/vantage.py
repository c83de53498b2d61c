"""Where a proxy stands: the little of a proxy itself that may shape clusters and their endpoints.

A cluster's key holds of it only what some rule for the service asks for, so that proxies share every other cluster
however they run and wherever they are.
Source of the rules: Istio's documented locality settings (reference §2.9) and protocol selection (§2.11).
"""

from typing import TypeAlias

import msgspec

from pidalio.api.traffic_policy import LocalityLoadBalancerSetting, ZoneAwareLbSetting
from pidalio.derive import Database, derived
from pidalio.model import (
    NETWORK,
    NODE,
    REGION,
    SUBZONE,
    ZONE,
    Labels,
    Locality,
    Mode,
    Nearness,
    Origin,
    Port,
    Protocol,
    Proxy,
    Resolution,
    Service,
)
from pidalio.rules import destination_rules, mesh, services
from pidalio.rules.policies import Policy, Stated, policy
from pidalio.rules.services import ServiceId
from pidalio.rules.visibility import Client, node_of
from pidalio.store import tables
from pidalio.store.traits import Trait

Preference: TypeAlias = LocalityLoadBalancerSetting | ZoneAwareLbSetting
"""How a cluster prefers instances by where they run."""


class Vantage(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """How requests reach the proxy, where it runs, and those of its labels that `failoverPriority` names."""

    mode: Mode = Mode.EXPLICIT
    locality: Locality = Locality()
    labels: Labels = ()


class Needs(msgspec.Struct, frozen=True, gc=False):
    """What of a vantage a service's clusters ask for; the region is a part of the locality."""

    mode: bool = False
    locality: bool = False
    region: bool = False
    labels: frozenset[str] = frozenset()


_NOTHING = Needs()
_ANY = Vantage()
"""What clusters see of a proxy of which they ask nothing."""


_NEAR = {
    Nearness.SAME_ZONE: LocalityLoadBalancerSetting(failover_priority=(NETWORK, REGION, ZONE)),
    Nearness.SAME_NODE: LocalityLoadBalancerSetting(failover_priority=(NETWORK, REGION, ZONE, SUBZONE, NODE)),
}
"""What a service's own preference means."""


def placed(labels: Labels, locality: Locality, network: str = "", node: str = "") -> dict[str, str]:
    """Return `labels` with those that say where something runs filled in."""
    places = zip((REGION, ZONE, SUBZONE), (locality.region, locality.zone, locality.subzone), strict=True)
    known = (*places, (NETWORK, network), (NODE, node))
    return {**{name: value for name, value in known if value}, **dict(labels)}


@derived
def vantage_of(world: Database, proxy: Proxy) -> Vantage:
    """Return where `proxy` stands, without what nothing in the mesh asks for."""
    near = [_NEAR[one] for one in _NEAR if tables.SERVICES_BY_NEARNESS.keys(world, one)]
    if not (near or mesh.prefers_near(world) or destination_rules.is_anywhere(world, Trait.LOCAL)):
        return Vantage(proxy.mode)
    wide, _ = mesh.locality_setting(world)
    asked = frozenset(name for one in (wide, *near) for name in _names(one))
    own = placed(proxy.labels, proxy.locality, node=node_of(world, proxy) if NODE in asked else "")
    labels = {name: own[name] for name in own if name in asked or tables.DR_BY_PRIORITY.keys(world, name)}
    return Vantage(proxy.mode, proxy.locality, tuple(sorted(labels.items())))


def seen_from(world: Database, vantage: Vantage, identity: ServiceId, view: Client) -> Vantage:
    """Return of `vantage` what the clusters of a service ask for, as `view` sees its rules."""
    if vantage == _ANY:
        return _ANY
    asked = needs(world, identity, view)
    if asked == _NOTHING:
        return _ANY
    return Vantage(
        mode=vantage.mode if asked.mode else Mode.EXPLICIT,
        locality=_seen(vantage.locality, asked),
        labels=tuple(pair for pair in vantage.labels if pair[0] in asked.labels),
    )


def _seen(where: Locality, asked: Needs) -> Locality:
    if asked.locality:
        return where
    return Locality(where.region) if asked.region else Locality()


@derived
def needs(world: Database, identity: ServiceId, view: Client) -> Needs:
    """Return what the clusters of a service ask about proxies."""
    found = services.service(world, identity)
    if found is None:
        return _NOTHING
    by_mode = (
        any(map(is_sniffed, found.ports))
        or is_reached_as_called(found)
        or destination_rules.has_trait(world, Trait.PASSTHROUGH, identity[0])
    )
    ruled = mesh.prefers_near(world) or destination_rules.has_trait(world, Trait.LOCAL, identity[0])
    if not ruled and found.prefers is Nearness.ANYWHERE:
        return Needs(by_mode)
    subsets = ("", *(one.name for one in destination_rules.subsets(world, view, identity)))
    settings = [
        preference(world, policy(world, view, identity, port.number, subset), found)
        for port in found.ports
        for subset in subsets
    ]
    asked = [one.value for one in settings if one]
    return Needs(
        by_mode,
        locality=any(map(_by_locality, asked)),
        region=any(isinstance(one, ZoneAwareLbSetting) for one in asked),
        labels=frozenset(name for one in asked for name in _names(one)),
    )


def is_sniffed(port: Port) -> bool:
    """Tell whether the port's protocol is not declared."""
    return port.protocol is Protocol.UNSUPPORTED


def is_reached_as_called(found: Service) -> bool:
    """Tell whether connections to a service go on to the very address that was called, where that is known."""
    return found.headless or found.resolution is Resolution.NONE


def preference(world: Database, holds: Policy, found: Service) -> Stated[Preference] | None:
    """Return the setting that acts on a cluster: the rule's, else the service's, else the mesh's, or None.

    A rule or mesh that only orders localities acts with outlier detection alone: without it nothing would ever fail
    over. A service's own preference always acts, and so do zones: the platform tells which instances are ill.
    """
    setting = _ruled(holds)
    if setting is None and found.prefers is not Nearness.ANYWHERE:
        return Stated(_NEAR[found.prefers], Origin(found.object, "trafficDistribution"))
    setting = setting or Stated(*mesh.locality_setting(world))
    if setting.value.enabled is False:
        return None
    if isinstance(setting.value, ZoneAwareLbSetting):
        return setting
    return setting if setting.value.distribute or holds.outlier_detection else None


def _ruled(holds: Policy) -> Stated[Preference] | None:
    """Return the setting that a rule states; one for zones and one for localities exclude each other."""
    balancer = holds.load_balancer
    if balancer is None:
        return None
    zones, near = balancer.value.zone_aware_lb_setting, balancer.value.locality_lb_setting
    stated, name = (zones, "zoneAwareLbSetting") if zones else (near, "localityLbSetting")
    if stated is None:
        return None
    where = balancer.origin
    return Stated(stated, Origin(where.object, f"{where.path}.{name}") if where else None)


def _by_locality(setting: Preference) -> bool:
    if isinstance(setting, ZoneAwareLbSetting):
        return False
    return bool(setting.distribute or setting.failover or not setting.failover_priority)


def _names(setting: Preference) -> frozenset[str]:
    return frozenset(entry.partition("=")[0] for entry in setting.failover_priority)
