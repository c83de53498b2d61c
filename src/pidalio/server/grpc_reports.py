"""What connected proxyless gRPC clients cannot do of the rules that they follow, as reports to users.

A rule is not wrong because some client knows less than Envoy, so it is told only while such a client follows it: one
report per rule and lack, with the clients that it concerns.
"""

from collections.abc import Iterable, Iterator

from pidalio.derive import Database
from pidalio.model import Report, Severity
from pidalio.rules.grpc import lacks
from pidalio.rules.grpc_lacks import Lack
from pidalio.server.distribution import View
from pidalio.xds import Stream
from pidalio.xds.typeurls import CLUSTER, ROUTE


def grpc_reports(world: Database, streams: Iterable[Stream]) -> Iterator[Report]:
    """Yield what gets lost at the clients of these streams, by rule."""
    found: dict[Lack, set[str]] = {}
    for stream in streams:
        for lack in _of_stream(world, stream):
            found.setdefault(lack, set()).add(_name(stream))
    for lack, clients in sorted(found.items()):
        path = f"spec.{lack.origin.path}" if lack.origin.path else ""
        message = f"proxyless gRPC cannot {lack.what}: {lack.instead} ({_some(clients)})"
        yield Report(Severity.WARNING, "grpc-cannot", message, lack.origin.object, path)


def _of_stream(world: Database, stream: Stream) -> Iterator[Lack]:
    view = stream.target
    if not stream.node.is_grpc or not isinstance(view, View):
        return
    for kind in (ROUTE, CLUSTER):
        asked = stream.subscriptions.get(kind)
        for name in asked.names if asked else ():
            yield from lacks(world, view.key(kind, name))


def _name(stream: Stream) -> str:
    view = stream.target
    return f"{view.proxy.name}.{view.proxy.namespace}" if isinstance(view, View) else stream.node.id


def _some(clients: set[str]) -> str:
    first, *others = sorted(clients)
    return f"{first} and {len(others)} more" if others else first
