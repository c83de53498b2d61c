"""What a platform may be told back: what became of the rule objects that it holds.

An adapter that shows it where its users look (Kubernetes: an object's status) has the methods of `Informed`.
Invariant: a status is about one version of an object, the one that was in the mesh when it was found out.
It stands between the survey of all objects and the adapters; source: design record 0021.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import msgspec

from pidalio.model import ObjectRef, Report


class ObjectStatus(msgspec.Struct, frozen=True):
    """What became of one version of an object.

    `mistakes` keep it out of the mesh (its former version may still be live). `effective_on` counts the proxies for
    which it does something, of `proxies`; None for kinds that concern no proxy. The other reports are as
    `pidalio get` shows them: parts that do nothing, what it loses to, what would disappoint in a failure.
    """

    version: int
    compiled: bool
    effective_on: int | None = None
    proxies: int = 0
    mistakes: tuple[Report, ...] = ()
    ineffective: tuple[Report, ...] = ()
    conflicts: tuple[Report, ...] = ()
    risks: tuple[Report, ...] = ()


@runtime_checkable
class Informed(Protocol):
    """An adapter that tells its platform what became of objects."""

    def versions(self) -> Mapping[ObjectRef, int] | None:
        """Return the objects to be told of, with the version that was handed on last; None: of none at present."""

    def inform(self, statuses: Mapping[ObjectRef, ObjectStatus]) -> None:
        """Take note of what became of objects: of all that are to be told of."""
