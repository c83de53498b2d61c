"""What a VirtualService does without any request: where a Sidecar lets it in, its destinations come into scope with it.

Source of the rule: Istio's documented scope of a Sidecar (reference §1.6), as `rules.services` compiles it.
"""

import re
from collections.abc import Iterable

from pidalio.api.object import Object
from pidalio.api.virtual_service import VirtualService
from pidalio.derive import Database
from pidalio.rules import services
from pidalio.rules.virtual_services import destination_hosts, imported_rules
from pidalio.rules.visibility import Scope, imports_service
from pidalio.store.hosts import host_reference

_PART = re.compile(r"(http|tls|tcp)\[(\d+)\]")


def letting_in(world: Database, scopes: Iterable[Scope], row: Object[VirtualService], path: str) -> Scope | None:
    """Return a scope that has a destination of the part at `path` (all of them for "") only by this VirtualService."""
    key = (row.meta.namespace, row.meta.name)
    hosts = _hosts(world, row, path)
    for scope in scopes:
        if not any(one.key == key for one in imported_rules(world, scope)):
            continue
        for host in hosts:
            identity = services.resolve(world, host, scope.namespace)
            if identity is not None and not imports_service(scope.egress, identity[1], host):
                return scope
    return None


def _hosts(world: Database, row: Object[VirtualService], path: str) -> set[str]:
    part = _PART.match(path)
    if part is None:
        return set(destination_hosts(world, (row.meta.namespace, row.meta.name)))
    rule = getattr(row.spec, part[1])[int(part[2])]
    stated = [one.destination for one in rule.route]
    if part[1] == "http":
        if rule.delegate is not None:
            return set(destination_hosts(world, (row.meta.namespace, row.meta.name)))
        stated += [rule.mirror, *(one.destination for one in rule.mirrors)]
    return {host_reference(one.host, row.meta.namespace) for one in stated if one and one.host}
