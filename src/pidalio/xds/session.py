"""What is known of one proxy's stream: who it is, what it asked for, how far it has come.

`requests` changes it by what the proxy says, `responses` by what is sent; nothing else writes to it.
Invariant: `generation` never counts a change that the proxy has not acknowledged or refused.
"""

from typing import Final, Protocol

import msgspec

from pidalio.xds.former import Former
from pidalio.xds.gate import Gate
from pidalio.xds.node import Node, Peer
from pidalio.xds.status import Events, Presence, Rejection, StreamStatus, TypeStatus
from pidalio.xds.subscription import Subscription
from pidalio.xds.target import Target
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, REFERRING, short
from pidalio.xds.variant import Memory, Variant

_EXPECTED: Final = (CLUSTER, *REFERRING)  # what every proxy asks for, once it is to hold any of it


class Limits(msgspec.Struct, frozen=True):
    """What bounds a stream; times in seconds.

    `clusters`, `endpoints`: most per response (Envoy's main thread parses a response in one go). `patience`: how long
    routes wait for new clusters, and clusters for the acknowledgement of others. `linger`: how long removed clusters
    stay after nothing refers to them, for requests that have chosen their route and are held back (injected delays,
    retries); meanwhile the change counts as live. `unanswered`: age of an unanswered response at which the stream is
    dropped (Envoy withholds the answer to clusters while they warm). `names`: most names asked for on one stream.
    """

    clusters: int = 200
    endpoints: int = 1_000
    patience: float = 5.0
    linger: float = 0.0
    unanswered: float = 90.0
    names: int = 200_000
    streams_per_identity: int = 1_000

    def chunk_of(self, type_url: str) -> int | None:
        """Return the most resources of a type per response, None where there is no limit."""
        if type_url == CLUSTER:
            return self.clusters
        return self.endpoints if type_url == ENDPOINT else None


class Surroundings(Protocol):
    """What every stream of one server shares."""

    limits: Limits
    events: Events
    presence: Presence
    former: Former

    @property
    def generation(self) -> int:
        """Return the generation up to which every target is compiled."""

    def now(self) -> float:
        """Return the time of a steady clock, in seconds."""

    def progressed(self, session: "Session") -> None:
        """Take note that the stream may have come closer to the newest generation."""


class Session:
    """One proxy's stream; `number` tells streams of one server apart, `connected` is in seconds since the epoch.

    `order` holds the subscriptions in the order of sending. `fresh` holds, for a type that is yet to be asked for, the
    names whose leaders were sent on this stream (`typeurls.FOLLOWERS`), so that older claims to them do not count.
    `memory` is what is known of its former stream, `newest` the last generation that was announced to it.
    """

    def __init__(
        self,
        number: int,
        node: Node,
        peer: Peer,
        target: Target,
        around: Surroundings,
        connected: float,
        variant: Variant,
        memory: Memory,
    ) -> None:
        self.number = number
        self.node = node
        self.peer = peer
        self.target = target
        self.around = around
        self.connected = connected
        self.variant = variant
        self.memory = memory
        self.responses = 0
        self.bytes = 0
        self.newest = around.generation
        self.subscriptions: dict[str, Subscription] = {}
        self.order: tuple[Subscription, ...] = ()
        self.fresh: dict[str, set[str]] = {}
        self.gate = Gate(around.now())

    def calm(self, asked: Subscription) -> None:
        """Let a subscription settle; what was looked at and found unchanged is progress too."""
        asked.calm()
        self.around.progressed(self)

    def overdue(self, now: float) -> float:
        """Return for how many seconds the oldest response has been unanswered."""
        ages = [now - sent.at for asked in self.order for sent in asked.sent.values()]
        return max(ages, default=0.0)

    @property
    def has_work(self) -> bool:
        """Tell whether something waits to be sent, be it only for time to pass."""
        for asked in self.order:  # noqa: SIM110 - asked once per request, and a loop is several times faster than any()
            if asked.has_work or asked.gone:
                return True
        return False

    @property
    def generation(self) -> int:
        """Return the newest generation of which everything is acknowledged, -1 before the first."""
        if self._unasked():
            return -1
        applied = self.around.generation
        for asked in self.order:
            since = asked.pending_since
            if since is not None and since <= applied:
                applied = since - 1
            if asked.gone and not self.around.limits.linger:
                applied = min(applied, min(asked.gone.values()) - 1)
        return applied

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Return every resource that this proxy refuses."""
        return tuple([each for asked in self.order if asked.rejected for each in asked.rejected.values()])

    @property
    def waiting(self) -> str:
        """Say what keeps this proxy from the newest generation, empty where nothing does."""
        if unasked := self._unasked():
            return f"it has not asked for {', '.join(map(short, unasked))} yet"
        if why := self.gate.describe(self.subscriptions):
            return why
        unanswered = [short(asked.type_url) for asked in self.order if asked.sent]
        return f"it has not answered for {', '.join(unanswered)} yet" if unanswered else ""

    def status(self, streams: int = 1) -> StreamStatus:
        """Return what is known of this stream; `streams` is how many its node has."""
        return StreamStatus(
            self.node,
            self.peer,
            self.number,
            self.connected,
            self.generation,
            tuple(_type_status(asked) for asked in self.order),
            self.responses,
            self.bytes,
            streams,
            self.waiting,
        )

    def remember(self) -> Memory:
        """Return what to know of this proxy when it comes back; types that it did not come to are as they were."""
        refused = [each for each in self.memory.refused if each.type_url not in self.subscriptions]
        return Memory((*self.rejections, *refused), {**self.memory.held, **self.variant.remember(self)})

    def _unasked(self) -> list[str]:
        """Return the types that the proxy is to hold and has not asked for since it connected.

        A client that asks for listeners by name takes what it needs of the rest, possibly nothing.
        """
        listeners = self.subscriptions.get(LISTENER)
        if listeners is not None and not listeners.wildcard:
            return []
        return [kind for kind in _EXPECTED if kind not in self.subscriptions and self.target.names(kind)]


def _type_status(asked: Subscription) -> TypeStatus:
    sent = sum(len(sent.versions) for sent in asked.sent.values())
    due = len(asked.due) + len(asked.gone) + sum(map(len, asked.retry))
    return TypeStatus(asked.type_url, len(asked.held), sent, due, tuple(asked.rejected.values()))
