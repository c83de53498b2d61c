"""The last good configuration of one Envoy: what its control plane sent and it acknowledged.

Fed by `relay` with every message of the stream, in memory only, for it may hold keys.
It is an `xds.Target`, so that the protocol's own server can serve it while the control plane is away.
Invariant: what is kept as a whole was acknowledged as a whole: a new stream's resources replace the former ones only
when nothing that they refer to is missing. What ends unless the control plane renews it is not kept: it would live on.
"""

from collections.abc import Collection

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import encode
from pidalio.envoy.resource import Resource
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, RENEWED, ROUTE
from pidalio.xds.wire import Request

Tables = dict[str, dict[str, Resource]]


class KeptConfiguration:
    """What one Envoy held when its control plane was last there."""

    def __init__(self) -> None:
        self.tables: Tables = {}

    @property
    def is_usable(self) -> bool:
        """Tell whether there is a configuration to fall back to."""
        return bool(self.tables)

    def names(self, type_url: str) -> Collection[str]:
        """Return the names of every kept resource of the type."""
        return self.tables.get(type_url, {}).keys()

    def get(self, type_url: str, name: str) -> Resource | None:
        """Return the kept resource of that name."""
        return self.tables.get(type_url, {}).get(name)

    def recording(self) -> "Recording":
        """Return what takes note of one stream from its beginning."""
        return Recording(self)


class Recording:
    """One stream between an Envoy and its control plane, as heard by the agent."""

    def __init__(self, kept: KeptConfiguration) -> None:
        self._kept = kept
        self._tables: Tables = {}
        self._asked: dict[str, set[str]] = {}
        self._answered: set[str] = set()
        self._unacknowledged: dict[str, pb.DeltaDiscoveryResponse] = {}

    def sent(self, response: pb.DeltaDiscoveryResponse) -> None:
        """Take note of what the control plane sent; it counts once it is acknowledged."""
        self._unacknowledged[response.nonce] = response

    def heard(self, request: Request) -> None:
        """Take note of what Envoy said: what it holds, what it asks for, what it accepted or refused."""
        if request.type_url not in self._tables:
            self._begin(request)
        asked = self._asked[request.type_url]
        asked |= set(request.subscribe)
        asked -= set(request.unsubscribe)
        for name in request.unsubscribe:
            self._tables[request.type_url].pop(name, None)
        response = self._unacknowledged.pop(request.nonce, None)
        if response is not None and request.error is None:
            self._accept(response)
        if self._is_complete:
            self._kept.tables = self._tables

    def _begin(self, request: Request) -> None:
        former = self._kept.tables.get(request.type_url, {})
        held = {name: former[name] for name in request.initial if name in former}
        self._tables[request.type_url] = held
        self._asked[request.type_url] = set()
        if held:
            self._answered.add(request.type_url)

    def _accept(self, response: pb.DeltaDiscoveryResponse) -> None:
        if response.type_url in RENEWED:
            return
        table = self._tables[response.type_url]
        self._answered.add(response.type_url)
        for entry in response.resources:
            body = encode(pb.DeltaDiscoveryResponse(resources=[entry]))
            table[entry.name] = Resource(response.type_url, entry.name, entry.version, body)
        for name in response.removed_resources:
            table.pop(name, None)

    @property
    def _is_complete(self) -> bool:
        if not {CLUSTER, LISTENER} <= self._answered:
            return False
        named = (self._asked.get(kind, set()) - self._tables.get(kind, {}).keys() for kind in (ENDPOINT, ROUTE))
        return not any(named)
