"""What two platforms say that cannot both be: told in one line for each pair of platforms, however often it happens.

One address and port as instances of different services, one virtual address of different services, one port of one
service with different protocols. Nothing is decided here: of what is said twice the first platform's word holds.
Invariant: a change costs what it touches; what is told is exactly what the live rows are. Source: design record 0020.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from pidalio.derive import Database, Table
from pidalio.model import Endpoint, Protocol, Report, Service, Severity
from pidalio.store import tables

RowKey: TypeAlias = tuple[str, str, str]
"""Hostname, namespace, and who says it: a platform's name, a slash, and the rest."""
_ADDRESS: Final = "address-claimed-twice"
_VIRTUAL: Final = "virtual-address-claimed-twice"
_PROTOCOL: Final = "protocol-differs"
_UNSPECIFIED: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what is compared, not bound


class _Clash(NamedTuple):
    """What cannot both be: the code, what it is about, and the two platforms with their words."""

    code: str
    subject: str
    first: str
    second: str
    words: str


class Clashes:
    """The clashes between platforms, which are given in the order in which they were configured."""

    def __init__(self, world: Database, platforms: Sequence[str]) -> None:
        self._world = world
        self._rank = {name: rank for rank, name in enumerate(platforms)}
        self._found: dict[tuple[str, str], _Clash] = {}
        self._involved: dict[tuple[str, RowKey], set[str]] = defaultdict(set)

    def look(self, edits: Mapping[Table[Any, Any], Mapping[Any, Any]]) -> None:
        """Look at what rows that just changed have to do with those of other platforms."""
        if len(self._rank) < 2:
            return
        for key, row in self._ours(edits.get(tables.SERVICES, {})):
            self._judge_ports(key)
            for address in {*(row.addresses if row else ()), *self._involved.pop((_VIRTUAL, key), ())}:
                self._judge_virtual(address)
        said: dict[RowKey, frozenset[str]] = {}
        for key, row in self._ours(edits.get(tables.ENDPOINTS, {})):
            self._judge_addresses(row or (), self._involved.pop((_ADDRESS, key), ()), said)

    def reports(self, platform: str) -> tuple[Report, ...]:
        """Return what is to be told of a platform: where its word is not the first."""
        found: dict[tuple[str, str], list[_Clash]] = defaultdict(list)
        for clash in self._found.values():
            if clash.second == platform:
                found[clash.code, clash.first].append(clash)
        return tuple(_report(clashes) for _, clashes in sorted(found.items()))

    def _ours(self, rows: Mapping[RowKey, Any]) -> Iterable[tuple[RowKey, Any]]:
        return ((key, row) for key, row in rows.items() if _platform(key) in self._rank)

    def _judge_addresses(
        self, row: Iterable[Endpoint], former: Iterable[str], said: dict[RowKey, frozenset[str]]
    ) -> None:
        for subject in {*map(_socket, row), *former}:
            keys = tables.ENDPOINTS_BY_ADDRESS.keys(self._world, subject.rpartition(":")[0])
            holders: list[RowKey] = []
            if self._clash(keys):
                for key in keys:
                    if key not in said:
                        said[key] = frozenset(map(_socket, tables.ENDPOINTS.get(self._world, key) or ()))
                holders = [key for key in keys if subject in said[key]]
            self._settle(_ADDRESS, subject, holders)

    def _judge_virtual(self, address: str) -> None:
        keys = () if address in _UNSPECIFIED else tables.SERVICES_BY_ADDRESS.keys(self._world, address)
        self._settle(_VIRTUAL, address, keys)

    def _judge_ports(self, key: RowKey) -> None:
        """Note the ports of a service of which platforms say different protocols."""
        host, namespace, _ = key
        rows: list[tuple[str, Service]] = []
        for each in tables.SERVICES_BY_HOST.keys(self._world, host):
            row = tables.SERVICES.get(self._world, each)
            if each[1] == namespace and row is not None and _platform(each) in self._rank:
                rows.append((_platform(each), row))
        rows.sort(key=lambda item: self._rank[item[0]])
        stated: dict[int, tuple[str, Protocol]] = {}
        found: dict[str, _Clash] = {}
        for name, row in rows:
            for port in row.ports:
                first, protocol = stated.setdefault(port.number, (name, port.protocol))
                differs = first != name and Protocol.UNSUPPORTED not in (protocol, port.protocol)
                if differs and protocol is not port.protocol:
                    subject = f"{namespace}/{host}:{port.number}"
                    words = f"{subject} is {protocol.value} for {first} and {port.protocol.value} for {name}"
                    found.setdefault(subject, _Clash(_PROTOCOL, subject, first, name, words))
        mark = (_PROTOCOL, (host, namespace, ""))
        for subject in self._involved.pop(mark, set()) - found.keys():
            self._found.pop((_PROTOCOL, subject), None)
        if found:
            self._involved[mark] = set(found)
            self._found.update({(_PROTOCOL, subject): clash for subject, clash in found.items()})

    def _clash(self, keys: Iterable[RowKey]) -> tuple[RowKey, RowKey] | None:
        """Return the first two of different platforms and different services, None where there are none."""
        ours = sorted((key for key in keys if _platform(key) in self._rank), key=self._order)
        for one in ours[1:]:
            if _platform(one) != _platform(ours[0]) and one[:2] != ours[0][:2]:
                return ours[0], one
        return None

    def _order(self, key: RowKey) -> tuple[int, RowKey]:
        return self._rank[_platform(key)], key

    def _settle(self, code: str, subject: str, keys: Iterable[RowKey]) -> None:
        pair = self._clash(keys)
        if pair is None:
            self._found.pop((code, subject), None)
            return
        first, second = pair
        words = f"{subject} is of {first[0]} for {_platform(first)} and of {second[0]} for {_platform(second)}"
        self._found[code, subject] = _Clash(code, subject, _platform(first), _platform(second), words)
        for key in keys:
            self._involved[code, key].add(subject)


def _report(clashes: Sequence[_Clash]) -> Report:
    """Return one line about all clashes of one kind between two platforms."""
    one = min(clashes, key=lambda clash: clash.subject)
    more = f" ({len(clashes) - 1} more like it)" if len(clashes) > 1 else ""
    return Report(Severity.WARNING, one.code, f"{one.second}: {one.words}{more}{_ADVICE[one.code]}")


_ADVICE: Final[Mapping[str, str]] = {
    _ADDRESS: ": one of them may be out of date; both keep it",
    _VIRTUAL: ": an address can mean one of them only",
    _PROTOCOL: ": the first counts",
}


def _socket(one: Endpoint) -> str:
    return f"{one.address}:{one.port}"


def _platform(key: RowKey) -> str:
    return key[2].partition("/")[0]
