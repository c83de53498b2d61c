"""Annotations that say how calls of a service recover from failures: a profile, and whether callers may override it.

Invariant: what an object states here is one of the known words, or is not taken. On MeshConfig they hold for the whole
mesh, on a Service or ServiceEntry for its hosts. They stand beside the spec because specs of these kinds are other
people's schemas, in which they would be lost.
Source: design record 0017.
"""

from collections.abc import Mapping
from typing import Final

from pidalio.api.places import join
from pidalio.model import Labels, Profile

PROFILE: Final = "pidalio.dev/resilience"
CALLER_OVERRIDES: Final = "pidalio.dev/caller-overrides"
ANNOTATED_KINDS: Final = ("MeshConfig", "Service", "ServiceEntry")
"""Kinds of objects on which these annotations mean something."""
OVERRIDES: Final[Mapping[str, bool]] = {"allowed": True, "ignored": False}
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    PROFILE: tuple(one.value for one in Profile),
    CALLER_OVERRIDES: tuple(OVERRIDES),
}
"""The words that each annotation may have."""


def where(name: str) -> str:
    """Return the path of the annotation `name` in its object."""
    return join("metadata.annotations", name)


def profile_of(annotations: Labels) -> Profile | None:
    """Return the profile that an object states, None for none."""
    stated = dict(annotations).get(PROFILE)
    return Profile(stated) if stated in WORDS[PROFILE] else None


def heeds_callers(annotations: Labels) -> bool | None:
    """Return whether callers' own timeouts and retries count, None where the object does not say."""
    return OVERRIDES.get(dict(annotations).get(CALLER_OVERRIDES, ""))
