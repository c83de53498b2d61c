"""Annotations that say how calls recover from failures: a profile, whether callers may override it, and who calls whom.

Invariant: a word that an object states here is one of the known ones, or is not taken. On MeshConfig the first two hold
for the whole mesh, on a Service or ServiceEntry for its hosts. They stand beside the spec because specs of these kinds
are other people's schemas, in which they would be lost.
Source: design records 0017 and 0019.
"""

from collections.abc import Mapping
from typing import Final

from pidalio.api.places import join
from pidalio.model import Labels, Profile

PROFILE: Final = "pidalio.dev/resilience"
CALLER_OVERRIDES: Final = "pidalio.dev/caller-overrides"
ANNOTATED_KINDS: Final = ("MeshConfig", "Service", "ServiceEntry")
"""Kinds of objects on which these annotations mean something."""
CALLS: Final = "pidalio.dev/calls"
"""The hosts that workloads call, by commas or spaces (design record 0019)."""
CALLING_KINDS: Final = ("Service", "ServiceEntry", "LocalWorkload")
"""Kinds of objects that stand for workloads which call others."""
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


def called_hosts(annotations: Labels) -> tuple[str, ...]:
    """Return the hosts that an object says its workloads call, as they are written."""
    return tuple(dict(annotations).get(CALLS, "").replace(",", " ").split())


def heeds_callers(annotations: Labels) -> bool | None:
    """Return whether callers' own timeouts and retries count, None where the object does not say."""
    return OVERRIDES.get(dict(annotations).get(CALLER_OVERRIDES, ""))
