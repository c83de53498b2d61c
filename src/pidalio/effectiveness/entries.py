"""The entries of a VirtualService for connections, one form for `tls` and `tcp`, and the values that each compares."""

import ipaddress

import msgspec

from pidalio.api.object import Object
from pidalio.api.virtual_service import L4MatchAttributes, TLSMatchAttributes, VirtualService
from pidalio.rules.matching import RouteContext
from pidalio.rules.tcp_routes import takes


class Value(msgspec.Struct, frozen=True):
    """A server name and a range that an entry asks for together ("" where it asks for none), by their positions."""

    name: str = ""
    subnet: str = ""
    at_name: int = 0
    at_subnet: int = 0


class Entry(msgspec.Struct, frozen=True):
    """One match of a rule, None for a rule without; `kind` is `tls` or `tcp`."""

    kind: str
    index: int
    position: int = 0
    match: TLSMatchAttributes | L4MatchAttributes | None = None

    @property
    def rule(self) -> str:
        """Return the path of its rule."""
        return f"{self.kind}[{self.index}]"

    @property
    def path(self) -> str:
        """Return its own path."""
        return self.rule if self.match is None else f"{self.rule}.match[{self.position}]"

    @property
    def values(self) -> tuple[Value, ...]:
        """Return every pair of a name and a range, at least one."""
        names = self.match.sni_hosts if isinstance(self.match, TLSMatchAttributes) else ()
        subnets = self.match.destination_subnets if self.match else ()
        return tuple(
            Value(name.lower(), str(ipaddress.ip_network(subnet, strict=False)) if subnet else "", at_name, at_subnet)
            for at_name, name in enumerate(names or ("",))
            for at_subnet, subnet in enumerate(subnets or ("",))
        )

    def is_for(self, owner: str, context: RouteContext) -> bool:
        """Tell whether it may hold for `context`, in a VirtualService of namespace `owner`."""
        return self.match is None or takes(self.match, owner, context)

    def holds(self, value: Value) -> bool:
        """Tell whether nothing is left of the connections of `value` to an entry of the kind that comes after."""
        own = self.values
        if self.kind == "tcp" and not own[0].subnet:
            return True
        return any((one.name, one.subnet) == (value.name, value.subnet) for one in own)


def entries_of(row: Object[VirtualService]) -> tuple[Entry, ...]:
    """Return the entries in their order."""
    found: list[Entry] = []
    for index, tls in enumerate(row.spec.tls):
        found += (Entry("tls", index, at, match) for at, match in enumerate(tls.match))
    for index, tcp in enumerate(row.spec.tcp):
        found += [Entry("tcp", index, at, match) for at, match in enumerate(tcp.match)] or [Entry("tcp", index)]
    return tuple(found)
