"""Which routes of a virtual host some request selects, with such a request, and which none does, with the proof.

Pure and remembered by value: the verdicts of a virtual host are computed again only when its routes, its domains or
what passes the listener change. Literals are decided; a regex may leave a route undecided, and so does a search that
takes too long, never a wrong answer.
"""

import functools
from collections.abc import Callable
from typing import Any

import msgspec

from pidalio.effectiveness.candidates import Index
from pidalio.effectiveness.door import Door
from pidalio.effectiveness.search import Answer, Part, Search, Space
from pidalio.effectiveness.strings import Alphabet
from pidalio.effectiveness.verdict import Standing, Verdict
from pidalio.ir import (
    ForwardPlan,
    HeaderMatch,
    MatchKind,
    MatchPlan,
    RedirectPlan,
    RoutePlan,
    RouteTablePlan,
    StringPattern,
    VirtualHostPlan,
)
from pidalio.model import Origin
from pidalio.simulate.domain import choose_virtual_host, host_without_port
from pidalio.simulate.matching import meets
from pidalio.simulate.request import Request

_HOST_CHARACTERS = "8x0123456789abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~:[]"
_LONGEST_PORT = 5
_HTTPS = MatchPlan(headers=(HeaderMatch("x-forwarded-proto", StringPattern(MatchKind.EXACT, "https")),))
"""What a request must be that is not redirected by a virtual host which requires TLS."""


@functools.lru_cache(maxsize=16384)
def reach(host: VirtualHostPlan, entrance: Door) -> tuple[Verdict, ...]:
    """Return the verdict on each route of `host`, whose requests come in by `entrance`."""
    if host.require_tls and not _may_be_https(entrance):
        why = "every request is redirected to https before a route is looked for"
        return tuple(Verdict(Standing.INEFFECTIVE, why=why) for _ in host.routes)
    routes = _Routes(host, entrance)
    return tuple(routes.verdict(position) for position in range(len(host.routes)))


def _may_be_https(entrance: Door) -> bool:
    probe = Request(authority="probe", scheme="https", headers=(("x-forwarded-proto", "https"),))
    seen = entrance.arrived(probe)
    return seen is not None and seen.header("x-forwarded-proto") == "https"


class _Routes:
    """The routes of one virtual host, asked about one by one."""

    def __init__(self, host: VirtualHostPlan, entrance: Door) -> None:
        self._routes = host.routes
        self._matches: tuple[MatchPlan, ...] = tuple(route.match for route in host.routes)
        self._index = Index(self._matches)
        self._needs_tls = host.require_tls
        self._space = Space(entrance, host.domains, _authorities(host, entrance))

    def verdict(self, position: int) -> Verdict:
        """Return whether some request selects the route."""
        search = self._search([position], lambda at: at < position)
        answer = search.run()
        if answer.request is not None:
            return self._selected(position, answer.request)
        if not answer.is_proved:
            why = "a regex, or a value that the proxy makes up, keeps it from being told whether a request selects it"
            return Verdict(Standing.UNDECIDED, why=why)
        if impossible := search.impossible():
            return Verdict(Standing.INEFFECTIVE, why=f"no request meets {_in_words(impossible)}")
        return Verdict(Standing.INEFFECTIVE, by=self._shadowing(position, answer), why="selected before")

    def _search(self, wanted: list[int], barred: Callable[[int], bool]) -> Search:
        matches = [self._matches[at] for at in wanted]
        if self._needs_tls:
            matches.append(msgspec.structs.replace(_HTTPS, connect=matches[0].connect))
        return Search(self._space, self._matches, self._index, matches, barred)

    def _shadowing(self, position: int, answer: Answer) -> tuple[int, ...]:
        """Return the one route that takes all its requests, where there is one, else all that the proof needs."""
        for one in answer.needed:
            alone = self._search([position], one.__eq__).run()
            if alone.request is None and alone.is_proved:
                return (one,)
        return answer.needed

    def _selected(self, position: int, first: Request) -> Verdict:
        """Return the verdict on a selected route; its witness is one for which it makes a difference, if there is one.

        It makes none where each of its requests would, without it, get the same from a later route.
        """
        own = _effect(self._routes[position])
        request: Request | None = first
        twins: list[int] = []
        while request is not None:
            after = self._first_after(position, request)
            if after is None or _effect(self._routes[after]) != own:
                return Verdict(Standing.EFFECTIVE, request)
            twins.append(after)
            answer = self._search([position], lambda at: at < position or at in twins).run()
            if not answer.is_proved:
                return Verdict(Standing.EFFECTIVE, first, doubles=tuple(sorted(twins)))
            request = answer.request
        for other in range(position + 1, max(twins)):
            if _effect(self._routes[other]) == own:
                continue
            between = {at for at in range(other) if at != position}
            answer = self._search([position, other], between.__contains__).run()
            if answer.request is not None:
                return Verdict(Standing.EFFECTIVE, answer.request)
            if not answer.is_proved:
                return Verdict(Standing.EFFECTIVE, first, doubles=tuple(sorted(twins)))
        return Verdict(Standing.EFFECTIVE, first, twins=tuple(sorted(twins)))

    def _first_after(self, position: int, request: Request) -> int | None:
        seen = self._space.door.arrived(request)
        if seen is None:
            return None
        near = self._index.near(seen)
        return next((at for at in near if at > position and meets(self._matches[at], seen)), None)


def _authorities(host: VirtualHostPlan, entrance: Door) -> Alphabet:
    own = VirtualHostPlan("own", host.domains, ())
    others = VirtualHostPlan("other", entrance.rivals, ())
    table = RouteTablePlan("", (own, others), ignore_port=entrance.ignore_port)

    def is_possible(authority: str) -> bool:
        if not authority.isascii() or any(each not in _HOST_CHARACTERS and each != "*" for each in authority):
            return False
        port = authority[len(host_without_port(authority)) + 1 :]
        if ":" in authority and not (port.isdigit() and len(port) <= _LONGEST_PORT):
            return False
        chosen = choose_virtual_host(table, authority)
        return chosen is not None and chosen[0] is own

    usual = tuple(one for one in host.domains if "*" not in one)[:1]
    return Alphabet(is_possible, tuple(_HOST_CHARACTERS), usual=usual)


def _in_words(parts: list[Part]) -> str:
    def name(part: Part) -> str:
        kind, own = part
        if kind == "path":
            return "its path (the listener normalises paths, and knows only ASCII, before it compares)"
        if kind == "claim":
            return f"its condition on claim {own}, for nothing verifies tokens"
        return {"header": f"its conditions on header {own}", "query": f"its condition on query parameter {own}"}[kind]

    return " or ".join(name(part) for part in parts)


@functools.lru_cache(maxsize=16384)
def _effect(route: RoutePlan) -> Any:
    """Return what a route does, as a value: equal for routes that do the same with a request that selects both."""
    action = route.action
    rewrites = isinstance(action, ForwardPlan | RedirectPlan) and action.prefix_rewrite
    return bare(msgspec.structs.replace(route, match=MatchPlan(), name="", stat_prefix="")), (
        route.match.path if rewrites else None
    )


def bare(value: Any) -> Any:
    """Return a plan without its origins."""
    if isinstance(value, Origin):
        return None
    if isinstance(value, tuple):
        return tuple(bare(each) for each in value)
    if isinstance(value, msgspec.Struct):
        return type(value), tuple(bare(getattr(value, name)) for name in value.__struct_fields__)
    return value
