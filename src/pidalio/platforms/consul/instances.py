"""One instance as Consul shows it, and what it is in the mesh. Pure.

Source of the mapping: Istio's adapter of 2017-2020 (address, `key|value` tags, `protocol` and `external`), and what it
left out: the health of all checks, weights, zones, tagged addresses, maintenance.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from pidalio.model import Health, Labels, Locality, labels_of
from pidalio.platforms.consul.words import Check, Entry

_ZONES: Final = ("zone", "availability-zone", "availability_zone", "az")
"""Keys of meta that say where something runs; an instance's own count before its node's."""
_SUBZONES: Final = ("subzone", "rack")
_VIRTUAL: Final = ("consul-virtual", "virtual")
"""Tagged addresses that are the service's, not the instance's."""
_NO: Final = ("", "false", "0", "no")


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An instance; (`node`, `id`) names it in its datacenter, `created` tells which of two is older.

    `stated_port` and `protocol` are its word on the service as a whole, `node_protocol` its node's.
    """

    node: str
    id: str
    address: str
    port: int
    created: int = 0
    labels: Labels = ()
    weight: int = 0
    health: Health = Health.HEALTHY
    locality: Locality = Locality()
    virtual: str = ""
    stated_port: str = ""
    protocol: str = ""
    node_protocol: str = ""
    external: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Return what names it in its datacenter."""
        return self.node, self.id


def seen(entry: Entry, datacenter: str, tagged: str = "") -> Seen | str:
    """Return an instance, or one line on why it is none; `tagged` is the address that is wanted, where it has it."""
    node, service = entry.node, entry.service
    meta, node_meta = service.meta or {}, node.meta or {}
    own = (service.tagged_addresses or {}).get(tagged) if tagged else None
    address, port = service.address or node.address, service.port
    if own and own.address:
        address, port = own.address, own.port or port
    elif tagged and (other := (node.tagged_addresses or {}).get(tagged)):
        address = other
    if not address:
        return f"instance {service.id} of node {node.node} has no address and is left out"
    if not 0 < port <= 65535:
        return f"instance {service.id} of node {node.node} has no port ({port}) and is left out"
    weights = service.weights
    health, is_warning = health_of(entry.checks or ())
    weight = (weights.warning if is_warning else weights.passing) if weights else 1
    if weight <= 0 and health is Health.HEALTHY:
        health = Health.UNHEALTHY  # no share while it warns: and none of ours means the usual one
    return Seen(
        node=node.node,
        id=service.id,
        address=address,
        port=port,
        created=service.create_index,
        labels=labels_of({**_tagged(service.tags or ()), **meta}),
        weight=max(weight, 1),
        health=health,
        locality=_locality(entry, datacenter, meta, node_meta),
        virtual=_virtual(entry),
        stated_port=meta.get("service-port", ""),
        protocol=meta.get("protocol", ""),
        node_protocol=node_meta.get("protocol", ""),
        external=meta.get("external", "").lower() not in _NO,
    )


def health_of(checks: Iterable[Check]) -> tuple[Health, bool]:
    """Return what all checks of an instance and of its node amount to, and whether one of them warns."""
    failing = [check.check_id for check in checks if check.status == "critical"]
    if any(name == "_node_maintenance" or name.startswith("_service_maintenance:") for name in failing):
        return Health.DRAINING, False
    if failing:
        return Health.UNHEALTHY, False
    return Health.HEALTHY, any(check.status == "warning" for check in checks)


def is_name(address: str) -> bool:
    """Tell whether an address is a name, to be looked up by who calls it."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return True
    return False


def _tagged(tags: Iterable[str]) -> dict[str, str]:
    """Return the labels in tags: `key|value` and `key=value`; others are none."""
    found: dict[str, str] = {}
    for tag in tags:
        for mark in ("|", "="):
            key, marked, value = tag.partition(mark)
            if marked and key:
                found.setdefault(key, value)
                break
    return found


def _locality(entry: Entry, datacenter: str, meta: Mapping[str, str], node_meta: Mapping[str, str]) -> Locality:
    stated = entry.service.locality or entry.node.locality
    region, zone = (stated.region, stated.zone) if stated else ("", "")

    def first(keys: Iterable[str]) -> str:
        return next((where[key] for where in (meta, node_meta) for key in keys if where.get(key)), "")

    return Locality(region or datacenter, zone or first(_ZONES), first(_SUBZONES))


def _virtual(entry: Entry) -> str:
    addresses = entry.service.tagged_addresses or {}
    found = (addresses[name].address for name in _VIRTUAL if name in addresses)
    return next((one for one in found if one and not is_name(one)), "")
