"""What a service says of failures: the profile of its calls, and whether callers' own timeouts and retries count.

Invariant: it is the service's word and the same for every caller, so that nothing compiled from it depends on who
calls. Where a request may go to several services the strictest word holds; one that says nothing takes the mesh's.
Source: design record 0017.
"""

from collections.abc import Iterable

import msgspec

from pidalio.api.resilience import CALLER_OVERRIDES, PROFILE, heeds_callers, profile_of, where
from pidalio.derive import Database, derived
from pidalio.model import ObjectRef, Origin, Profile
from pidalio.rules import services
from pidalio.rules.services import ServiceId
from pidalio.store import tables


class Resilience(msgspec.Struct, frozen=True, gc=False):
    """A profile with who chose it (None: the default), and who takes callers' own words away, None for nobody."""

    profile: Profile = Profile.ISTIO
    origin: Origin | None = None
    deaf: Origin | None = None


_DEFAULT = Resilience()


@derived
def of_mesh(world: Database) -> Resilience:
    """Return what the mesh says."""
    row = tables.MESH.get(world, "")
    if row is None:
        return _DEFAULT
    stated = row.meta.annotations
    return _over(_DEFAULT, profile_of(stated), heeds_callers(stated), row.ref)


def of_service(world: Database, identity: ServiceId | None) -> Resilience:
    """Return what holds for a service; None is one that nobody declares."""
    if identity is None or not _is_stated(world):
        return of_mesh(world)
    return _of_service(world, identity)


def of_services(world: Database, identities: Iterable[ServiceId | None]) -> Resilience:
    """Return what holds for requests that may go to any of `identities`: the first of the strictest words."""
    found = [of_service(world, one) for one in identities] if _is_stated(world) else []
    if not found:
        return of_mesh(world)
    safe = next((one for one in found if one.profile is Profile.SAFE), found[0])
    return Resilience(safe.profile, safe.origin, next((one.deaf for one in found if one.deaf), None))


@derived
def _is_stated(world: Database) -> bool:
    """Tell whether any service says anything."""
    return bool(tables.SERVICES_BY_RESILIENCE.keys(world, ""))


@derived
def _of_service(world: Database, identity: ServiceId) -> Resilience:
    found = services.service(world, identity)
    wide = of_mesh(world)
    return _over(wide, found.profile, found.heeds_callers, found.object) if found else wide


def _over(wide: Resilience, profile: Profile | None, heeds: bool | None, said_by: ObjectRef) -> Resilience:
    if profile is not None:
        wide = msgspec.structs.replace(wide, profile=profile, origin=Origin(said_by, where(PROFILE)))
    if heeds is not None:
        wide = msgspec.structs.replace(wide, deaf=None if heeds else Origin(said_by, where(CALLER_OVERRIDES)))
    return wide
