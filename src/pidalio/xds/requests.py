"""What comes in on a stream: first requests, answers, names added and taken back.

Invariant: every name that a proxy asks for is marked to be answered, and nothing that it says it holds is sent again
unless what it holds does not count any more.
Source of the rules: Envoy's xDS protocol description, "incremental xDS" and "how the client specifies what resources to
return".
"""

from collections.abc import Collection, Mapping
from typing import Final

from pidalio.errors import Refused
from pidalio.xds.session import Session
from pidalio.xds.status import Rejection
from pidalio.xds.subscription import Sent, Subscription
from pidalio.xds.target import has_route_table, route_table_of, stand_in
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, NAMED, REFERRING, RENEWED, ROUTE, VIRTUAL_HOST, place
from pidalio.xds.wire import Request

_MOST_TYPES: Final = 32
_RENEWALS: Final = 3  # in each time to live: two may be late or lost


def receive(session: Session, request: Request) -> None:
    """Take one request: a first request of its type, an answer, a change of what is asked for, or several at once.

    Raise `Refused` when the stream asks for more than `Limits` allows.
    """
    asked = session.subscriptions.get(request.type_url)
    if asked is None:
        _open(session, request)
        return
    if request.nonce:
        _take_answer(session, asked, request)
    if request.unsubscribe:
        _unsubscribe(session, asked, request.unsubscribe)
    if request.subscribe:
        _subscribe(session, asked, request.subscribe)


def mark(session: Session, dirty: Mapping[str, Collection[str]], generation: int) -> bool:
    """Note names that may differ since `generation`; tell whether this stream asked for any of them."""
    touched = False
    session.newest = generation
    for type_url, names in dirty.items():
        asked = session.subscriptions.get(type_url)
        if asked is None:
            continue
        whole = asked.wildcard or type_url == VIRTUAL_HOST
        mine = names if whole else [name for name in names if name in asked.names]
        if mine:
            asked.look_at(mine, generation)
            touched = True
    return touched


def renew(session: Session, now: float) -> bool:
    """Have resources that end by themselves sent again in time; tell whether any is due.

    The whole resource goes, not the heartbeat without content that the protocol has too: Envoy refuses one that comes
    after the end, and these are as small. Nobody waits for it, so that no generation is held up.
    """
    found = False
    for kind in RENEWED:
        asked = session.subscriptions.get(kind)
        if asked is None or asked.sent or asked.has_work:
            continue
        for name in asked.held:
            kept = session.target.get(kind, name)
            if kept is not None and kept.ttl and (now - asked.said) * _RENEWALS * 1000 >= kept.ttl:
                asked.look_at([name], session.newest + 1, force=True)
                found = True
    return found


def _open(session: Session, request: Request) -> None:
    """Take the first request of a type; what the proxy still holds from a former stream is not sent again."""
    if len(session.subscriptions) >= _MOST_TYPES:
        raise Refused(f"{session.node.id} asks for more than {_MOST_TYPES} types on one stream")
    kind = request.type_url
    if kind in REFERRING and _passes_over_clusters(session):
        endpoints = session.subscriptions[ENDPOINT]
        endpoints.look_at(endpoints.names, 0, force=True)
    legacy = not request.subscribe and kind not in NAMED
    asked = Subscription(kind, wildcard="*" in request.subscribe or legacy or kind == VIRTUAL_HOST)
    session.subscriptions[kind] = asked
    session.order = tuple(sorted(session.subscriptions.values(), key=lambda each: place(each.type_url)))
    _add_names(session, asked, request.subscribe)
    if request.initial:
        _resume(session, asked, request.initial)
    wanted = session.target.names(kind) if asked.wildcard else ()
    asked.look_at([*asked.held, *asked.rejected, *wanted], 0)
    asked.look_at(_unanswered(session, asked), 0, force=True)
    if kind == ROUTE:
        _look_at_virtual_hosts(session)


def _resume(session: Session, asked: Subscription, claims: Mapping[str, str]) -> None:
    """Take over what the proxy holds and what it refused on its former stream.

    Names that it does not ask for do not count, nor virtual hosts of a table that is new on this stream.
    """
    session.gate.resumed = True
    asked.claim(claims)
    asked.answer = session.variant.confirms
    if asked.type_url == VIRTUAL_HOST:
        stale = [name for name in asked.held if _is_of_new_table(session, name)]
    else:
        stale = [name for name in asked.held if not asked.includes(name)]
    for name in stale:
        del asked.held[name]
    for rejection in session.memory.refused:
        if rejection.type_url == asked.type_url and asked.includes(rejection.name) and not rejection.is_conflict:
            asked.rejected[rejection.name] = rejection


def _unanswered(session: Session, asked: Subscription) -> list[str]:
    """Return the names that must be sent whatever the proxy says it holds, for it waits for them.

    Endpoints follow the clusters that were sent before them on this stream.
    """
    fresh = session.fresh.pop(asked.type_url, set())
    return [name for name in asked.names if name not in asked.held or name in fresh]


def _passes_over_clusters(session: Session) -> bool:
    """Tell whether the proxy comes back while some cluster of its former stream warms, at its first type after those.

    Only then does it ask for endpoints and not for clusters, before it asks for anything that refers to them; it waits
    for the endpoints whatever it says it holds. Endpoints come first for any proxy that has a local cluster.
    """
    known = session.subscriptions
    return not session.node.is_grpc and ENDPOINT in known and known.keys().isdisjoint((CLUSTER, *REFERRING))


def _is_of_new_table(session: Session, name: str) -> bool:
    table = route_table_of(session.subscriptions, name)
    if table is None:
        return False
    return table in session.fresh.get(VIRTUAL_HOST, ()) or not has_route_table(session.subscriptions, table)


def _add_names(session: Session, asked: Subscription, names: Collection[str]) -> None:
    """Add names, as the target's own strings where it has them, so that streams share them."""
    for name in names:
        if name != "*":
            found = session.target.get(asked.type_url, name)
            asked.names.add(name if found is None else found.name)
    most = session.around.limits.names
    if sum(len(each.names) for each in session.order) > most:
        raise Refused(f"{session.node.id} asks for more than {most} names on one stream")


def _subscribe(session: Session, asked: Subscription, names: Collection[str]) -> None:
    """Add names; each is answered, also one that is held, for the proxy may have forgotten it."""
    _add_names(session, asked, names)
    generation = session.around.generation
    if "*" in names and not asked.wildcard:
        asked.wildcard = asked.answer = True
        asked.look_at(session.target.names(asked.type_url), generation)
    asked.look_at([name for name in names if name != "*"], generation, force=True)
    if asked.type_url == ROUTE:
        _look_at_virtual_hosts(session)


def _unsubscribe(session: Session, asked: Subscription, names: Collection[str]) -> None:
    """Take names back; one that the wildcard still covers is answered, for the proxy has dropped it."""
    asked.names.difference_update(names)
    lost = [name for name in names if name != "*"]
    if "*" in names and asked.wildcard:
        asked.wildcard = False
        lost += [name for name in {**asked.held, **asked.due} if name not in asked.names]
    if asked.wildcard:
        asked.look_at(lost, session.around.generation, force=True)
        return
    _forget(session, asked, lost)
    hosts = session.subscriptions.get(VIRTUAL_HOST)
    if asked.type_url == ROUTE and hosts is not None:
        _forget(session, hosts, [name for name in hosts.held if route_table_of(session.subscriptions, name) is None])


def _forget(session: Session, asked: Subscription, names: Collection[str]) -> None:
    asked.forget(names)
    session.calm(asked)


def _look_at_virtual_hosts(session: Session) -> None:
    hosts = session.subscriptions.get(VIRTUAL_HOST)
    if hosts is not None:
        hosts.look_at(session.target.names(VIRTUAL_HOST), session.around.generation)


def _take_answer(session: Session, asked: Subscription, request: Request) -> None:
    """Take an ACK or a NACK; one for an unknown nonce says nothing."""
    if request.error is not None:
        _take_refusal(session, asked, request.nonce, request.error)
        return
    sent = asked.acknowledge(request.nonce)
    if sent is not None:
        seconds = session.around.now() - sent.at
        session.around.events.acked(session.node.id, asked.type_url, tuple(sent.versions), seconds, sent.generation)
        if asked.rejected and sent.versions:
            asked.reconsider(session.around.generation)
        session.around.progressed(session)


def _take_refusal(session: Session, asked: Subscription, nonce: str, error: str) -> None:
    refused = asked.refuse(nonce, error)
    if refused is None:
        return
    sent, blamed = refused
    if blamed is not None:
        _reject(session, asked, sent, blamed, error)
    session.around.progressed(session)


def _reject(session: Session, asked: Subscription, sent: Sent, name: str, error: str) -> None:
    if name in sent.replaced:
        asked.hopeless.add(name)
        return
    version = sent.versions[name]
    found = session.target.get(asked.type_url, name)
    former = session.around.former.recall(asked.type_url, name, asked.held.get(name))
    origins = found.blame(former) if found is not None and found.version == version else ()
    rejection = Rejection(asked.type_url, name, version, error, origins, sent.generation)
    asked.rejected[name] = rejection
    if name not in asked.held and stand_in(asked.type_url, name) is not None:
        asked.look_at([name], sent.since)
    session.around.events.rejected(session.node.id, rejection)
