"""Envoy as far as delta ADS is concerned, with two queues instead of a network.

It does what was observed of Envoy 1.40: asks for endpoints when a cluster comes or changes, keeps a cluster's former
version while the new one warms, withholds the answer to clusters while any warms, applies the good clusters of a
response that it refuses, takes virtual hosts only of tables that it has, and while a cluster warms asks for clusters on a new
stream last.
"""

from collections import deque

from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST

from pidalio.envoy import messages as pb
from pidalio.xds import Node, Peer
from pidalio.xds.wire import Request

BAD = "bad"


class ModelEnvoy:
    """`usable` clusters have been warm; `content` is what is in force, by type and name."""

    def __init__(self, server, *, tells: bool) -> None:
        self.server = server
        self.tells = tells  # whether a refusal names the resource
        self.content: dict[str, dict[str, str]] = {
            kind: {} for kind in (CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST)
        }
        self.versions: dict[str, dict[str, str]] = {kind: {} for kind in self.content}
        self.usable: set[str] = set()
        self.warming: set[str] = set()
        self.withheld: list[Request] = []
        self.connect()

    def connect(self) -> None:
        self.stream = self.server.ads.open(Node("a"), Peer(), lambda: None)
        self.to_server: deque[Request] = deque()
        self.to_envoy: deque[bytes] = deque()
        self.withheld.clear()
        if self.warming:
            self.withheld.append(self.request(CLUSTER))
        else:
            self.ask(CLUSTER)
        self.ask(ENDPOINT, *self.content[CLUSTER])
        self.ask(LISTENER)
        tables = self.tables()
        if tables:
            self.ask(ROUTE, *tables)
        self.ask(VIRTUAL_HOST)

    def ask(self, kind: str, *names: str) -> None:
        self.to_server.append(self.request(kind, *names))

    def request(self, kind: str, *names: str) -> Request:
        held = self.versions[kind]
        claimed = (
            held if kind in (CLUSTER, LISTENER, VIRTUAL_HOST) else {name: held[name] for name in names if name in held}
        )
        return Request(kind, names, (), dict(claimed))

    def reconnect(self) -> None:
        self.server.ads.close(self.stream, "gone")
        self.connect()

    def tables(self) -> list[str]:
        return sorted(self.content[LISTENER].values())

    # One step of the network each

    def emit(self) -> bool:
        data = self.stream.next_response()
        if data is not None:
            self.to_envoy.append(data)
        unanswered = [asked.sent for asked in self.stream.subscriptions.values()]
        assert all(len(sent) <= 1 for sent in unanswered)
        return data is not None

    def deliver(self) -> bool:
        if self.to_server:
            self.stream.receive(self.to_server.popleft())
            return True
        return False

    def process(self) -> bool:
        if not self.to_envoy:
            return False
        message = pb.DeltaDiscoveryResponse.FromString(self.to_envoy.popleft())
        bad = [each.name for each in message.resources if each.resource.value.startswith(BAD.encode())]
        answer = Request(message.type_url, nonce=message.nonce)
        if bad:
            error = f"cannot use {bad[0]}" if self.tells else "cannot use it"
            answer = Request(message.type_url, nonce=message.nonce, error=error)
        if not bad or message.type_url == CLUSTER:
            self.apply(message, bad)
        if message.type_url == CLUSTER and self.warming:
            self.withheld.append(answer)
        else:
            self.to_server.append(answer)
        self.check()
        return True

    # What Envoy does with them

    def apply(self, message, bad) -> None:
        kind = message.type_url
        content, versions = self.content[kind], self.versions[kind]
        for name in message.removed_resources:
            content.pop(name, None)
            versions.pop(name, None)
            self.removed(kind, name)
        for each in message.resources:
            if each.name in bad or not self.takes(kind, each.name):
                continue
            versions[each.name] = each.version
            if kind == VIRTUAL_HOST and each.name.partition("/")[0] not in self.content[ROUTE]:
                continue
            before = content.get(each.name)
            content[each.name] = each.resource.value.decode(errors="replace")
            self.applied(kind, each.name, before)

    def takes(self, kind: str, name: str) -> bool:
        """What was asked for by name and taken back meanwhile is ignored."""
        if kind == ENDPOINT:
            return name in self.content[CLUSTER]
        return kind != ROUTE or name in self.tables()

    def applied(self, kind: str, name: str, before: str | None) -> None:
        if kind == CLUSTER:
            self.warming.add(name)
            if before is None:
                self.subscribe(ENDPOINT, name)
        elif kind == ENDPOINT:
            self.warming.discard(name)
            self.usable.add(name)
            self.answer_clusters()
        elif kind == LISTENER and before is None:
            self.subscribe(ROUTE, self.content[LISTENER][name])

    def removed(self, kind: str, name: str) -> None:
        if kind == CLUSTER:
            self.warming.discard(name)
            self.usable.discard(name)
            self.unsubscribe(ENDPOINT, name)
        elif kind == LISTENER:
            self.unsubscribe(ROUTE, name.replace("l", "r"))
            for host in [host for host in self.content[VIRTUAL_HOST] if host.startswith(name.replace("l", "r") + "/")]:
                del self.content[VIRTUAL_HOST][host]

    def subscribe(self, kind: str, name: str) -> None:
        self.to_server.append(Request(kind, (name,)))

    def unsubscribe(self, kind: str, name: str) -> None:
        self.content[kind].pop(name, None)
        self.versions[kind].pop(name, None)
        self.to_server.append(Request(kind, (), (name,)))

    def answer_clusters(self) -> None:
        if not self.warming:
            self.to_server.extend(self.withheld)
            self.withheld.clear()

    def check(self) -> None:
        """No request may meet a virtual host whose cluster is gone or was never ready."""
        for name, content in self.content[VIRTUAL_HOST].items():
            assert content.split()[-1] in self.usable, (name, content, self.usable)

    def settle(self) -> None:
        """Let everything happen that can."""
        for _ in range(10_000):
            if not (self.deliver() | self.emit() | self.process()):
                return
        raise AssertionError("it never becomes quiet")
