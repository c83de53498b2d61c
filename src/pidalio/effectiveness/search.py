"""The search for a request that meets some conditions and selects none of some routes, or the proof that there is none.

A request is built that meets the conditions; where it selects a route that it must not, some condition of that route
has to fail, and each of them is tried in turn. Complete: a request that does it all fails one of those conditions, too,
so one of the branches keeps it; and no branch tries a condition twice, so the search ends.
Invariant: a request is returned only after the simulator's own matcher has agreed.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

from pidalio.effectiveness.candidates import Index
from pidalio.effectiveness.door import Door, HeaderDomain, header_domain
from pidalio.effectiveness.fields import (
    Condition,
    State,
    authority_state,
    claim_state,
    header_state,
    method_state,
    path_state,
    query_state,
    state_among,
    written_path,
)
from pidalio.effectiveness.strings import Alphabet
from pidalio.ir import ClaimMatch, HeaderMatch, MatchPlan, PathMatch
from pidalio.simulate.matching import header_matches, meets, path_matches, query_matches
from pidalio.simulate.request import Request

_MOST_STEPS = 400
_MOST_STEPS_OF_A_HOST = 10_000
_FEWEST_STEPS = 20
"""How long is searched for one route, all routes of a virtual host together, and one more after that."""

Part: TypeAlias = tuple[str, str]
"""What a condition asks about: `path`, `header`, `query` or `claim`, and a name."""
_PATH: Part = ("path", "")
_METHOD: Part = ("header", ":method")
_AUTHORITY: Part = ("header", ":authority")
_SCHEME: Part = ("header", ":scheme")


class Space:
    """Where requests come from: the door, the domains of the virtual host, and which authorities are its own.

    It remembers what was found out about single parts, for all searches.
    """

    def __init__(self, door: Door, domains: tuple[str, ...], authorities: Alphabet) -> None:
        self.door = door
        self.domains = domains
        self.authorities = authorities
        self.solved: dict[Hashable, State] = {}
        self.paths = door.settings.http.path
        self.steps = 0
        self._headers: dict[str, HeaderDomain] = {}
        probe = Request(authority="probe", scheme="https", headers=(("x-forwarded-proto", "https"),))
        seen = door.arrived(probe)
        self.schemes = (("http",), ("https",)) if seen and seen.scheme == "https" else (("http",),)

    def header(self, name: str) -> HeaderDomain:
        """Return what routes can see of a header."""
        if name not in self._headers:
            self._headers[name] = header_domain(self.door, name)
        return self._headers[name]


class Answer(msgspec.Struct, frozen=True):
    """A request, or none: then `is_proved`, with the positions of the routes that the proof needs."""

    request: Request | None
    is_proved: bool = True
    needed: tuple[int, ...] = ()


def conditions(match: MatchPlan) -> tuple[Condition, ...]:
    """Return everything that a route asks of a request, the path first."""
    path: tuple[Condition, ...] = () if match.connect else (match.path,)
    return (*path, *match.headers, *match.query, *match.claims)


def part_of(condition: Condition) -> Part:
    """Return what a condition asks about."""
    if isinstance(condition, PathMatch):
        return _PATH
    if isinstance(condition, HeaderMatch):
        name = condition.name.lower()
        return "header", ":authority" if name == "host" else name
    if isinstance(condition, ClaimMatch):
        return "claim", ".".join(condition.claim)
    return "query", condition.name


class Search:
    """One search: `wanted` are the conditions of all that the request must meet, `barred` the positions it must not."""

    def __init__(
        self,
        space: Space,
        matches: Sequence[MatchPlan],
        index: Index,
        wanted: Sequence[MatchPlan],
        barred: Callable[[int], bool],
    ) -> None:
        self._space = space
        self._matches = matches
        self._index = index
        self._barred = barred
        self._connect = wanted[0].connect
        self._wanted = wanted
        self._own = tuple(dict.fromkeys(each for match in wanted for each in conditions(match)))
        self._required: dict[Part, list[Condition]] = {}
        for each in self._own:
            self._required.setdefault(part_of(each), []).append(each)
        self._seen: set[frozenset[Condition]] = set()
        self._steps = 0
        self._unsure = False
        self._needed: set[int] = set()

    def run(self) -> Answer:
        """Search."""
        if any(match.connect != self._connect for match in self._wanted):
            return Answer(None)
        found = self._branch(())
        if found is not None:
            return Answer(found)
        return Answer(None, not self._unsure, tuple(sorted(self._needed)))

    def impossible(self) -> list[Part]:
        """Return the parts whose required conditions exclude each other."""
        return [part for part in self._required if (state := self._solve(part, ())).values is None and state.is_proved]

    def _branch(self, excluded: tuple[Condition, ...]) -> Request | None:
        if (tried := frozenset(excluded)) in self._seen:
            return None
        self._seen.add(tried)
        self._steps += 1
        self._space.steps += 1
        if self._steps > (_MOST_STEPS if self._space.steps < _MOST_STEPS_OF_A_HOST else _FEWEST_STEPS):
            self._unsure = True
            return None
        request = self._request(excluded)
        if request is None:
            return None
        seen = self._space.door.arrived(request)
        if seen is None or not all(meets(match, seen) for match in self._wanted):
            self._unsure = True
            return None
        hit = self._hit(seen)
        if hit is None:
            return request
        self._needed.add(hit)
        if any(_holds(each, seen) for each in excluded):
            self._unsure = True
        for condition in self._breakable(hit):
            if condition not in excluded:
                found = self._branch((*excluded, condition))
                if found is not None:
                    return found
        return None

    def _hit(self, seen: Request) -> int | None:
        """Return the barred route that takes the request and has the fewest conditions that could fail."""
        hits = [at for at in self._needed if meets(self._matches[at], seen)]
        if not hits:
            near = self._index.near(seen)
            hits = [at for at in near if self._barred(at) and meets(self._matches[at], seen)]
        return min(hits, key=lambda at: (len(self._breakable(at)), at)) if hits else None

    def _breakable(self, position: int) -> list[Condition]:
        found = [each for each in conditions(self._matches[position]) if each not in self._own]
        return sorted(found, key=lambda each: part_of(each) in self._required)

    def _request(self, excluded: Iterable[Condition]) -> Request | None:
        """Return a request that meets what is required and misses `excluded`, part by part."""
        by_part: dict[Part, list[Condition]] = {}
        for each in excluded:
            by_part.setdefault(part_of(each), []).append(each)
        states: dict[Part, tuple[str, ...]] = {}
        for part in dict.fromkeys((_AUTHORITY, *self._required, *by_part)):
            state = self._solve(part, by_part.get(part, ()))
            if state.values is None:
                self._unsure = self._unsure or not state.is_proved
                return None
            states[part] = state.values
        return self._built(states)

    def _solve(self, part: Part, excluded: Sequence[Condition]) -> State:
        required = tuple(self._required.get(part, ()))
        key = part, required, frozenset(excluded), self._connect
        known = self._space.solved.get(key)
        if known is None:
            known = self._space.solved[key] = self._solve_anew(part, required, excluded)
        return known

    def _solve_anew(self, part: Part, required: Sequence[Condition], excluded: Sequence[Condition]) -> State:
        kind, name = part
        sides: Any = (required, excluded)  # all of the one kind that asks about this part
        if kind == "path":
            return path_state(sides[0], sides[1], self._space.paths)
        if kind == "query":
            return query_state(name, *sides) if not self._connect else State(() if not required else None)
        if kind == "claim":
            return claim_state(*sides)
        if part == _AUTHORITY:
            authorities = self._space.authorities
            return authority_state(self._space.domains, authorities, *sides, ignore_port=self._space.door.ignore_port)
        if part == _METHOD:
            return state_among((("CONNECT",),), *sides) if self._connect else method_state(*sides)
        if part == _SCHEME:
            return state_among(self._space.schemes, *sides)
        if name == ":path":
            return State(())  # the path and the query say it, and the matcher has the last word
        return header_state(self._space.header(name), *sides)

    def _built(self, states: dict[Part, tuple[str, ...]]) -> Request:
        query = "&".join(f"{name}={values[0]}" for (kind, name), values in states.items() if kind == "query" and values)
        scheme = states.get(_SCHEME, ("http",))[0]
        headers = [
            (name, value)
            for (kind, name), values in states.items()
            if kind == "header" and not name.startswith(":") and values != self._space.header(name).states[0]
            for value in values
        ]
        if scheme == "https" and not self._space.door.http.explicit_proxy:
            headers.append(("x-forwarded-proto", "https"))
        path = written_path(states.get(_PATH, ("/",))[0], self._space.paths) + (f"?{query}" if query else "")
        return Request(
            method=states.get(_METHOD, ("CONNECT" if self._connect else "GET",))[0],
            authority=states[_AUTHORITY][0],
            path="" if self._connect else path,
            headers=tuple(headers),
            scheme=scheme,
            connect=self._connect,
        )


def _holds(condition: Condition, seen: Request) -> bool:
    if isinstance(condition, PathMatch):
        return path_matches(condition, seen.bare_path)
    if isinstance(condition, HeaderMatch):
        return header_matches(condition, seen)
    if isinstance(condition, ClaimMatch):
        return condition.invert
    return query_matches(condition, seen)
