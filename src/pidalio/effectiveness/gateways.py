"""Which servers of a Gateway open a port, and which lose it to another Gateway."""

from collections.abc import Iterator

from pidalio.api.gateway import Gateway
from pidalio.api.object import Object
from pidalio.derive import Database
from pidalio.effectiveness.facts import Facts
from pidalio.effectiveness.finding import Finding
from pidalio.model import ObjectRef, Origin
from pidalio.rules.gateway_ports import LostServer, Opened, ServerRef, gateway, opened, selected_gateways, targets
from pidalio.store.tables import Key


def gateway_findings(world: Database, facts: Facts, row: Object[Gateway]) -> Iterator[Finding]:
    """Yield what there is to say of a Gateway of which something reaches no proxy."""
    key = (row.meta.namespace, row.meta.name)
    found: list[Opened] = []
    for at, alike in enumerate(facts.alike):
        if alike.is_gateway and key in selected_gateways(world, alike.proxy.labels):
            found.append(opened(world, alike.proxy.labels, targets(world, alike.proxy)))
            if any(one.gateway == key for port in found[-1].ports for one in port.servers):
                facts.reached[row.ref].add(at)
    if not found:
        wanted = ", ".join(f"{name}={value}" for name, value in row.spec.selector) or "nothing"
        yield Finding("ineffective", row.ref, "selector", (f"no gateway proxy has its labels ({wanted})",))
        return
    for index in range(len(row.spec.servers)):
        own = ServerRef(key, index)
        lost = [one for each in found if (one := _lost(each, own)) is not None]
        if not lost:
            continue
        winner = lost[0].winner
        other = Origin(ObjectRef("Gateway", *winner.gateway), f"servers[{winner.index}]")
        why = f", which {_precedence(world, key, winner.gateway)}: the two cannot share it"
        words = ("its port belongs to ", other, why)
        yield Finding("conflict-port", row.ref, f"servers[{index}]", words)
        if len(lost) == len(found):
            yield Finding("ineffective", row.ref, f"servers[{index}]", ("its port belongs to ", other))


def _precedence(world: Database, loser: Key, winner: Key) -> str:
    """Say why a server of `winner` has a port before one of `loser`."""
    first, second = gateway(world, winner), gateway(world, loser)
    if winner == loser:
        return "comes first"
    if first and second and first.meta.created != second.meta.created:
        return "is older"
    return "is as old, and its name comes first"


def _lost(found: Opened, own: ServerRef) -> LostServer | None:
    return next((one for one in found.lost if one.server == own), None)
