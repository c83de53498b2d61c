"""Envoy as far as state-of-the-world ADS is concerned: `ModelEnvoy` with sets in place of differences.

Observed of Envoy 1.40: while clusters warm, requests for clusters wait and only the last one is sent; what a set of
clusters or listeners leaves out is removed.
"""

from collections import deque

from tests.unit.xds.model_envoy import BAD, ModelEnvoy
from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE

from pidalio.envoy import messages as pb
from pidalio.xds import Node, Peer
from pidalio.xds.state_of_the_world import StateOfTheWorld
from pidalio.xds.wire import Request


class ModelStateEnvoy(ModelEnvoy):
    """Route tables are whole: their content names the clusters they need, resources say `name: content`."""

    def __init__(self, server, *, tells: bool) -> None:
        self.sets: dict[str, str] = {}
        self.nonces: dict[str, str] = {}
        super().__init__(server, tells=tells)

    def connect(self) -> None:
        self.stream = self.server.ads.open(Node("a"), Peer(), lambda: None, StateOfTheWorld())
        self.to_server: deque[Request] = deque()
        self.to_envoy: deque[bytes] = deque()
        self.nonces.clear()
        self.withheld.clear()
        for kind in (CLUSTER, ENDPOINT, LISTENER, ROUTE):
            if kind in (CLUSTER, LISTENER) or self.asked(kind):
                self.say(kind)

    def asked(self, kind: str) -> tuple[str, ...]:
        if kind == ENDPOINT:
            return tuple(self.content[CLUSTER])
        return tuple(self.tables()) if kind == ROUTE else ()

    def say(self, kind: str, error: str | None = None) -> None:
        request = Request(
            kind, nonce=self.nonces.get(kind, ""), error=error, names=self.asked(kind), version=self.sets.get(kind, "")
        )
        if kind == CLUSTER and self.warming:
            self.withheld[:] = [request]
        else:
            self.to_server.append(request)

    def subscribe(self, kind: str, name: str) -> None:
        self.say(kind)

    def unsubscribe(self, kind: str, name: str) -> None:
        self.content[kind].pop(name, None)
        self.say(kind)

    def process(self) -> bool:
        if not self.to_envoy:
            return False
        message = pb.DiscoveryResponse.FromString(self.to_envoy.popleft())
        kind = message.type_url
        found = dict(_read(kind, each.value) for each in message.resources)
        bad = [name for name, content in found.items() if content.startswith(BAD)]
        self.nonces[kind] = message.nonce
        if not bad or kind in (CLUSTER, LISTENER):
            self.take(kind, found, bad)
        if bad:
            self.say(kind, f"cannot use {bad[0]}" if self.tells else "cannot use it")
        else:
            self.sets[kind] = message.version_info
            self.say(kind)
        self.check()
        return True

    def take(self, kind: str, found: dict[str, str], bad: list[str]) -> None:
        if kind in (CLUSTER, LISTENER):
            for name in [name for name in self.content[kind] if name not in found]:
                del self.content[kind][name]
                self.removed(kind, name)
        for name, content in found.items():
            before = self.content[kind].get(name)
            if name not in bad and self.takes(kind, name) and content != before:
                self.content[kind][name] = content
                self.applied(kind, name, before)
            elif kind == ENDPOINT and name not in bad:
                self.applied(kind, name, before)

    def check(self) -> None:
        """No request may meet a route table that names a cluster which is gone or was never ready."""
        for name, content in self.content[ROUTE].items():
            if name in self.tables():
                assert set(content.split()[2:]) <= self.usable, (name, content, self.usable)


def _read(kind: str, value: bytes) -> tuple[str, str]:
    """Return name and content; what the server makes up itself names no cluster."""
    name, separator, content = value.decode(errors="replace").partition(": ")
    if separator and name.isalnum():
        return name, content
    if kind == ENDPOINT:
        return pb.ClusterLoadAssignment.FromString(value).cluster_name, "empty"
    return pb.RouteConfiguration.FromString(value).name, "absent -"
