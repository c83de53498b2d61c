"""What one response is to hold: the names that are due, compared by version with what the proxy has.

Invariant: a resource is in a batch only if the proxy lacks this version or waits for an answer about it, and never if
it refused these bytes.
"""

import msgspec

from pidalio.envoy.resource import Resource
from pidalio.xds.session import Session
from pidalio.xds.subscription import REMOVAL, Subscription
from pidalio.xds.target import Absent, stand_in, unknown, wanted
from pidalio.xds.typeurls import CLUSTER


class Batch(msgspec.Struct):
    """The content of one response.

    `looked` are the names it was made from, `asked` those that wait for an answer, `replaced` those whose own content
    the proxy refuses, so that it gets something else.
    """

    looked: list[str] = []
    resources: list[Resource] = []
    removed: list[str] = []
    asked: set[str] = set()
    replaced: set[str] = set()

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to say."""
        return not self.resources and not self.removed


def collect(session: Session, asked: Subscription) -> Batch:
    """Look at what is due: the first part of a refused response by itself, else all names, or a chunk of them.

    What says all at once is not parted. Listeners, tables and virtual hosts never are either: what moves from one to
    another moves in one response.
    """
    batch = Batch()
    again = bool(asked.retry)
    parted = not again and not session.variant.is_whole(asked.type_url)
    chunk = session.around.limits.chunk_of(asked.type_url) if parted else None
    for name in asked.retry[0] if again else asked.due:
        if chunk is not None and len(batch.resources) >= chunk:
            break
        batch.looked.append(name)
        if asked.due.get(name):
            batch.asked.add(name)
        _decide(session, asked, batch, name, again=again)
    return batch


def consume(asked: Subscription, batch: Batch) -> None:
    """Take off the list what `collect` looked at."""
    if asked.retry:
        asked.retry.pop(0)
    for name in batch.looked:
        asked.due.pop(name, None)
    if not asked.due:
        asked.due = {}  # an emptied dict keeps its room


def _decide(session: Session, asked: Subscription, batch: Batch, name: str, *, again: bool) -> None:
    """Put one name where it belongs; `again` when it was part of a refused response, which may have half applied."""
    waits = name in batch.asked
    found = wanted(session.target, session.subscriptions, asked.type_url, name, asked=waits)
    if found is Absent.REMOVE and waits and session.node.is_grpc:
        found = unknown(asked.type_url, name) or found
    has = asked.version(name)
    if isinstance(found, Resource):
        if found.version == has and not waits:
            asked.pardon(name, found.version)
        elif not asked.refuses(name, found.version):
            batch.resources.append(found)
        else:
            _replace(session, asked, batch, name, has)
    elif found is Absent.LEAVE:
        return
    elif not (has or waits or again):
        asked.rejected.pop(name, None)
    elif asked.type_url == CLUSTER and name in asked.held:
        asked.gone.setdefault(name, session.around.generation if asked.since is None else asked.since)
    elif not asked.refuses(name, REMOVAL):
        batch.removed.append(name)


def _replace(session: Session, asked: Subscription, batch: Batch, name: str, has: str | None) -> None:
    """Give something else to a proxy that refused what it should have and waits for an answer, or has nothing at all.

    What it has now is best, if its bytes are still known: a changed cluster takes over its former endpoints.
    """
    if name in asked.hopeless or (has is not None and name not in batch.asked):
        return
    found = session.around.former.recall(asked.type_url, name, has) or stand_in(asked.type_url, name)
    if found is not None:
        batch.resources.append(found)
        batch.replaced.add(name)
