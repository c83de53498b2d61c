"""Services as registries know them, and the rows of the store that they mean: one mapping for all of them.

A registry (Consul, Mesos, Cloud Foundry, Eureka …) knows names with instances. Its hostname in the mesh is the
adapter's own form (`web.service.consul`) unless the settings say another: with one that Kubernetes uses too, a service
is the same wherever it runs, and can move. Pure. Source of the rule: design record 0020.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from pidalio.errors import UsageError
from pidalio.model import Endpoint, ObjectRef, Port, Resolution, Service
from pidalio.platforms.adapter import AdapterSettings, Rows
from pidalio.store import tables
from pidalio.store.hosts import DOMAIN, is_address

_PART: Final = re.compile(r"\{(\w*)\}")
_BRACE: Final = re.compile(r"[{}]")
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9.-]+")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")


class NamedSettings(AdapterSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What every registry can be told.

    `hostname` is how services are called, with parts in braces (`{name}.shop.svc.cluster.local`); empty for the
    adapter's own form. `namespace` is where its services are, as rules see it; a hostname of Kubernetes' form says it
    itself.
    """

    hostname: str = ""
    namespace: str = "default"

    def named(self, own: str, **parts: str) -> str:
        """Return the hostname of a service with these parts, by the stated form or else `own`; "" where it is none.

        Raise `UsageError` for a form with a part that the platform does not have.
        """
        return hostname(self.hostname or own, parts)


def namespace_of(host: str, stated: str) -> str:
    """Return the namespace of a service: what a hostname of Kubernetes' form says (`web.shop.svc.…`), else `stated`.

    So a service that several platforms call by one such name is one service.
    """
    name, namespace, *rest = (*host.split(".", 2), "", "")[:3]
    return namespace if name and rest == [f"svc.{DOMAIN}"] else stated


def hostname(form: str, parts: Mapping[str, str]) -> str:
    """Return `form` with its parts filled in, lower case, other characters as dashes; "" where no host results."""

    def part(found: re.Match[str]) -> str:
        if found[1] not in parts:
            known = ", ".join(f"{{{name}}}" for name in sorted(parts))
            raise UsageError(f"hostname: {form!r} has no part {found[0]} to fill in: there are {known}")
        return _NOT_IN_NAMES.sub("-", parts[found[1]].lower()).strip("-.")

    if _BRACE.search(_PART.sub("", form)):
        raise UsageError(f"hostname: {form!r} has a brace that stands alone: write parts as {{name}}")
    made = _PART.sub(part, form).lower().removesuffix(".")
    return made if _HOST.match(made) else ""


class Offer(msgspec.Struct, frozen=True):
    """One service of a registry, complete: `name` is what the registry calls it, `hostname` what callers do.

    Every endpoint has the number of one of the `ports` as its `service_port`. `kind` is the word for one in reports
    (`ConsulService`). `addresses` are virtual ones. Where an instance's address is a name, `resolution` says so (DNS).
    """

    kind: str
    name: str
    hostname: str
    namespace: str
    ports: tuple[Port, ...]
    endpoints: tuple[Endpoint, ...] = ()
    addresses: tuple[str, ...] = ()
    external: bool = False
    instance_ca: str = ""
    round_robin: bool = False
    resolution: Resolution = Resolution.STATIC


def resolution_of(endpoints: Iterable[Endpoint]) -> Resolution:
    """Return how callers find instances: those whose address is a name have to be looked up."""
    return Resolution.STATIC if all(is_address(one.address) for one in endpoints) else Resolution.DNS


def offered(platform: str, offers: Iterable[Offer]) -> Rows:
    """Return the rows of all `offers` of `platform` (`Feed.name`); several of one hostname stand side by side."""
    services: dict[tables.ServiceKey, Service] = {}
    endpoints: dict[tables.EndpointsKey, tuple[Endpoint, ...]] = {}
    for one in offers:
        namespace = namespace_of(one.hostname, one.namespace)
        key = (one.hostname, namespace, f"{platform}/{one.name}")
        services[key] = Service(
            hostname=one.hostname,
            namespace=namespace,
            ports=one.ports,
            registry=one.kind,
            object=ObjectRef(one.kind, namespace, one.name),
            addresses=one.addresses,
            external=one.external,
            instance_ca=one.instance_ca,
            round_robin=one.round_robin,
            resolution=one.resolution,
        )
        endpoints[key] = one.endpoints
    return {tables.SERVICES: services, tables.ENDPOINTS: endpoints}


def became(platform: str, former: Iterable[Offer], now: Iterable[Offer]) -> Rows:
    """Return what changes when `former` offers become `now`: rows that are new or different, None for what is gone."""
    before, after = offered(platform, former), offered(platform, now)
    return {
        table: {
            **{key: row for key, row in after[table].items() if before[table].get(key) != row},
            **{key: None for key in before[table] if key not in after[table]},
        }
        for table in after
    }
