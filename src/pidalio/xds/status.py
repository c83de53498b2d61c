"""What is known of the connected proxies, as values: for `status`, `apply`, metrics and the demo."""

import enum
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from pidalio.xds.node import Node, Peer


class Rejection(msgspec.Struct, frozen=True):
    """A resource that a proxy refused: `error` is the proxy's text, `origins` the objects that made the resource.

    `version` is the refused one (empty: it refused a removal); `generation` is the newest it was sent with.
    """

    type_url: str
    name: str
    version: str
    error: str
    origins: tuple[Any, ...] = ()
    generation: int = 0

    @property
    def is_conflict(self) -> bool:
        """Tell whether it was refused only beside another: Envoy says "duplicate" of domains and addresses."""
        return "uplicate" in self.error


class TypeStatus(msgspec.Struct, frozen=True):
    """One type on one stream: how many resources are acknowledged, on their way, still to be sent; what was refused."""

    type_url: str
    acked: int
    sent: int
    due: int
    rejected: tuple[Rejection, ...]


class StreamStatus(msgspec.Struct, frozen=True):
    """One stream of one proxy; `connected` is in seconds since the epoch, `generation` the newest applied in full.

    `generation` is -1 before the first; `streams` counts the streams of the same node, more than one is unusual.
    """

    node: Node
    peer: Peer
    stream: int
    connected: float
    generation: int
    types: tuple[TypeStatus, ...]
    responses: int
    bytes: int
    streams: int = 1
    waiting: str = ""


class State(enum.Enum):
    """How a proxy stands to a generation."""

    LIVE = "live"
    LAGGING = "lagging"
    REJECTED = "rejected"


class Verdict(msgspec.Struct, frozen=True):
    """How one proxy stands to the generation that was asked about; `reason` says what it waits for or refused."""

    proxy: str
    state: State
    generation: int
    rejections: tuple[Rejection, ...] = ()
    reason: str = ""


class Events(Protocol):
    """What wants to know of traffic on the streams; called on the event loop, must return at once."""

    def connected(self, proxy: str, stream: int, peer: Peer) -> None:
        """Take note that a stream opened and was admitted."""

    def disconnected(self, proxy: str, stream: int, reason: str) -> None:
        """Take note that a stream ended."""

    def pushed(
        self, proxy: str, type_url: str, names: Sequence[str], removed: Sequence[str], size: int, generation: int
    ) -> None:
        """Take note that a response of `size` bytes is handed to the transport."""

    def acked(self, proxy: str, type_url: str, names: Sequence[str], seconds: float, generation: int) -> None:
        """Take note that a response was acknowledged, `seconds` after it was sent."""

    def rejected(self, proxy: str, rejection: Rejection) -> None:
        """Take note that a resource was refused, and that it alone is to blame."""


class Presence(Protocol):
    """What lives and dies with streams: instances that are registered by them. Called at once, must return at once."""

    def came(self, stream: int, node: Node, peer: Peer) -> None:
        """Take note that a stream opened and was admitted."""

    def left(self, stream: int) -> None:
        """Take note that a stream ended."""

    def health(self, stream: int, error: str | None) -> None:
        """Take note of what an agent tells of its instance: None is well."""


class Nobody:
    """Presence of nobody: streams are no more than streams."""

    def came(self, stream: int, node: Node, peer: Peer) -> None:
        """Ignore."""

    def left(self, stream: int) -> None:
        """Ignore."""

    def health(self, stream: int, error: str | None) -> None:
        """Ignore."""


class Unobserved:
    """Events that nobody listens to."""

    def connected(self, proxy: str, stream: int, peer: Peer) -> None:
        """Ignore."""

    def disconnected(self, proxy: str, stream: int, reason: str) -> None:
        """Ignore."""

    def pushed(
        self, proxy: str, type_url: str, names: Sequence[str], removed: Sequence[str], size: int, generation: int
    ) -> None:
        """Ignore."""

    def acked(self, proxy: str, type_url: str, names: Sequence[str], seconds: float, generation: int) -> None:
        """Ignore."""

    def rejected(self, proxy: str, rejection: Rejection) -> None:
        """Ignore."""
