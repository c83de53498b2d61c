"""What one proxy holds: its listeners, tables and virtual hosts, put together as requests meet them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from pidalio.derive import Database
from pidalio.effectiveness.chains import Opening
from pidalio.effectiveness.door import Door, door
from pidalio.groups import Outbound, OutboundListener, OwnTable, ResourceKey, WholeTable
from pidalio.ir import Direction, HttpPlan, ListenerPlan, ListenerSettings, RouteTablePlan, TcpPlan, VirtualHostPlan
from pidalio.model import Proxy
from pidalio.pipeline import groups_of, members, table_of
from pidalio.store.tables import Key

_Way: TypeAlias = tuple[Direction, HttpPlan, ListenerSettings]
"""How requests come to a table: one for each listener that leads there."""


def keys_of(world: Database, proxy: Proxy, *, clusters: bool) -> Iterator[ResourceKey]:
    """Yield what a proxy holds, `clusters` only if asked for; whole tables virtual host by virtual host."""
    for group in groups_of(world, proxy):
        if isinstance(group, Outbound) and (group.endpoints or not clusters):
            continue
        for _, key in members(world, group):
            if isinstance(key, WholeTable):
                yield key.shell
                yield from (host for _, host in members(world, key.hosts))
            else:
                yield key


class Held:
    """The listeners, tables and virtual hosts of one proxy."""

    def __init__(self) -> None:
        self._ways: dict[str, dict[_Way, None]] = {}
        self._tables: dict[str, RouteTablePlan] = {}
        self._hosts: dict[str, list[tuple[object, VirtualHostPlan]]] = defaultdict(list)
        self._listeners: list[tuple[object, ListenerPlan]] = []

    def take(self, key: object, plan: object) -> None:
        """Take one resource."""
        if isinstance(plan, ListenerPlan):
            self._listeners.append((key, plan))
            for chain in plan.all_chains:
                if isinstance(chain.filter, HttpPlan):
                    self._enter(plan, chain.filter)
        elif isinstance(plan, RouteTablePlan):
            self._add(plan, key.host if isinstance(key, OwnTable) else None)
        elif isinstance(plan, VirtualHostPlan):
            self._hosts[table_of(key)].append((key, plan))

    def _enter(self, listener: ListenerPlan, http: HttpPlan) -> None:
        if isinstance(http.table, RouteTablePlan):
            self._add(http.table)
        name = http.table.name if isinstance(http.table, RouteTablePlan) else http.table
        plain = msgspec.structs.replace(http, stat_prefix="", access_log="")
        self._ways.setdefault(name, {})[listener.direction, plain, listener.settings] = None

    def _add(self, table: RouteTablePlan, key: object = None) -> None:
        self._tables[table.name] = table
        self._hosts[table.name] += [(key, one) for one in table.virtual_hosts]

    def connections(self) -> Iterator[tuple[Direction, TcpPlan]]:
        """Yield what is done with connections that are not looked into."""
        for _, listener in self._listeners:
            yield from (
                (listener.direction, chain.filter) for chain in listener.all_chains if isinstance(chain.filter, TcpPlan)
            )

    def openings(self) -> Iterator[tuple[Key, Opening]]:
        """Yield the listeners for a workload's own connections, by the rules that were compiled for them."""
        for key, listener in self._listeners:
            if isinstance(key, OutboundListener):
                others = (
                    one.address for _, one in self._listeners if one is not listener and one.port == listener.port
                )
                elsewhere = tuple(sorted(set(others)))
                for part in key.port.parts:
                    if part.callers.rule:
                        context = part.callers.context(key.port.port)
                        yield (
                            part.callers.rule,
                            Opening(listener, context, part.protocol.is_tls, part.subnet, elsewhere),
                        )

    def entrances(self) -> Iterator[tuple[object, VirtualHostPlan, Sequence[Door]]]:
        """Yield every virtual host with the doors by which requests come to it.

        Hosts without wildcards share their doors, as the same values.
        """
        for name, found in self._hosts.items():
            table = self._tables.get(name, RouteTablePlan(name))
            whole = msgspec.structs.replace(table, virtual_hosts=tuple(plan for _, plan in found))
            ways = self._ways.get(name, {})
            shared: Sequence[Door] | None = None
            for key, plan in found:
                is_wild = any("*" in one for one in plan.domains)
                doors = None if is_wild else shared
                if doors is None:
                    doors = tuple(dict.fromkeys(door(side, http, plan, whole, stated) for side, http, stated in ways))
                    shared = shared if is_wild else doors
                yield key, plan, doors
