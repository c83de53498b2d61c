"""Conditions on a request, all of one `MatchPlan` ANDed."""

import enum

import msgspec


class MatchKind(enum.Enum):
    """How a string is compared; REGEX is RE2 and must match the whole string."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"
    PRESENT = "present"


class StringPattern(msgspec.Struct, frozen=True, gc=False):
    """Compare one string; `value` is empty for PRESENT."""

    kind: MatchKind
    value: str = ""


class PathKind(enum.Enum):
    """How a path (without query) is compared; SEGMENTS is a prefix that ends at a `/` or at the end."""

    EXACT = "exact"
    PREFIX = "prefix"
    SEGMENTS = "segments"
    REGEX = "regex"


class PathMatch(msgspec.Struct, frozen=True, gc=False):
    """Compare the path; `ignore_case` has no effect on REGEX."""

    kind: PathKind = PathKind.PREFIX
    value: str = "/"
    ignore_case: bool = False


class HeaderMatch(msgspec.Struct, frozen=True, gc=False):
    """Compare one header (`:method`, `:authority` and `:scheme` included).

    `invert` turns the result; with `missing_as_empty` an absent header is compared as "".
    """

    name: str
    pattern: StringPattern
    invert: bool = False
    missing_as_empty: bool = False


class QueryMatch(msgspec.Struct, frozen=True, gc=False):
    """Compare one query parameter."""

    name: str
    pattern: StringPattern


class ClaimMatch(msgspec.Struct, frozen=True, gc=False):
    """Compare one claim of a verified token, nested ones by their path; without a token there is no claim.

    A claim that is a list meets the pattern when one of its members does; `invert` turns the result.
    """

    claim: tuple[str, ...]
    pattern: StringPattern
    invert: bool = False


class MatchPlan(msgspec.Struct, frozen=True, gc=False):
    """What a request must satisfy; `connect` selects CONNECT requests (then `path` is not compared)."""

    path: PathMatch = PathMatch()
    headers: tuple[HeaderMatch, ...] = ()
    query: tuple[QueryMatch, ...] = ()
    claims: tuple[ClaimMatch, ...] = ()
    connect: bool = False

    @property
    def matches_everything(self) -> bool:
        """Tell whether no later route of the same virtual host can be reached (Istio: catch-all route)."""
        path = self.path
        whole = (path.kind in (PathKind.PREFIX, PathKind.SEGMENTS) and path.value == "/") or (
            path.kind is PathKind.REGEX and path.value in (".*", "*")
        )
        return whole and not (self.headers or self.query or self.claims or self.connect)
