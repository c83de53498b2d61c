"""Where objects of a kind are at one API server: its group's version there, its plural, whether it has a status.

Asked of the server itself, so that a version which came or went, or a CRD that is not installed, is no surprise.
"""

import msgspec

from pidalio.api.kinds import BY_NAME
from pidalio.model import ObjectRef
from pidalio.platforms.kubernetes.informing.calls import Calls, decoded, raised


class Resource(msgspec.Struct, frozen=True):
    """Where the objects of one kind are."""

    api_version: str
    plural: str
    namespaced: bool
    has_status: bool

    @property
    def folder(self) -> str:
        """Return the path of the group's version."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"

    @property
    def all(self) -> str:
        """Return the path of all objects of the kind."""
        return f"{self.folder}/{self.plural}"

    def path(self, ref: ObjectRef) -> str:
        """Return the path of one object."""
        inside = f"/namespaces/{ref.namespace}" if self.namespaced else ""
        return f"{self.folder}{inside}/{self.plural}/{ref.name}"


class _Named(msgspec.Struct, frozen=True):
    version: str = ""


class _Group(msgspec.Struct, frozen=True):
    versions: list[_Named] | None = None


class _Resource(msgspec.Struct, frozen=True):
    name: str
    kind: str = ""
    namespaced: bool = False


class _Resources(msgspec.Struct, frozen=True):
    resources: list[_Resource] | None = None


async def resources(calls: Calls, group: str) -> dict[str, Resource]:
    """Return the kinds of a group, by name, that the server and we know; in the newest version that has them.

    Raise `PlatformUnavailable` when it does not say which.
    """
    answer = await calls.get(f"/apis/{group}")
    if answer.code == 404:
        return {}
    if not answer.is_done:
        raise raised(answer, f"/apis/{group}")
    stated = decoded(answer, _Group).versions or []
    found: dict[str, Resource] = {}
    for version in (one.version for one in stated):
        answer = await calls.get(f"/apis/{group}/{version}")
        if answer.code == 404:  # it went in between
            continue
        if not answer.is_done:
            raise raised(answer, f"/apis/{group}/{version}")
        listed = decoded(answer, _Resources).resources or []
        names = {one.name for one in listed}
        for one in listed:
            if "/" not in one.name and one.kind in BY_NAME and one.kind not in found:
                has_status = f"{one.name}/status" in names
                found[one.kind] = Resource(f"{group}/{version}", one.name, one.namespaced, has_status)
    return found
