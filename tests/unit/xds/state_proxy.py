"""A client of state-of-the-world ADS at the state machine: it says all names each time, and is told sets."""

from tests.unit.xds.proxy import Client

from pidalio.envoy import messages as pb
from pidalio.xds.state_of_the_world import StateOfTheWorld
from pidalio.xds.wire import Request


class StateProxy(Client):
    """One stream; `versions` and `nonces` are what it took last, by type, `names` what it asks for."""

    def __init__(self, server, name: str = "a", versions: dict[str, str] | None = None) -> None:
        super().__init__(server, name, StateOfTheWorld())
        self.versions: dict[str, str] = dict(versions or {})
        self.nonces: dict[str, str] = {}
        self.names: dict[str, tuple[str, ...]] = {}

    def read(self, data: bytes):
        return pb.DiscoveryResponse.FromString(data)

    def told(self, message) -> tuple[str, ...]:
        return told(message)

    def ask(self, kind: str, *names: str, nonce: str | None = None, error: str | None = None) -> None:
        self.names[kind] = names
        nonce = self.nonces.get(kind, "") if nonce is None else nonce
        version = self.versions.get(kind, "")
        self.stream.receive(Request(kind, nonce=nonce, error=error, names=names, version=version))

    def ack(self, kind: str | None = None) -> None:
        for message in self.answered(kind):
            self.versions[message.type_url] = message.version_info
            self.nonces[message.type_url] = message.nonce
            self.ask(message.type_url, *self.names[message.type_url])

    def nack(self, error: str, kind: str | None = None) -> None:
        message = next(each for each in self.unanswered if kind in (None, each.type_url))
        self.unanswered.remove(message)
        self.nonces[message.type_url] = message.nonce
        self.ask(message.type_url, *self.names[message.type_url], error=error)

    def again(self) -> "StateProxy":
        """Come back on a new stream, with the versions that were taken."""
        self.server.ads.close(self.stream, "gone")
        return StateProxy(self.server, self.stream.node.id, self.versions)


def told(message) -> tuple[str, ...]:
    """Return type and contents: the resources of the test's world bear no name of their own."""
    return (message.type_url.rpartition(".")[2], *sorted(each.value.decode() for each in message.resources))
