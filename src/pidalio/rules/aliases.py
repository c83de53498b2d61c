"""Names that stand for another service: platform services of type ExternalName.

Invariant: whoever is called by an alias is the service at the end of its chain, with that service's rules, ports and
policies; an alias has none of its own. A chain that ends in no service, or in itself, is an unknown host.
Source of the rules: Istio's documented ExternalName (reference §2.11).
"""

from pidalio.derive import Database, derived
from pidalio.store import tables


def target_of(world: Database, host: str) -> str:
    """Return the host at the end of the chain that begins at `host`, empty when `host` is no alias.

    A host that a service has is none, whatever else bears its name.
    """
    return _end_of_chain(world, host) if tables.ALIASES.keys(world) else ""


@derived
def _end_of_chain(world: Database, host: str) -> str:
    seen = [host]
    while (following := _next(world, seen[-1])) and following not in seen:
        seen.append(following)
    return "" if following or len(seen) == 1 else seen[-1]


def _next(world: Database, host: str) -> str:
    if tables.SERVICES_BY_HOST.keys(world, host):
        return ""
    keys = tables.ALIASES_BY_HOST.keys(world, host)
    row = tables.ALIASES.get(world, keys[0]) if keys else None
    return row.target if row else ""


def aliases_of(world: Database, host: str) -> tuple[str, ...]:
    """Return every alias at whose end the service `host` is, sorted."""
    return _all_that_end_at(world, host) if tables.ALIASES.keys(world) else ()


@derived
def _all_that_end_at(world: Database, host: str) -> tuple[str, ...]:
    found: list[str] = []
    pending = [host]
    while pending:
        for key in tables.ALIASES_BY_TARGET.keys(world, pending.pop()):
            if key[0] not in found and not tables.SERVICES_BY_HOST.keys(world, key[0]):
                found.append(key[0])
                pending.append(key[0])
    return tuple(sorted(found))


@derived
def near_targets(world: Database, namespace: str) -> tuple[str, ...]:
    """Return the hosts that `namespace` has aliases for: its clients may call them by the alias's bare name."""
    keys = tables.ALIASES_BY_NAMESPACE.keys(world, namespace) if namespace else ()
    return tuple(sorted({target for key in keys if (target := target_of(world, key[0]))}))
