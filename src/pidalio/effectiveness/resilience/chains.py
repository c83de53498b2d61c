"""Retries that multiply: chains of calls in which one request may become very many.

The worst chain from a service is its worst call times the worst chain from there, so that each hop is looked at once
for each length of chain and each failure, however many chains there are.
"""

from collections.abc import Generator, Iterable, Iterator
from typing import TypeAlias

import msgspec

from pidalio.effectiveness.finding import Finding
from pidalio.effectiveness.resilience.attempts import Factors, Failure
from pidalio.effectiveness.resilience.call_graph import CallGraph, Hop, described
from pidalio.model import Origin
from pidalio.rules.services import ServiceId

MOST = 10
"""How many requests one may become at the end of a chain before it is told."""
LONGEST = 10
"""How many hops are followed."""
_STATUSES = frozenset({409, 429, 500, 502, 503, 504})
_GRPC_STATUSES = (1, 4, 8, 13, 14)

_OfHops: TypeAlias = dict[int, tuple[int, int]]
"""By what each hop (its id) multiplies: at the end of a chain, and above it."""


class _Worst(msgspec.Struct, frozen=True, gc=False):
    """The chain that sends most, and how much that is."""

    requests: int
    chain: tuple[Hop, ...]


def chain_findings(graph: CallGraph) -> Iterator[Finding | None]:
    """Yield the chains that send too much, each once: where the most of it is stated; None after each step."""
    found: dict[Origin, tuple[_Worst, Failure, list[int]]] = {}
    for failure, factors in _cases(graph):
        below = yield from _below(graph, factors)
        for worst in _worst_chains(graph, factors, below):
            own = [factors[id(hop)][at + 1 < len(worst.chain)] for at, hop in enumerate(worst.chain)]
            blamed = _blamed(worst.chain, own)
            if blamed and (blamed not in found or found[blamed][0].requests < worst.requests):
                found[blamed] = worst, failure, own
        yield None
    yield from (_finding(origin, *one) for origin, one in found.items())


def _finding(origin: Origin, worst: _Worst, failure: Failure, own: list[int]) -> Finding:
    becomes = f"becomes up to {worst.requests} at its end when {failure}: "
    spread = "let one hop repeat requests and state `attempts: 0` at the others, or " if len(own) > 1 else ""
    words = (
        f"one request along {described(worst.chain)} {becomes}",
        *_multiplied(worst.chain, own),
        f"; {spread}lower attempts",
    )
    return Finding("attempts-multiply", origin.object, f"{origin.path}.attempts", words)


def _cases(graph: CallGraph) -> Iterator[tuple[Failure, _OfHops]]:
    """Yield failures with what they make each hop do, of those that are alike the first, and none without retries."""
    hops = (*graph.entries, *(hop for several in graph.calls.values() for hop in several))
    seen: set[tuple[tuple[int, int], ...]] = set()
    for failure in _failures(hops):
        is_grpc, factors = failure.grpc_status is not None, Factors(failure)
        pairs = tuple(factors.of(hop.action) if hop.is_grpc == is_grpc else (1, 1) for hop in hops)
        if pairs not in seen and any(pair != (1, 1) for pair in pairs):
            seen.add(pairs)
            yield failure, dict(zip(map(id, hops), pairs, strict=True))


def _failures(hops: Iterable[Hop]) -> Iterator[Failure]:
    stated = {code for hop in hops if hop.action.retry for code in hop.action.retry.status_codes}
    for status in sorted(_STATUSES | stated):
        yield Failure(status)
    yield Failure(refused=True)
    if any(hop.is_grpc for hop in hops):
        yield from (Failure(200, one) for one in _GRPC_STATUSES)
        yield Failure(200, _GRPC_STATUSES[-1], refused=True)


def _worst_chains(graph: CallGraph, factors: _OfHops, below: dict[ServiceId, _Worst]) -> Iterator[_Worst]:
    """Yield the worst chain from each service that nobody is known to call, and from each entry, if it is too much."""
    called = {hop.service for several in graph.calls.values() for hop in several}
    first = [*(hop for one, hops in graph.calls.items() if one not in called for hop in hops), *graph.entries]
    for hop in first:
        worst = _extended(hop, below.get(hop.service), factors)
        if worst.requests > MOST:
            yield worst


def _below(graph: CallGraph, factors: _OfHops) -> Generator[None, None, dict[ServiceId, _Worst]]:
    """Return the worst that follows upon a request to each service, of chains without circles."""
    known: dict[ServiceId, _Worst] = {}
    changed: set[ServiceId] = set()
    for _ in range(LONGEST - 1):
        longer = dict(known)
        for one, hops in graph.calls.items():
            if not known or any(hop.service in changed for hop in hops):
                longer[one] = max((_extended(hop, known.get(hop.service), factors, one) for hop in hops), key=_requests)
        changed = {one for one, worst in longer.items() if one not in known or known[one].requests != worst.requests}
        known = longer
        yield None
    return known


def _extended(hop: Hop, rest: _Worst | None, factors: _OfHops, start: ServiceId | None = None) -> _Worst:
    """Return the worse of a hop alone and with what follows; what comes back to `start`, or to itself, does not."""
    alone, above = factors[id(hop)]
    if rest is None or above * rest.requests <= alone:
        return _Worst(alone, (hop,))
    if any(one.service in (start, hop.service) for one in rest.chain):
        return _Worst(alone, (hop,))
    return _Worst(above * rest.requests, (hop, *rest.chain))


def _requests(worst: _Worst) -> int:
    return worst.requests


def _blamed(chain: tuple[Hop, ...], factors: list[int]) -> Origin | None:
    """Return the retries that a user stated which multiply most, None where all are defaults."""
    stated = [
        (factor, -at, hop.origin) for at, (hop, factor) in enumerate(zip(chain, factors, strict=True)) if hop.origin
    ]
    most, _, origin = max(stated, default=(1, 0, None), key=lambda one: one[:2])
    return origin if most > 1 else None


def _multiplied(chain: tuple[Hop, ...], factors: list[int]) -> Iterator[str | Origin]:
    """Yield what each hop multiplies by, and where that is stated."""
    for at, (hop, factor) in enumerate(zip(chain, factors, strict=True)):
        yield f"{' × ' if at else ''}{factor}"
        if hop.origin:
            yield " by "
            yield hop.origin
