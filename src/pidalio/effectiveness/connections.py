"""What the `tls` and `tcp` rules of a VirtualService do not do.

An entry does something when some connection selects its filter chain, or some CONNECT request its route; so does each
server name and range that it states. At gateways all connections of a port have one route: there a rule counts whole.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from pidalio.api.object import Object
from pidalio.api.virtual_service import VirtualService
from pidalio.effectiveness.chains import Opening, takers
from pidalio.effectiveness.entries import Entry, Value, entries_of
from pidalio.effectiveness.facts import Facts, Seen
from pidalio.effectiveness.finding import Finding, listed
from pidalio.effectiveness.routes import route_findings
from pidalio.effectiveness.verdict import Standing
from pidalio.ir import FilterChainPlan
from pidalio.model import Origin
from pidalio.rules.matching import RouteContext

_Words: TypeAlias = tuple[str | Origin, ...]


def connection_findings(facts: Facts, row: Object[VirtualService]) -> Iterator[Finding]:
    """Yield what there is to say of entries, or of their values, that no connection selects."""
    entries = entries_of(row)
    judge = _Judge(facts, row, entries)
    for path in dict.fromkeys(one.rule for one in entries):
        own = [(one.path, list(judge.findings(one))) for one in entries if one.rule == path]
        whole = {(each.code, each.words) for at, found in own for each in found if each.path == at}
        if len(whole) == 1 and all(any(each.path == at for each in found) for at, found in own):
            ((code, words),) = whole
            yield Finding(code, row.ref, path, words)
        else:
            for _, found in own:
                yield from found


class _Judge:
    """Says what the entries of one VirtualService do not do."""

    def __init__(self, facts: Facts, row: Object[VirtualService], entries: tuple[Entry, ...]) -> None:
        key = (row.meta.namespace, row.meta.name)
        self._facts = facts
        self._row = row
        self._entries = entries
        self._openings = tuple(facts.openings.get(key, ()))
        contexts = (*facts.uses.get(key, ()), *(one.context for one in self._openings))
        self._contexts: tuple[RouteContext, ...] = tuple(dict.fromkeys(contexts))

    def findings(self, entry: Entry) -> Iterator[Finding]:
        """Yield that an entry does nothing, or which of its values do not."""
        is_at_gateway = any(
            one.object == self._row.ref and _is_part(one.path, entry.rule) for one in self._facts.routed
        )
        tunnels = self._tunnels(entry)
        is_tunnel = any(one.verdict.standing is not Standing.INEFFECTIVE for one in tunnels)
        openings = [
            one for one in self._openings if one.is_tls == (entry.kind == "tls") and self._fits(entry, one.context)
        ]
        idle: dict[Value, tuple[Origin, ...]] = {}
        for value in entry.values:
            by = self._before(entry, value)
            if by is None and not (is_at_gateway or is_tunnel) and openings:
                by = self._takers(entry, value, openings)
            if by is not None:
                idle[value] = by
        if len(idle) < len(entry.values) and (is_at_gateway or openings or tunnels):
            if tunnels and not is_at_gateway and not openings:
                yield from route_findings(self._row.ref, entry.path, tunnels)
            yield from self._of_values(entry, idle)
        elif len(idle) == len(entry.values):
            by = tuple(dict.fromkeys(each for several in idle.values() for each in several))
            yield Finding("ineffective", self._row.ref, entry.path, _shadowed(by))
        else:
            yield Finding("ineffective", self._row.ref, entry.path, self._absent(entry))

    def _fits(self, entry: Entry, context: RouteContext) -> bool:
        return entry.is_for(self._row.meta.namespace, context)

    def _tunnels(self, entry: Entry) -> list[Seen]:
        """Return the routes of CONNECT requests to which an entry led; those of one `tcp` rule are one."""
        of = entry.path if entry.kind == "tls" else entry.rule
        parts = (one for one in self._facts.parts.get(self._row.ref, ()) if _is_part(one.path, of))
        return [each for one in parts for each in self._facts.routes[one]]

    def _before(self, entry: Entry, value: Value) -> tuple[Origin, ...] | None:
        """Return what states a value before, for all callers of the entry; the compiler leaves out what comes later."""
        contexts = [one for one in self._contexts if self._fits(entry, one)]
        for other in self._entries if contexts else ():
            if other == entry:
                break
            if other.kind == entry.kind and other.holds(value) and all(self._fits(other, one) for one in contexts):
                return (Origin(self._row.ref, other.path),)
        twin = next((one for one in entry.values if (one.name, one.subnet) == (value.name, value.subnet)), value)
        return None if twin == value else (Origin(self._row.ref, entry.path),)

    def _takers(self, entry: Entry, value: Value, openings: Iterable[Opening]) -> tuple[Origin, ...] | None:
        """Return who takes all the connections of a value; None when the entry has some, or may have."""
        by: dict[Origin, None] = {}
        for opening in openings:
            subnet = value.subnet if opening.context.port else ""
            found, is_all = takers(opening, value.name, subnet)
            if not is_all or any(self._is_own(entry, one.chain) and one.is_by(value.name, subnet) for one in found):
                return None
            by.update((one.chain.origin, None) for one in found if one.chain and one.chain.origin)
        return tuple(by)

    def _is_own(self, entry: Entry, chain: FilterChainPlan | None) -> bool:
        if chain is None or chain.origin is None or chain.origin.object != self._row.ref:
            return False
        return _is_part(chain.origin.path, entry.path if entry.kind == "tls" else entry.rule)

    def _of_values(self, entry: Entry, idle: dict[Value, tuple[Origin, ...]]) -> Iterator[Finding]:
        """Yield each server name, and each range, that takes nothing whatever it is together with."""
        for field, place in (("sniHosts", "at_name"), ("destinationSubnets", "at_subnet")):
            for at in sorted({getattr(one, place) for one in idle}):
                same = [one for one in entry.values if getattr(one, place) == at]
                if all(one in idle for one in same):
                    by = tuple(dict.fromkeys(each for one in same for each in idle[one]))
                    yield Finding("ineffective", self._row.ref, f"{entry.path}.{field}[{at}]", _shadowed(by))

    def _absent(self, entry: Entry) -> _Words:
        """Return why an entry is in no filter chain and no tunnel, and no gateway's route."""
        if (first := self._routed_before(entry)) is not None:
            return _shadowed((Origin(self._row.ref, first.path),))
        if entry.match is not None and not any(self._fits(entry, one) for one in self._contexts):
            return ("its port, gateways or source hold for no caller",)
        no_port = "its hosts have no port that takes such connections"
        if entry.match is not None and entry.match.destination_subnets:
            return (f"{no_port} at an address of its ranges",)
        narrower = any(self._tunnels(one) for one in self._entries if one != entry and one.kind == entry.kind)
        return (f"{no_port}, or what is for narrower ranges or names takes them all" if narrower else no_port,)

    def _routed_before(self, entry: Entry) -> Entry | None:
        """Return the entry before that has the connections of a gateway's port, for all that this one asks for."""
        for other in self._entries[: self._entries.index(entry)]:
            one, own = other.match, entry.match
            port, gateways = (own.port, own.gateways) if own else (0, ())
            covers = one is None or (one.port in (0, port) and one.gateways in ((), gateways))
            is_routed = any(
                each.object == self._row.ref and _is_part(each.path, other.rule) for each in self._facts.routed
            )
            if covers and is_routed and other.kind == entry.kind:
                return other
        return None


def _is_part(path: str, of: str) -> bool:
    return path == of or path.startswith(f"{of}.")


def _shadowed(by: tuple[Origin, ...]) -> _Words:
    if not by:
        return ("no connection meets it: its hosts are not called at any address of its ranges",)
    return ("shadowed by " if len(by) == 1 else "shadowed together by ", *listed(by))
