"""The last good configuration of one Envoy: what its control plane sent and it acknowledged.

Fed by `relay` with every message of the stream, in memory only, for it may hold keys.
It is an `xds.Target`, so that the protocol's own server can serve it while the control plane is away.
Invariants: what is kept as a whole was acknowledged as a whole: a new stream's resources replace the former ones only
while nothing that they refer to is missing. What Envoy says that it holds it has accepted, whether or not its answer
was heard before the stream ended. What ends unless the control plane renews it is not kept: it would live on.
"""

from collections.abc import Collection

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import encode
from pidalio.envoy.resource import Resource
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, RENEWED, ROUTE, VIRTUAL_HOST
from pidalio.xds.wire import Request

Tables = dict[str, dict[str, Resource]]


class KeptConfiguration:
    """What one Envoy held when its control plane was last there."""

    def __init__(self) -> None:
        self.tables: Tables = {}
        self._newest: Recording | None = None

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
        self._newest = Recording(self)
        return self._newest

    def claimed(self, request: Request) -> None:
        """Take note of what Envoy says on a stream of the agent's own that it holds."""
        if self._newest is None or not request.initial:
            return
        table = self.tables.setdefault(request.type_url, {})
        accepted, removed = self._newest.unheard(request)
        table.update(accepted)
        for name in removed:
            table.pop(name, None)


class Recording:
    """One stream between an Envoy and its control plane, as heard by the agent."""

    def __init__(self, kept: KeptConfiguration) -> None:
        self._kept = kept
        self._tables: Tables = dict(kept.tables)  # of a type that Envoy has not named yet, what was kept
        self._asked: dict[str, set[str]] = {}
        self._answered: set[str] = set()
        self._whole = False
        self._unacknowledged: dict[str, pb.DeltaDiscoveryResponse] = {}

    def sent(self, response: pb.DeltaDiscoveryResponse) -> None:
        """Take note of what the control plane sent; it counts once it is acknowledged."""
        self._unacknowledged[response.nonce] = response

    def heard(self, request: Request) -> None:
        """Take note of what Envoy said: what it holds, what it asks for, what it accepted or refused."""
        if request.type_url not in self._asked:
            self._begin(request)
        asked = self._asked[request.type_url]
        asked |= set(request.subscribe)
        asked -= set(request.unsubscribe)
        for name in request.unsubscribe:
            self._tables[request.type_url].pop(name, None)
        response = self._unacknowledged.pop(request.nonce, None)
        if response is not None and request.error is None:
            self._accept(response)
        self._keep(request.type_url)

    def _keep(self, kind: str) -> None:
        """Replace what is kept, of all types where they were not whole before, else of the one that changed."""
        was_whole, self._whole = self._whole, self._is_complete
        if self._whole and was_whole:
            self._kept.tables[kind] = dict(self._tables[kind])
        elif self._whole:
            self._kept.tables = {each: dict(table) for each, table in self._tables.items()}

    def unheard(self, request: Request) -> tuple[dict[str, Resource], list[str]]:
        """Return what Envoy claims to hold of what this stream sent, and the names that it gave up."""
        known: dict[str, Resource] = dict(self._tables.get(request.type_url, {}))
        removed: set[str] = set()
        for response in self._unacknowledged.values():
            if response.type_url == request.type_url and response.type_url not in RENEWED:
                known |= _resources(response)
                removed |= set(response.removed_resources)
        held = request.initial
        accepted = {name: one for name, one in known.items() if held.get(name) == one.version}
        return accepted, [name for name in removed if name not in held]

    def _begin(self, request: Request) -> None:
        former = self._tables.get(request.type_url, {})
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
        table.update(_resources(response))
        for name in response.removed_resources:
            table.pop(name, None)

    @property
    def _is_complete(self) -> bool:
        if not {CLUSTER, LISTENER, *self._asked.keys() & {VIRTUAL_HOST}} <= self._answered:
            return False
        named = (self._asked.get(kind, set()) - self._tables.get(kind, {}).keys() for kind in (ENDPOINT, ROUTE))
        return not any(named)


def _resources(response: pb.DeltaDiscoveryResponse) -> dict[str, Resource]:
    """Return what a response holds, each as a response of its own."""
    kind = response.type_url
    return {
        entry.name: Resource(kind, entry.name, entry.version, encode(pb.DeltaDiscoveryResponse(resources=[entry])))
        for entry in response.resources
    }
