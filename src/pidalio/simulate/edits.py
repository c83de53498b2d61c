"""Header edits in the order in which Envoy carries them out.

Source: Envoy's header manipulation: the destination's edits come before the route's, so the route has the last word;
where a route has a single destination the two are one list. Of one list removals come first, then `set`, then `add`.
"""

from collections.abc import Iterable

from pidalio.ir import HeaderEdits, WeightedCluster

Headers = tuple[tuple[str, str], ...]


def ordered(route: HeaderEdits, destination: HeaderEdits, *, single: bool) -> tuple[HeaderEdits, ...]:
    """Return the lists of edits to carry out, first to last; `single` says that there is one destination only."""
    if not single:
        return tuple(each for each in (destination, route) if each)
    both = HeaderEdits(
        set=route.set + destination.set,
        add=route.add + destination.add,
        remove=route.remove + destination.remove,
    )
    return (both,) if both else ()


def request_edits(route: HeaderEdits, destination: WeightedCluster, *, single: bool) -> tuple[HeaderEdits, ...]:
    """Return the edits of requests to `destination`, in order."""
    return ordered(route, destination.request_headers, single=single)


def response_edits(route: HeaderEdits, destination: WeightedCluster, *, single: bool) -> tuple[HeaderEdits, ...]:
    """Return the edits of responses from `destination`, in order."""
    return ordered(route, destination.response_headers, single=single)


def edited(headers: Iterable[tuple[str, str]], edits: Iterable[HeaderEdits]) -> Headers:
    """Return `headers`, names in lower case, after `edits`; values are literal, and an empty one changes nothing."""
    current = [(name.lower(), value) for name, value in headers]
    for each in edits:
        removed = set(each.remove)
        current = [(name, value) for name, value in current if name not in removed]
        for name, value in each.set:
            if value:
                current = [pair for pair in current if pair[0] != name]
                current.append((name, value))
        current.extend((name, value) for name, value in each.add if value)
    return tuple(current)
