"""Who claims an object, and which version of it is live: the rule of D7 and D8 as one pure function.

Invariant: the order in which claims arrive, and how files are split, never decide between two contents.
An object is gone only when nobody claims it; it changes only when its claims agree on one good content.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from pidalio.api.object import Object
from pidalio.api.places import Places
from pidalio.model import ObjectRef, Place, Report, Severity
from pidalio.store.change import Owner, Write
from pidalio.store.sticky import Layouts, layouts_of

_ROOT_FIELDS = ("apiVersion", "kind", "metadata", "spec")
_BY_NAME = re.compile(r'\b(subsets)\["([^"]+)"\]')


class Claim(msgspec.Struct, frozen=True):
    """One appearance of an object in one unit; `object` is None when this appearance is broken.

    `number` tells several appearances in one unit apart; `places` holds the line of every field.
    `is_known` says that the unit had, or once had, a good version of it.
    """

    owner: Owner
    number: int
    object: Object[Any] | None
    places: Places
    reports: tuple[Report, ...] = ()
    is_known: bool = True

    @property
    def place(self) -> Place | None:
        """Return where the object begins, None when it came from no file."""
        return located(self.places, "")


class Live(msgspec.Struct, frozen=True):
    """The version of an object that the mesh runs, who owns it, and which version owns which users of its rules."""

    object: Object[Any]
    owner: Owner
    layouts: Layouts = ()

    @property
    def write(self) -> Write:
        """Return what the history keeps of it."""
        return Write(self.object.ref, self.object, self.owner, self.layouts)


def decide(claims: Sequence[Claim], accepted: Live | None) -> Live | None:
    """Return what is live, given who claims the object and what was accepted last.

    One claim: its content, or what was accepted last while it is broken.
    Several that agree: their content. Several that do not: what was accepted last, and without that nothing.
    """
    if not claims:
        return None
    contents = [claim.object for claim in claims]
    first = contents[0]
    agreed = first is not None and all(content == first for content in contents[1:])
    if agreed and first is not None:
        return Live(first, _owner(claims, first, accepted), layouts_of(first, accepted.layouts if accepted else ()))
    if accepted is None:
        return None
    return msgspec.structs.replace(accepted, owner=_owner(claims, accepted.object, accepted))


def contest(ref: ObjectRef, claims: Sequence[Claim], live: Live | None) -> tuple[Report, ...]:
    """Return one report for each claim of an object that is claimed more than once."""
    if len(claims) < 2:
        return ()
    same = all(claim.object is not None and claim.object == claims[0].object for claim in claims)
    severity = Severity.WARNING if same else Severity.ERROR
    return tuple(
        Report(severity, "declared-twice", _advice(claims, claim, live, same=same), ref, place=claim.place)
        for claim in claims
    )


def located(places: Places, path: str) -> Place | None:
    """Return the place of `path` or of its nearest ancestor; `path` starts at the object or inside its spec.

    Reports name fields from the object's root, origins in plans from its spec: both find their line here.
    """
    found = places.place(path)
    if not path or path.startswith(_ROOT_FIELDS) or found != places.place(""):
        return found
    return places.place(f"spec.{path}")


def by_position(item: Object[Any] | None, path: str) -> str:
    """Return `path` with a member that goes by its name (`subsets["v1"]`) turned into its position (`subsets[0]`)."""
    found = _BY_NAME.search(path)
    if found is None or item is None:
        return path
    members = getattr(item.spec, found[1], ())
    position = next((index for index, one in enumerate(members) if one.name == found[2]), None)
    return path if position is None else f"{path[: found.start()]}{found[1]}[{position}]{path[found.end() :]}"


def _owner(claims: Sequence[Claim], content: Object[Any], accepted: Live | None) -> Owner:
    """Prefer who holds this content, then who owned it before, then the first in order of names."""
    holders = [claim.owner for claim in claims if claim.object == content] or [claim.owner for claim in claims]
    if accepted is not None and accepted.owner in holders:
        return accepted.owner
    return min(holders)


def _advice(claims: Sequence[Claim], claim: Claim, live: Live | None, *, same: bool) -> str:
    others = ", ".join(_where(other) for other in claims if other is not claim)
    if same:
        return f"also declared, with the same content, at {others}; keep one of them"
    if live is None:
        return f"also declared, with other content, at {others}; none is live until one of them is removed"
    held = f"the version accepted last (of {live.owner}) stays live"
    return f"also declared, with other content, at {others}; {held} until one of them is removed"


def _where(claim: Claim) -> str:
    return str(claim.place or claim.owner)
