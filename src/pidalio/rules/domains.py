"""Under which names and addresses callers know a host, and who has a name that several could have.

Invariant: within one route table no two virtual hosts have a domain in common, for Envoy would refuse them both.
A host's own name beats another's alias or address; of services with one address the oldest that a scope sees has it.
Source of the rules: Istio's documented domains of virtual hosts (reference §2.1, §2.4, §2.13).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from pidalio.derive import Database
from pidalio.model import Protocol, Service, is_wildcard
from pidalio.rules import aliases, names, services
from pidalio.rules.services import ServiceId
from pidalio.store import tables
from pidalio.store.hosts import DOMAIN, is_address, kubernetes_aliases

Claims: TypeAlias = tuple[tuple[str, tuple[ServiceId, ...]], ...]
"""Addresses that several services have, each with all of them, the oldest first."""
HostPort: TypeAlias = tuple[str, int]


def names_of(found: Service | None, host: str, also: tuple[str, ...] = (), *, near: str) -> list[str]:
    """Return every name and address of a host, its own first, those of its aliases (`also`) last.

    Callers of the namespace `near` may use the bare names of what is in it.
    """
    if found is None or is_wildcard(host):
        return [host]
    return [*_names(host, near), *single_addresses(found), *(name for alias in also for name in _names(alias, near))]


def instance_names(instance: str, host: str, also: tuple[str, ...] = (), *, near: str) -> list[str]:
    """Return every name of one instance of a headless service; the instance `*` is any."""
    return [names.instance_host(instance, name) for one in (host, *also) for name in _names(one, near)]


def _names(host: str, near: str) -> list[str]:
    own = [host, f"{host}."] if "." in host else [host]
    bare = [host.partition(".")[0]] if is_near(host, near) else []
    return [*own, *kubernetes_aliases(host), *bare]


def single_addresses(found: Service) -> list[str]:
    """Return the virtual addresses that stand for one host: neither ranges nor the unspecified address."""
    if is_wildcard(found.hostname):
        return []
    return [one for one in dict.fromkeys(found.addresses) if "/" not in one and one not in ("0.0.0.0", "::")]  # noqa: S104


def domains(called: Iterable[str], port: int) -> tuple[str, ...]:
    """Return the domains of a virtual host: each name with its port, on port 80 without it too."""
    written = bare_domains(called)
    return tuple(domain for name in written for domain in ((name, f"{name}:80") if port == 80 else (f"{name}:{port}",)))


def bare_domains(names: Iterable[str]) -> tuple[str, ...]:
    """Return the domains of a virtual host in a table that drops ports before it compares."""
    return tuple(f"[{name}]" if ":" in name and is_address(name) else name for name in names)


def is_near(host: str, namespace: str) -> bool:
    """Tell whether clients of `namespace` may call the platform service `host` by its bare name."""
    inside = f".{namespace}.svc." in host  # most are elsewhere: told at once
    return inside and bool(aliases := kubernetes_aliases(host)) and aliases[0].partition(".")[2] == namespace


def contested(world: Database, found: Service | None) -> Claims:
    """Return the addresses of a service that others have too."""
    result = []
    for address in single_addresses(found) if found else ():
        keys = tables.SERVICES_BY_ADDRESS.keys(world, address)
        rivals = {(key[0], key[1]) for key in keys if not is_wildcard(key[0])}
        if len(rivals) > 1:
            result.append((address, tuple(sorted(rivals, key=lambda one: _age(world, one)))))
    return tuple(result)


def _age(world: Database, identity: ServiceId) -> tuple[str, str, str]:
    found = services.service(world, identity)
    return (found.created if found else "", *identity)


def denied_names(
    world: Database,
    namespace: str,
    own: Iterable[HostPort],
    claims: Mapping[HostPort, Claims],
    visible: Mapping[str, str],
) -> dict[HostPort, tuple[str, ...]]:
    """Return the names that virtual hosts of one table must do without, by host and port.

    `own` are the virtual hosts whose own name may be another's alias or address; `claims` are the contested addresses
    of each; `visible` maps the hosts of services in scope to their namespaces; `namespace` is that of the callers.
    """
    result: dict[HostPort, set[str]] = defaultdict(set)
    for host, port in own:
        for other in _known_also_as(world, host, namespace):
            if other in visible:
                result[other, port].add(host)
    for (host, port), found in claims.items():
        for address, rivals in found:
            if _first_of(world, rivals, port, visible) != host:
                result[host, port].add(address)
    return {key: tuple(sorted(names)) for key, names in result.items()}


def _known_also_as(world: Database, host: str, namespace: str) -> list[str]:
    """Return the hosts of services that may have `host` as an alias or address."""
    if is_address(host):
        return [key[0] for key in tables.SERVICES_BY_ADDRESS.keys(world, host)]
    if "." not in host:
        full = f"{host}.{namespace}.svc.{DOMAIN}"
    else:
        full = f"{host}.{DOMAIN}" if host.endswith(".svc") else f"{host}.svc.{DOMAIN}"
        if host not in kubernetes_aliases(full):
            return []
    return [aliases.target_of(world, full) or full]


def _first_of(world: Database, rivals: tuple[ServiceId, ...], port: int, visible: Mapping[str, str]) -> str:
    for rival in rivals:
        if visible.get(rival[0]) == rival[1]:
            ports = services.ports(world, rival)
            if any(one.number == port and one.protocol is not Protocol.UDP for one in ports):
                return rival[0]
    return ""
