"""A target to be steered by hand, a log of what the server says, and a clock that stands still."""

import hashlib
from collections.abc import Collection

from pidalio.envoy import messages as pb
from pidalio.envoy.resource import Resource
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST

__all__ = ["CLUSTER", "ENDPOINT", "LISTENER", "ROUTE", "VIRTUAL_HOST", "Clock", "Log", "World", "made"]


def made(kind: str, name: str, content: str) -> Resource:
    """Return a resource with any content: the protocol does not look inside."""
    version = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
    entry = pb.Resource(name=name, version=version, resource=pb.Any(type_url=kind, value=content.encode()))
    return Resource(kind, name, version, pb.DeltaDiscoveryResponse(resources=[entry]).SerializeToString(), ())


class World:
    """A target; `put` and `drop` return what changed, as `Ads.changed` takes it."""

    def __init__(self, **kinds: dict[str, str]) -> None:
        urls = {
            "clusters": CLUSTER,
            "endpoints": ENDPOINT,
            "listeners": LISTENER,
            "routes": ROUTE,
            "hosts": VIRTUAL_HOST,
        }
        self.content: dict[str, dict[str, Resource]] = {}
        for kind, resources in kinds.items():
            for name, content in resources.items():
                self.put(urls[kind], name, content)

    def names(self, type_url: str) -> Collection[str]:
        return self.content.get(type_url, {}).keys()

    def get(self, type_url: str, name: str) -> Resource | None:
        return self.content.get(type_url, {}).get(name)

    def put(self, type_url: str, name: str, content: str) -> dict[str, list[str]]:
        self.content.setdefault(type_url, {})[name] = made(type_url, name, content)
        return {type_url: [name]}

    def drop(self, type_url: str, name: str) -> dict[str, list[str]]:
        del self.content[type_url][name]
        return {type_url: [name]}


class Log:
    """Everything that the server reports, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, ...]] = []
        self.rejections = []

    def connected(self, proxy, stream, peer):
        self.lines.append(("connected", proxy))

    def disconnected(self, proxy, stream, reason):
        self.lines.append(("disconnected", proxy, reason))

    def pushed(self, proxy, type_url, names, removed, size, generation):
        assert size > 0
        self.lines.append(("pushed", proxy, type_url.rpartition(".")[2], *names, *(f"-{name}" for name in removed)))

    def acked(self, proxy, type_url, names, seconds, generation):
        self.lines.append(("acked", proxy, type_url.rpartition(".")[2], *names))

    def rejected(self, proxy, rejection):
        self.rejections.append(rejection)
        self.lines.append(("rejected", proxy, rejection.name))


class Clock:
    """A steady clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
