"""Operations on the history: list, look at, compare.

Invariant: what is shown is what was recorded, secrets as fingerprints.
"""

from pidalio.errors import UsageError
from pidalio.http.call import Call, Query
from pidalio.http.served import Served
from pidalio.http.views import difference_view, revision_view
from pidalio.http.wire import DiffAnswer, HistoryAnswer, RevisionAnswer

_MOST = 1000


class HistoryQuery(Query, frozen=True):
    """How many revisions, and before which one."""

    limit: int = 50
    before: int | None = None


class DiffQuery(Query, frozen=True):
    """The two revisions; without `b`, the newest."""

    a: int
    b: int | None = None


async def history(served: Served, call: Call) -> HistoryAnswer:
    """Return the revisions, newest first."""
    query = call.query(HistoryQuery)
    if not 1 <= query.limit <= _MOST:
        raise UsageError(f"limit is between 1 and {_MOST}")
    found = await served.mesh.history.list(query.limit, query.before)
    return HistoryAnswer(tuple(revision_view(one) for one in found))


async def revision(served: Served, call: Call) -> RevisionAnswer:
    """Return one revision and what it changed."""
    found, differences = await served.mesh.history.get(call.number("number"))
    return RevisionAnswer(revision_view(found), tuple(difference_view(one) for one in differences))


async def diff(served: Served, call: Call) -> DiffAnswer:
    """Return how the objects of two revisions differ."""
    query = call.query(DiffQuery)
    newer = served.mesh.revision if query.b is None else query.b
    found = await served.mesh.history.diff(query.a, newer)
    return DiffAnswer(query.a, newer, tuple(difference_view(one) for one in found))
