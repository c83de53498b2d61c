"""One delta ADS stream as a state machine: requests and changes go in, responses come out; no sockets, no waiting.

`receive` takes what the proxy says, `changed` what the compiler says, `next_response` gives what is to be written now.
Invariant: at most one response per type is unanswered (clusters: a second one when the first is late), whatever changes
meanwhile is sent in its newest state only, and bytes that the proxy refused are not sent again.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from pidalio.envoy.resource import Resource
from pidalio.errors import Refused
from pidalio.xds.gate import Gate
from pidalio.xds.node import Node, Peer
from pidalio.xds.status import Events, Rejection, StreamStatus, TypeStatus
from pidalio.xds.subscription import REMOVAL, Sent, Subscription
from pidalio.xds.target import Absent, Target, route_table_of, wanted
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, FOLLOWERS, NAMED, REFERRING, ROUTE, VIRTUAL_HOST, place, short
from pidalio.xds.wire import Request, response

_MOST_TYPES = 32
_EXPECTED = (CLUSTER, *REFERRING)  # what every proxy asks for, once it is to hold any of it


class Limits(msgspec.Struct, frozen=True):
    """What bounds a stream; times in seconds.

    `chunk`: clusters per response (Envoy's main thread parses a response in one go). `patience`: how long routes wait
    for new clusters, and clusters for the acknowledgement of others. `linger`: how long removed clusters stay after
    nothing refers to them. `unanswered`: age of an unanswered response at which the stream is dropped (Envoy
    withholds the answer to clusters while they warm). `names`: most names asked for on one stream.
    """

    chunk: int = 200
    patience: float = 5.0
    linger: float = 0.0
    unanswered: float = 90.0
    names: int = 200_000
    streams_per_identity: int = 1_000


class Surroundings(Protocol):
    """What every stream of one server shares."""

    limits: Limits
    events: Events

    @property
    def generation(self) -> int:
        """Return the generation up to which every target is compiled."""

    def now(self) -> float:
        """Return the time of a steady clock, in seconds."""

    def progressed(self, stream: "Stream") -> None:
        """Take note that the stream may have come closer to the newest generation."""


class _Batch(msgspec.Struct):
    """What one response is to hold: `looked` are the names it was made from, `asked` those that wait for an answer."""

    looked: list[str] = []
    resources: list[Resource] = []
    removed: list[str] = []
    asked: set[str] = set()

    @property
    def is_empty(self) -> bool:
        return not self.resources and not self.removed


class Stream:
    """One proxy's stream; `number` tells streams of one server apart, `connected` is in seconds since the epoch."""

    def __init__(
        self, number: int, node: Node, peer: Peer, target: Target, around: Surroundings, connected: float
    ) -> None:
        self.number = number
        self.node = node
        self.peer = peer
        self.target = target
        self.connected = connected
        self.responses = 0
        self.bytes = 0
        self.subscriptions: dict[str, Subscription] = {}
        self._order: tuple[Subscription, ...] = ()
        self._fresh: dict[str, set[str]] = {}
        self._around = around
        self._gate = Gate(around.now())

    # What comes in

    def receive(self, request: Request) -> None:
        """Take one request: a first request of its type, an answer, a change of what is asked for, or several at once.

        Raise `Refused` when the stream asks for more than `Limits` allows.
        """
        asked = self.subscriptions.get(request.type_url)
        if asked is None:
            self._open(request)
            return
        if request.nonce:
            self._answered(asked, request)
        if request.unsubscribe:
            self._unsubscribe(asked, request.unsubscribe)
        if request.subscribe:
            self._subscribe(asked, request.subscribe)

    def changed(self, dirty: Mapping[str, Collection[str]], generation: int) -> bool:
        """Note names that may differ since `generation`; tell whether this stream asked for any of them."""
        touched = False
        for type_url, names in dirty.items():
            asked = self.subscriptions.get(type_url)
            if asked is None:
                continue
            whole = asked.wildcard or type_url == VIRTUAL_HOST
            mine = names if whole else [name for name in names if name in asked.names]
            if mine:
                asked.look_at(mine, generation)
                touched = True
        return touched

    def _open(self, request: Request) -> None:
        """Take the first request of a type; what the proxy still holds from a former stream is not sent again."""
        if len(self.subscriptions) >= _MOST_TYPES:
            raise Refused(f"{self.node.id} asks for more than {_MOST_TYPES} types on one stream")
        kind = request.type_url
        everything = "*" in request.subscribe or (not request.subscribe and kind not in NAMED) or kind == VIRTUAL_HOST
        asked = Subscription(kind, wildcard=everything)
        asked.claim(request.initial.items())
        self.subscriptions[kind] = asked
        self._order = tuple(sorted(self.subscriptions.values(), key=lambda each: place(each.type_url)))
        self._add_names(asked, request.subscribe)
        self._drop_stale_claims(asked)
        missing = [name for name in asked.names if name not in asked.held]
        asked.look_at([*asked.held, *(self.target.names(kind) if everything else asked.names)], 0)
        asked.look_at(missing, 0, force=True)
        if kind == ROUTE:
            self._look_at_virtual_hosts()

    def _drop_stale_claims(self, asked: Subscription) -> None:
        """Forget claims that do not count: names not asked for, and what must follow a leader sent on this stream."""
        fresh = self._fresh.pop(asked.type_url, set())
        if asked.type_url == VIRTUAL_HOST:
            stale = [name for name in asked.held if self._belongs_to_new_table(name, fresh)]
        else:
            stale = [name for name in asked.held if name in fresh or not asked.includes(name)]
        for name in stale:
            del asked.held[name]

    def _belongs_to_new_table(self, name: str, fresh: set[str]) -> bool:
        table = route_table_of(self.subscriptions, name)
        return table in fresh or (table is not None and not self.subscriptions[ROUTE].has_been_sent(table))

    def _add_names(self, asked: Subscription, names: Collection[str]) -> None:
        asked.names.update(self._shared(asked.type_url, name) for name in names if name != "*")
        if sum(len(each.names) for each in self.subscriptions.values()) > self._around.limits.names:
            raise Refused(f"{self.node.id} asks for more than {self._around.limits.names} names on one stream")

    def _shared(self, type_url: str, name: str) -> str:
        """Return the target's own string where it has one, so that streams share it."""
        found = self.target.get(type_url, name)
        return name if found is None else found.name

    def _subscribe(self, asked: Subscription, names: Collection[str]) -> None:
        """Add names; each is answered, also one that is held, for the proxy may have forgotten it."""
        self._add_names(asked, names)
        generation = self._around.generation
        if "*" in names and not asked.wildcard:
            asked.wildcard = asked.answer = True
            asked.look_at(self.target.names(asked.type_url), generation)
        asked.look_at([name for name in names if name != "*"], generation, force=True)
        if asked.type_url == ROUTE:
            self._look_at_virtual_hosts()

    def _unsubscribe(self, asked: Subscription, names: Collection[str]) -> None:
        """Take names back; one that the wildcard still covers is answered, for the proxy has dropped it."""
        asked.names.difference_update(names)
        lost = [name for name in names if name != "*"]
        if "*" in names and asked.wildcard:
            asked.wildcard = False
            lost += [name for name in {**asked.held, **asked.due} if name not in asked.names]
        if asked.wildcard:
            asked.look_at(lost, self._around.generation, force=True)
            return
        asked.forget(lost)
        self._calm(asked)
        hosts = self.subscriptions.get(VIRTUAL_HOST)
        if asked.type_url == ROUTE and hosts is not None:
            hosts.forget([name for name in hosts.held if route_table_of(self.subscriptions, name) is None])
            self._calm(hosts)

    def _look_at_virtual_hosts(self) -> None:
        hosts = self.subscriptions.get(VIRTUAL_HOST)
        if hosts is not None:
            hosts.look_at(self.target.names(VIRTUAL_HOST), self._around.generation)

    def _answered(self, asked: Subscription, request: Request) -> None:
        """Take an ACK or a NACK; one for an unknown nonce says nothing."""
        if request.error is None:
            sent = asked.acknowledge(request.nonce)
            if sent is not None:
                seconds = self._around.now() - sent.at
                self._around.events.acked(self.node.id, asked.type_url, tuple(sent.versions), seconds, sent.generation)
                self._around.progressed(self)
            return
        refused = asked.refuse(request.nonce, request.error)
        if refused is not None and refused[1] is not None:
            self._reject(asked, refused[0], refused[1], request.error)
        if refused is not None:
            self._around.progressed(self)

    def _reject(self, asked: Subscription, sent: Sent, name: str, error: str) -> None:
        version = sent.versions[name]
        found = self.target.get(asked.type_url, name)
        origins = found.origins if found is not None and found.version == version else ()
        rejection = Rejection(asked.type_url, name, version, error, origins, sent.generation)
        asked.rejected[name] = rejection
        self._around.events.rejected(self.node.id, rejection)

    # What goes out

    def next_response(self) -> bytes | None:
        """Return the bytes to write now, None when nothing may be sent at present.

        Additions go in the order of their types; removed clusters go last, when nothing refers to them any more.
        """
        for asked in self._order:
            if asked.has_work and not self._is_busy(asked):
                answer = self._additions(asked)
                if answer is not None:
                    return answer
        clusters = self.subscriptions.get(CLUSTER)
        if clusters is not None and clusters.gone and not self._is_busy(clusters):
            return self._removals(clusters)
        return None

    def _is_busy(self, asked: Subscription) -> bool:
        """Tell whether a response must be answered first; a late answer to clusters does not hold back others."""
        if not asked.sent:
            return False
        latest = next(reversed(asked.sent.values()))
        return asked.type_url != CLUSTER or self._around.now() - latest.at < self._around.limits.patience

    def _additions(self, asked: Subscription) -> bytes | None:
        """Return the next response of this type, None when there is nothing to say or it has to wait."""
        while asked.has_work:
            batch = self._collect(asked)
            if asked.type_url in REFERRING and self._waits(batch):
                return None
            since = asked.since
            self._consume(asked, batch)
            if not batch.is_empty or (asked.answer and not (asked.due or asked.retry)):
                return self._send(asked, batch, since)
        self._calm(asked)
        return None

    def _waits(self, batch: _Batch) -> bool:
        patience = self._around.limits.patience
        return self._gate.holds(self.subscriptions, batch.resources, self._around.now(), patience)

    def _collect(self, asked: Subscription) -> _Batch:
        """Compare what the proxy has with what it should have, by version, for the names that are due."""
        batch = _Batch()
        again = bool(asked.retry)
        chunked = asked.type_url == CLUSTER and not again
        for name in asked.retry[0] if again else asked.due:
            if chunked and len(batch.resources) >= self._around.limits.chunk:
                break
            batch.looked.append(name)
            if asked.due.get(name):
                batch.asked.add(name)
            self._decide(asked, batch, name, again=again)
        return batch

    def _decide(self, asked: Subscription, batch: _Batch, name: str, *, again: bool) -> None:
        """Put one name where it belongs; `again` when it was part of a refused response, which may half apply."""
        waits = name in batch.asked
        found = wanted(self.target, self.subscriptions, asked.type_url, name, asked=waits)
        has = asked.version(name)
        if isinstance(found, Resource):
            if found.version == has and not waits:
                asked.pardon(name, found.version)
            elif not asked.refuses(name, found.version):
                batch.resources.append(found)
        elif found is Absent.REMOVE and (has or waits or again):
            if asked.type_url == CLUSTER and name in asked.held:
                asked.gone[name] = None
            elif not asked.refuses(name, REMOVAL):
                batch.removed.append(name)
        elif found is Absent.REMOVE:
            asked.rejected.pop(name, None)

    def _consume(self, asked: Subscription, batch: _Batch) -> None:
        if asked.retry:
            asked.retry.pop(0)
        for name in batch.looked:
            asked.due.pop(name, None)
        if not asked.due:
            asked.due = {}  # an emptied dict keeps its room

    def _removals(self, clusters: Subscription) -> bytes | None:
        limits, now = self._around.limits, self._around.now()
        if not self._gate.frees(self.subscriptions, self.target, now, limits.patience, limits.linger):
            return None
        since = clusters.since
        gone = [name for name in clusters.gone if self.target.get(CLUSTER, name) is None and name in clusters.held]
        clusters.gone.clear()
        if not gone:
            self._calm(clusters)
            return None
        return self._send(clusters, _Batch(removed=gone), since)

    def _send(self, asked: Subscription, batch: _Batch, since: int | None) -> bytes:
        """Write down what is sent, have its followers follow, and return the bytes."""
        around = self._around
        since = around.generation if since is None else since
        self._follow(asked, batch, since)
        self.responses += 1
        nonce = f"{self.number:x}-{self.responses:x}"
        versions = {each.name: each.version for each in batch.resources}
        versions.update(dict.fromkeys(batch.removed, REMOVAL))
        generation = max(around.generation, since)
        asked.sent[nonce] = Sent(versions, len(versions), around.now(), since, generation)
        asked.answer = False
        asked.calm()
        bodies = (each.body for each in batch.resources)
        data = response(asked.type_url, nonce, generation, bodies, batch.removed)
        self.bytes += len(data)
        names = [each.name for each in batch.resources]
        around.events.pushed(self.node.id, asked.type_url, names, batch.removed, len(data), generation)
        return data

    def _follow(self, asked: Subscription, batch: _Batch, since: int) -> None:
        """Have the endpoints follow their clusters, and virtual hosts a route table that is new to the proxy."""
        follower = FOLLOWERS.get(asked.type_url)
        if follower is None or not batch.resources:
            return
        new = [each.name for each in batch.resources if not asked.has_been_sent(each.name)]
        if asked.type_url == CLUSTER:
            self._gate.warming.update(dict.fromkeys(new))
            leaders = [each.name for each in batch.resources]
        else:
            leaders = list({*new, *batch.asked})
        following = self.subscriptions.get(follower)
        if following is None:
            self._fresh.setdefault(follower, set()).update(leaders)
        elif follower == ENDPOINT:
            following.look_at([name for name in leaders if following.includes(name)], since, force=True)
        elif leaders:
            tables = set(leaders)
            hosts = self.target.names(VIRTUAL_HOST)
            mine = [name for name in hosts if route_table_of(self.subscriptions, name) in tables]
            following.look_at(mine, since, force=True)

    def _calm(self, asked: Subscription) -> None:
        """Let the subscription settle; what was looked at and found unchanged is progress too."""
        asked.calm()
        self._around.progressed(self)

    # What is known

    def overdue(self, now: float) -> float:
        """Return for how many seconds the oldest response has been unanswered."""
        ages = [now - sent.at for asked in self._order for sent in asked.sent.values()]
        return max(ages, default=0.0)

    @property
    def has_work(self) -> bool:
        """Tell whether something waits to be sent, be it only for time to pass."""
        for asked in self._order:  # once per request: plain loops are several times faster than any()
            if asked.due or asked.retry or asked.answer or asked.gone:
                return True
        return False

    @property
    def generation(self) -> int:
        """Return the newest generation of which everything is acknowledged, -1 before the first."""
        if self._unasked():
            return -1
        applied = self._around.generation
        for asked in self._order:
            since = asked.pending_since
            if since is not None and since <= applied:
                applied = since - 1
        return applied

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Return every resource that this proxy refuses."""
        return tuple([each for asked in self._order if asked.rejected for each in asked.rejected.values()])

    @property
    def waiting(self) -> str:
        """Say what keeps this proxy from the newest generation, empty where nothing does."""
        if unasked := self._unasked():
            return f"it has not asked for {', '.join(map(short, unasked))} yet"
        if why := self._gate.describe(self.subscriptions):
            return why
        unanswered = [short(asked.type_url) for asked in self._order if asked.sent]
        return f"it has not answered for {', '.join(unanswered)} yet" if unanswered else ""

    def _unasked(self) -> list[str]:
        """Return the types that the proxy is to hold and has not asked for since it connected."""
        return [kind for kind in _EXPECTED if kind not in self.subscriptions and self.target.names(kind)]

    def status(self) -> StreamStatus:
        """Return what is known of this stream."""
        types = tuple(
            TypeStatus(
                asked.type_url,
                len(asked.held),
                sum(len(sent.versions) for sent in asked.sent.values()),
                len(asked.due) + len(asked.gone) + sum(map(len, asked.retry)),
                tuple(asked.rejected.values()),
            )
            for asked in self._order
        )
        return StreamStatus(
            self.node,
            self.peer,
            self.number,
            self.connected,
            self.generation,
            types,
            self.responses,
            self.bytes,
            waiting=self.waiting,
        )
