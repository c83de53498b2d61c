"""The local cluster: the instances that call as a proxy does, by which Envoy tells how many callers each zone has.

They are those of the services that lead to the proxy's own workload, in its region: other regions' callers are not sent
to this one. A proxy without locality has none, nor has any where nothing balances zones.
Invariant: proxies of the same services in one region share the resource, though each holds it under one name.
Source of the rules: Envoy's zone aware routing; Istio's ZoneAwareLoadBalancerSetting, which confines it to a region.
"""

import msgspec

from pidalio.derive import Database
from pidalio.ir import LOCAL_CLUSTER, AssignmentPlan, EndpointPlan, LocalityPlan
from pidalio.model import Endpoint, Locality, Proxy
from pidalio.rules import destination_rules, mesh, services
from pidalio.rules.inbound import services_of
from pidalio.rules.services import ServiceId
from pidalio.store.traits import Trait


class LocalCluster(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The instances of some services in one region; none without services."""

    services: tuple[ServiceId, ...] = ()
    region: str = ""


def local_cluster_of(world: Database, proxy: Proxy) -> LocalCluster:
    """Return whose instances call as `proxy` does."""
    if proxy.locality == Locality():
        return LocalCluster()
    if not (mesh.heeds_zones(world) or destination_rules.is_anywhere(world, Trait.ZONES)):
        return LocalCluster()
    found = sorted((one.hostname, one.namespace) for one in services_of(world, proxy))
    return LocalCluster(tuple(found), proxy.locality.region) if found else LocalCluster()


def local_assignment(world: Database, key: LocalCluster) -> AssignmentPlan:
    """Return where the instances are; one that several services or ports lead to counts once."""
    found: dict[str, Endpoint] = {}
    for identity in key.services:
        for one in services.endpoints(world, identity):
            if one.locality.region == key.region:
                found.setdefault(one.address, one)
    places: dict[Locality, list[EndpointPlan]] = {}
    for address in sorted(found):
        one = found[address]
        places.setdefault(one.locality, []).append(EndpointPlan(address, one.port, health=one.health))
    return AssignmentPlan(LOCAL_CLUSTER, tuple(LocalityPlan(tuple(places[where]), where) for where in sorted(places)))
