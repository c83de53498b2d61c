"""Which routes may select a request: an index, so that a request is not compared with every route."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from pidalio.effectiveness.language import Literal
from pidalio.effectiveness.pattern import path_pattern
from pidalio.ir import MatchKind, MatchPlan
from pidalio.simulate.request import Request

_Key: TypeAlias = tuple[str, str] | None
"""A header and the value that it must have; None for routes that ask for none."""


class Index:
    """Finds positions of routes by the literals of their paths and by one header each; none that matches is missing."""

    def __init__(self, matches: Sequence[MatchPlan]) -> None:
        self._by_path: dict[Literal, dict[_Key, list[int]]] = {}
        self._connect: list[int] = []
        self._lengths: set[int] = set()
        self._headers: dict[str, None] = {}
        for position, match in enumerate(matches):
            if match.connect:
                self._connect.append(position)
                continue
            key = _key(match)
            if key:
                self._headers[key[0]] = None
            for literal in path_pattern(match.path).literals:
                self._by_path.setdefault(literal, {}).setdefault(key, []).append(position)
                if literal.is_open:
                    self._lengths.add(len(literal.text))

    def near(self, request: Request) -> list[int]:
        """Return, in order, the positions of routes that may select `request` (as routes see it)."""
        if request.connect:
            return self._connect
        keys: list[_Key] = [None, *((name, value) for name in self._headers for value in request.values(name))]
        found: set[int] = set()
        for literal in self._literals(request.bare_path):
            if by_key := self._by_path.get(literal):
                for key in keys:
                    found.update(by_key.get(key, ()))
        return sorted(found)

    def _literals(self, path: str) -> Iterator[Literal]:
        for text, any_case in ((path, False), (path.lower(), True)):
            yield Literal(text, any_case=any_case)
            for length in self._lengths:
                if length <= len(path):
                    yield Literal(text[:length], is_open=True, any_case=any_case)


def _key(match: MatchPlan) -> _Key:
    exact = (
        (each.name, each.pattern.value)
        for each in match.headers
        if each.pattern.kind is MatchKind.EXACT and not each.invert and not each.missing_as_empty
    )
    return next(exact, None)
