"""Which address a workload calls when it calls a host by name: what the platform's DNS is expected to give.

Nothing is resolved: it is the service's own address as declared, or else that of one of its instances; for every other
name an address stands in that nobody has (RFC 5737), as for what only DNS knows.
"""

from pidalio.derive import Database
from pidalio.model import Proxy, Service
from pidalio.rules import aliases, services
from pidalio.rules.domains import single_addresses
from pidalio.rules.egress import UNSPECIFIED
from pidalio.rules.visibility import scope_of
from pidalio.store.hosts import DOMAIN, is_address

SOMEWHERE = "192.0.2.1"


def called_address(world: Database, proxy: Proxy, host: str) -> str:
    """Return the IP that the workload of `proxy` calls for `host`, which may be a short name or an IP itself."""
    named = host.lower().strip("[]").removesuffix(".")
    if is_address(named):
        return named
    view = scope_of(world, proxy).namespace
    endings = ("", f".{proxy.namespace}.svc.{DOMAIN}", f".svc.{DOMAIN}", f".{DOMAIN}")
    for full in (named + ending for ending in endings):
        identity = services.resolve(world, aliases.target_of(world, full) or full, view)
        if identity and (found := services.service(world, identity)):
            return _address(world, found)
    return SOMEWHERE


def _address(world: Database, found: Service) -> str:
    instances = (one.address for one in services.endpoints(world, (found.hostname, found.namespace)))
    candidates = [*single_addresses(found), *(one for one in instances if is_address(one)), SOMEWHERE]
    return next(one for one in candidates if one != UNSPECIFIED)
