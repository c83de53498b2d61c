"""The server half of ADS without its sockets: which streams there are, who gets which change, who is live.

A change names its target and the names that may differ; only streams of that target are woken.
Invariant: nothing here waits for a proxy, so none can delay another; a stream's transport is told by `wake` alone.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

from pidalio.errors import Refused
from pidalio.xds.delta import Delta
from pidalio.xds.former import Former
from pidalio.xds.node import Node, Peer
from pidalio.xds.session import Limits, Session
from pidalio.xds.status import Events, Nobody, Presence, State, StreamStatus, Unobserved, Verdict
from pidalio.xds.stream import Stream
from pidalio.xds.target import Target
from pidalio.xds.variant import Memory, Variant

Resolve = Callable[[Node, Peer], Target]
_MOST_REMEMBERED: Final = 1_000  # proxies that are away and of which something is to be known
_WORST: Final = (State.LIVE, State.LAGGING, State.REJECTED)


class _Waiter:
    """Someone who waits until every stream has a generation; `lagging` holds those that are not known to have it."""

    def __init__(self, generation: int, lagging: set[Session]) -> None:
        self.generation = generation
        self.lagging = lagging
        self.done = asyncio.Event()


class Ads:
    """Every stream of one control plane.

    `resolve` is called once per stream, with the node of its first request and what the transport knows of the peer;
    it raises `Refused` to turn the proxy away. `now` is a steady clock and `epoch` a calendar clock, in seconds.
    """

    def __init__(
        self,
        resolve: Resolve,
        *,
        events: Events | None = None,
        limits: Limits | None = None,
        now: Callable[[], float] = time.monotonic,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self.limits = limits or Limits()
        self.events: Events = events or Unobserved()
        self.presence: Presence = Nobody()
        self.former = Former()
        self.now = now
        self._epoch = epoch
        self._resolve = resolve
        self._generation = 0
        self._numbers = itertools.count(1)
        self._wake: dict[Stream, Callable[[], None]] = {}
        self._by_target: dict[int, dict[Stream, None]] = {}
        self._identities: Counter[str] = Counter()
        self._memories: dict[str, Memory] = {}
        self._waiters: list[_Waiter] = []

    # Streams come and go

    def open(self, node: Node, peer: Peer, wake: Callable[[], None], variant: Variant | None = None) -> Stream:
        """Admit a stream; `wake` is called when it may have something to send. Raise `Refused` to turn it away."""
        identity = peer.identity or node.id
        if self._identities[identity] >= self.limits.streams_per_identity:
            raise Refused(f"{identity} has {self.limits.streams_per_identity} streams already")
        target = self._resolve(node, peer)
        memory = self._memories.pop(node.id, Memory())
        stream = Stream(next(self._numbers), node, peer, target, self, self._epoch(), variant or Delta(), memory)
        self._identities[identity] += 1
        self._wake[stream] = wake
        self._by_target.setdefault(id(target), {})[stream] = None
        for waiter in self._waiters:
            waiter.lagging.add(stream)
        self.events.connected(node.id, stream.number, peer)
        self.presence.came(stream.number, node, peer)
        return stream

    def close(self, stream: Stream, reason: str) -> None:
        """Forget a stream that ended, but for what its proxy need not be sent again when it comes back."""
        del self._wake[stream]
        if memory := stream.remember():
            self._memories[stream.node.id] = memory
            if len(self._memories) > _MOST_REMEMBERED:
                del self._memories[next(iter(self._memories))]
        mates = self._by_target[id(stream.target)]
        del mates[stream]
        if not mates:
            del self._by_target[id(stream.target)]
        identity = stream.peer.identity or stream.node.id
        self._identities[identity] -= 1
        if not self._identities[identity]:
            del self._identities[identity]
        for waiter in self._waiters:
            self._check(waiter, stream, ended=True)
        self.events.disconnected(stream.node.id, stream.number, reason)
        self.presence.left(stream.number)

    def streams(self) -> tuple[Stream, ...]:
        """Return every open stream, the oldest first."""
        return tuple(self._wake)

    # Changes

    @property
    def generation(self) -> int:
        """Return the generation up to which every target is compiled."""
        return self._generation

    def changed(self, target: Target, dirty: Mapping[str, Collection[str]], generation: int) -> None:
        """Say that these names, by type URL, may have changed, appeared or vanished in `target`.

        Every stream of the target compares by version and sends what differs.
        """
        for stream in self._by_target.get(id(target), ()):
            if stream.changed(dirty, generation):
                self._wake[stream]()

    def current(self, generation: int) -> None:
        """Say that every target is compiled up to `generation`."""
        self._generation = max(self._generation, generation)
        for waiter in self._waiters:
            for stream in tuple(waiter.lagging):
                self._check(waiter, stream)
            self._finish(waiter)

    def progressed(self, session: Session) -> None:
        """Take note that a stream may have come closer to the newest generation."""
        for waiter in self._waiters:
            self._check(waiter, session)

    def overdue(self) -> list[Stream]:
        """Wake the streams for which time matters; return those whose oldest response is unanswered for too long."""
        now = self.now()
        late = []
        for stream, wake in self._wake.items():
            if stream.overdue(now) > self.limits.unanswered:
                late.append(stream)
            elif stream.renew(now) or stream.has_work:
                wake()
        return late

    # What is known

    def status(self) -> tuple[StreamStatus, ...]:
        """Return what is known of every stream, by node; two streams of one node are two entries."""
        counts = Counter(stream.node.id for stream in self._wake)
        streams = sorted(self._wake, key=lambda stream: (stream.node.id, stream.number))
        return tuple(stream.status(counts[stream.node.id]) for stream in streams)

    def held(self, proxy: str, type_url: str) -> dict[str, str]:
        """Return what the proxy's newest stream acknowledged: version by name; empty where it is not connected."""
        for stream in reversed(self._wake):
            if stream.node.id == proxy:
                asked = stream.subscriptions.get(type_url)
                return dict(asked.held) if asked is not None else {}
        return {}

    async def live(self, generation: int, timeout: float) -> tuple[Verdict, ...]:  # noqa: ASYNC109 - a part of the verdict: who lags at the end
        """Wait until every proxy runs `generation` or refused part of it, at most `timeout` seconds; return verdicts.

        A proxy that refuses anything is REJECTED, whenever it was refused: `Rejection.origins` say whose fault it is.
        """
        waiter = _Waiter(generation, {stream for stream in self._wake if stream.generation < generation})
        self._waiters.append(waiter)
        self._finish(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter.done.wait()
        except TimeoutError:
            pass  # the verdicts say who lags
        finally:
            self._waiters.remove(waiter)
        return self.verdicts(generation)

    def verdicts(self, generation: int) -> tuple[Verdict, ...]:
        """Return how every proxy stands to `generation` now; of several streams of one proxy the worst counts."""
        found: dict[str, Verdict] = {}
        for stream in self._wake:
            verdict = _verdict(stream, generation)
            other = found.get(verdict.proxy)
            if other is None or _WORST.index(other.state) < _WORST.index(verdict.state):
                found[verdict.proxy] = verdict
        return tuple(found[proxy] for proxy in sorted(found))

    def _check(self, waiter: _Waiter, session: Session, *, ended: bool = False) -> None:
        if session in waiter.lagging and (ended or session.generation >= waiter.generation):
            waiter.lagging.discard(session)
            self._finish(waiter)

    def _finish(self, waiter: _Waiter) -> None:
        if not waiter.lagging and self._generation >= waiter.generation:
            waiter.done.set()


def _verdict(stream: Stream, generation: int) -> Verdict:
    applied, rejections = stream.generation, stream.rejections
    if rejections:
        reason = f"it refused {rejections[0].name}: {rejections[0].error}"
        return Verdict(stream.node.id, State.REJECTED, applied, rejections, reason)
    if applied < generation:
        return Verdict(stream.node.id, State.LAGGING, applied, (), stream.waiting)
    return Verdict(stream.node.id, State.LIVE, applied)
