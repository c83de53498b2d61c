"""A proxy that talks to a stream's state machine directly: what is sent, and nothing else, is what is seen."""

from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST, Clock, Log, World

from pidalio.envoy import messages as pb
from pidalio.xds import Ads, Limits, Node, Peer
from pidalio.xds.wire import Request


class Server:
    """An `Ads` over one world, with a clock that stands still."""

    def __init__(self, world: World, **limits) -> None:
        self.world = world
        self.clock = Clock()
        self.log = Log()
        self.generation = 1
        self.ads = Ads(lambda node, peer: world, events=self.log, limits=Limits(**limits), now=self.clock)
        self.ads.current(1)

    def change(self, *changes: dict[str, list[str]]) -> None:
        self.generation += 1
        for change in changes:
            self.ads.changed(self.world, change, self.generation)
        self.ads.current(self.generation)

    def connect(self, name: str = "a") -> "Proxy":
        return Proxy(self, name)


class Client:
    """One stream of either variant; `take` returns what it is sent now, in the words of the variant."""

    def __init__(self, server: Server, name: str, *variant) -> None:
        self.server = server
        self.stream = server.ads.open(Node(name), Peer(), lambda: None, *variant)
        self.unanswered: list = []

    def next(self):
        data = self.stream.next_response()
        if data is None:
            return None
        self.unanswered.append(self.read(data))
        return self.unanswered[-1]

    def take(self) -> list[tuple[str, ...]]:
        """Take everything that comes without answering it."""
        found = []
        while (message := self.next()) is not None:
            found.append(self.told(message))
        return found

    def settle(self) -> list[tuple[str, ...]]:
        """Take and acknowledge until nothing more comes."""
        found = []
        while messages := self.take():
            found += messages
            self.ack()
        return found

    def answered(self, kind: str | None) -> list:
        """Take out the messages of a kind that wait for an answer, or all."""
        chosen = [each for each in self.unanswered if kind in (None, each.type_url)]
        self.unanswered = [each for each in self.unanswered if each not in chosen]
        return chosen


class Proxy(Client):
    """A delta stream: what it is sent is told as (kind, names...), removed names with a minus."""

    def read(self, data: bytes):
        return pb.DeltaDiscoveryResponse.FromString(data)

    def told(self, message) -> tuple[str, ...]:
        return told(message)

    def ask(self, kind: str, *names: str, drop: tuple[str, ...] = (), initial=None) -> None:
        self.stream.receive(Request(kind, names, drop, initial or {}))

    def ack(self, kind: str | None = None) -> None:
        for message in self.answered(kind):
            self.stream.receive(Request(message.type_url, nonce=message.nonce))

    def nack(self, error: str, kind: str | None = None) -> None:
        message = next(each for each in self.unanswered if kind in (None, each.type_url))
        self.unanswered.remove(message)
        self.stream.receive(Request(message.type_url, nonce=message.nonce, error=error))


def told(message) -> tuple[str, ...]:
    removed = (f"-{name}" for name in message.removed_resources)
    return (message.type_url.rpartition(".")[2], *sorted(each.name for each in message.resources), *sorted(removed))


def shop(**limits) -> Server:
    """Return a server of two clusters with endpoints, a listener, and a route table with two virtual hosts."""
    world = World(
        clusters={"c1": "c1", "c2": "c2"},
        endpoints={"c1": "1", "c2": "2"},
        listeners={"l": "l"},
        routes={"r": "r"},
        hosts={"r/a": "to c1", "r/b": "to c2"},
    )
    return Server(world, **limits)


def started(server: Server, name: str = "a") -> Proxy:
    """Return a proxy that asked for everything, as Envoy does, and holds it."""
    proxy = server.connect(name)
    for kind, *names in ((CLUSTER,), (ENDPOINT, "c1", "c2"), (LISTENER,), (ROUTE, "r"), (VIRTUAL_HOST,)):
        proxy.ask(kind, *names)
        proxy.settle()
    return proxy


def held(proxy: Proxy, kind: str) -> dict[str, str]:
    return dict(proxy.stream.subscriptions[kind].held)
