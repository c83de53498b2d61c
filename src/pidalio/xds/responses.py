"""What goes out on a stream: the next response, in the order that keeps traffic whole.

Invariant: at most one response per type is unanswered (clusters: a further one when the last is late), so a slow proxy
costs one response per type, and whatever changes meanwhile is sent in its newest state only.
"""

from typing import Final

from pidalio.xds.batch import Batch, collect, consume
from pidalio.xds.session import Session
from pidalio.xds.subscription import REMOVAL, Sent, Subscription
from pidalio.xds.target import has_route_table, route_table_of
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, FOLLOWERS, REFERRING, VIRTUAL_HOST

_NONE: Final[frozenset[str]] = frozenset()


def next_response(session: Session) -> bytes | None:
    """Return the bytes to write now, None when nothing may be sent at present.

    Additions go in the order of their types; removed clusters go last, when nothing refers to them any more.
    """
    for asked in session.order:
        if asked.has_work and not _is_busy(session, asked):
            answer = _additions(session, asked)
            if answer is not None:
                return answer
    clusters = session.subscriptions.get(CLUSTER)
    if clusters is not None and clusters.gone and not _is_busy(session, clusters):
        return _removals(session, clusters)
    return None


def _is_busy(session: Session, asked: Subscription) -> bool:
    """Tell whether a response must be answered first; a late answer to clusters does not hold back others."""
    if not asked.sent:
        return False
    latest = next(reversed(asked.sent.values()))
    return asked.type_url != CLUSTER or session.around.now() - latest.at < session.around.limits.patience


def _additions(session: Session, asked: Subscription) -> bytes | None:
    """Return the next response of this type, None when there is nothing to say or it has to wait."""
    while asked.has_work:
        batch = collect(session, asked)
        if asked.type_url in REFERRING and _must_wait(session, batch):
            return None
        since = asked.since
        consume(asked, batch)
        if not batch.is_empty or (asked.answer and not (asked.due or asked.retry)):
            return _send(session, asked, batch, since)
    session.calm(asked)
    return None


def _must_wait(session: Session, batch: Batch) -> bool:
    """Tell whether the gate holds these back; gRPC learns of clusters by its routes, and waits for them itself."""
    if session.node.is_grpc:
        return False
    around = session.around
    patience = around.limits.patience
    return session.gate.holds(session.subscriptions, session.target, batch.resources, around.now(), patience)


def _removals(session: Session, clusters: Subscription) -> bytes | None:
    """Return the removal of clusters that nothing refers to, None while something may."""
    limits, now = session.around.limits, session.around.now()
    if not session.gate.frees(session.subscriptions, session.target, now, limits.patience, limits.linger):
        return None
    # What lingers is already live: its removal is no change that anyone waits for.
    since = session.newest + 1 if limits.linger else min(clusters.gone.values())
    gone = [name for name in clusters.gone if session.target.get(CLUSTER, name) is None and name in clusters.held]
    clusters.gone.clear()
    if not gone:
        session.calm(clusters)
        return None
    return _send(session, clusters, Batch(removed=gone), since)


def _send(session: Session, asked: Subscription, batch: Batch, since: int | None) -> bytes:
    """Write down what is sent, have its followers follow, and return the bytes."""
    around = session.around
    oldest = around.generation if since is None else since
    generation = max(around.generation, session.newest)
    _follow(session, asked, batch, oldest)
    session.responses += 1
    nonce = f"{session.number:x}-{session.responses:x}"
    versions = {each.name: each.version for each in batch.resources}
    versions.update(dict.fromkeys(batch.removed, REMOVAL))
    asked.sent[nonce] = Sent(
        versions, len(versions), around.now(), oldest, generation, batch.asked or _NONE, batch.replaced or _NONE
    )
    asked.answer = False
    asked.said = around.now()
    asked.calm()
    _pardon(asked, batch)
    data = session.variant.write(asked, nonce, generation, batch)
    session.bytes += len(data)
    around.former.remember(asked.type_url, batch.resources)
    names = [each.name for each in batch.resources]
    around.events.pushed(session.node.id, asked.type_url, names, batch.removed, len(data), generation)
    return data


def _pardon(asked: Subscription, batch: Batch) -> None:
    """Forget that former content was refused, now that other content is on its way."""
    if asked.rejected:
        for name in [each.name for each in batch.resources] + batch.removed:
            if name not in batch.replaced:
                asked.rejected.pop(name, None)
                asked.hopeless.discard(name)


def _follow(session: Session, asked: Subscription, batch: Batch, since: int) -> None:
    """Have the endpoints follow their clusters, and virtual hosts a route table that is new to the proxy."""
    follower = FOLLOWERS.get(asked.type_url)
    if follower is None or not batch.resources:
        return
    leaders = [each.name for each in batch.resources]
    if follower == ENDPOINT:
        session.gate.warming.update((name, None) for name in leaders if not asked.has_been_sent(name))
    else:
        tables = session.subscriptions
        leaders = [name for name in leaders if name in batch.asked or not has_route_table(tables, name)]
    following = session.subscriptions.get(follower)
    if following is None:
        session.fresh.setdefault(follower, set()).update(leaders)
    elif follower == ENDPOINT:
        following.look_at([name for name in leaders if following.includes(name)], since, force=True)
    elif leaders:
        following.look_at(_virtual_hosts(session, set(leaders)), since, force=True)


def _virtual_hosts(session: Session, tables: set[str]) -> list[str]:
    names = session.target.names(VIRTUAL_HOST)
    return [name for name in names if route_table_of(session.subscriptions, name) in tables]
