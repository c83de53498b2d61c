"""Operations that change what is live: apply, delete, restore, release; and the one that waits until a change is.

Invariant: what is answered with success is recorded and on its way to the proxies; what is refused changed nothing.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from pidalio.api.load import Loaded, load
from pidalio.api.parse import Skipped
from pidalio.errors import InvalidInput, UsageError
from pidalio.history import restoration
from pidalio.http.call import Call, Query
from pidalio.http.mesh import Outcome
from pidalio.http.recent import wait
from pidalio.http.served import Served
from pidalio.http.wire import AppliedAnswer, LiveAnswer, ObjectNames, ReleasedAnswer, SourceFile, SourceFiles
from pidalio.model import Report, Severity
from pidalio.platforms.vm import SOURCE
from pidalio.xds.typeurls import short

FILES: Final = "application/vnd.pidalio.files+json"
"""The media type of `SourceFiles`; any other body is one text of YAML or JSON documents."""

_NAME_LENGTH: Final = 1000
_NAMED: Final = 3
"""How many files are named that hold nothing."""
_LONGEST_WAIT: Final = 600.0


class ApplyQuery(Query, frozen=True):
    """How to apply: `force` accepts missing references, `expected` refuses when another revision is the newest.

    `strict` refuses a change that a warning would be given for: one that has no effect, or that competes with another.
    `namespace` is that of objects which name none; `file` is the name of a text sent as such.
    """

    dry_run: bool = False
    force: bool = False
    strict: bool = False
    author: str = ""
    message: str = ""
    expected: int | None = None
    namespace: str = "default"
    file: str = ""


class DeleteQuery(Query, frozen=True):
    """How to delete: `force` removes also what others refer to."""

    dry_run: bool = False
    force: bool = False
    author: str = ""
    message: str = ""


class LiveQuery(Query, frozen=True):
    """Which change is waited for, and how many seconds at most."""

    generation: int
    seconds: float = 0.0


class RestoreQuery(Query, frozen=True):
    """Who restores, and why."""

    author: str = ""
    message: str = ""


async def apply(served: Served, call: Call) -> AppliedAnswer:
    """Add or replace objects: all of them, or none."""
    query = call.query(ApplyQuery)
    files = await _files(call, query)
    loaded = [await asyncio.to_thread(load, one.text, one.name, query.namespace) for one in files]
    _refuse_unreadable(loaded, [one.name for one in files])
    outcome = await served.mesh.apply(
        [one for each in loaded for one in each.parsed],
        author=query.author or call.identity,
        message=query.message,
        dry_run=query.dry_run,
        force=query.force,
        strict=query.strict,
        expected=query.expected,
    )
    unread = _unread(skipped for each in loaded for skipped in each.skipped)
    return _answer(served, outcome, dry_run=query.dry_run, more=unread)


async def delete(served: Served, call: Call) -> AppliedAnswer:
    """Remove objects: all of them, or none."""
    query = call.query(DeleteQuery)
    names = await call.body(ObjectNames)
    outcome = await served.mesh.delete(
        names.objects,
        author=query.author or call.identity,
        message=query.message,
        dry_run=query.dry_run,
        force=query.force,
    )
    return _answer(served, outcome, dry_run=query.dry_run)


class ReleaseQuery(Query, frozen=True):
    """Who says that it is meant."""

    author: str = ""


async def release(served: Served, call: Call) -> ReleasedAnswer:
    """Believe what a source says, which was held back because nearly all of its instances went at once."""
    source, author = call.path("source"), call.query(ReleaseQuery).author
    if source == SOURCE:
        return ReleasedAnswer(source, served.registrations.release())
    done = await served.mesh.release(source, author=author or call.identity or source)
    return ReleasedAnswer(source, done.generation)


async def restore(served: Served, call: Call) -> AppliedAnswer:
    """Bring back what the API owned as of a revision; what files own stays, and is told."""
    query, number = call.query(RestoreQuery), call.number("number")
    plan = restoration(await served.mesh.history.diff(number))
    author, message = query.author or call.identity, query.message or f"restore revision {number}"
    applied = await served.mesh.apply(plan.applied, author=author, message=message, force=True)
    answer = _answer(served, applied, dry_run=False, more=plan.reports)
    if not plan.deleted:
        return answer
    deleted = await served.mesh.delete(plan.deleted, author=author, message=message, force=True)
    return _joined(answer, _answer(served, deleted, dry_run=False), served)


async def live(served: Served, call: Call) -> LiveAnswer:
    """Wait until the proxies that a change concerns run it, and tell how each stands."""
    query = call.query(LiveQuery)
    return await wait(served.mesh, served.recent, query.generation, min(max(query.seconds, 0.0), _LONGEST_WAIT))


async def _files(call: Call, query: ApplyQuery) -> tuple[SourceFile, ...]:
    if call.media_type == FILES:
        return tuple(_named(one) for one in (await call.body(SourceFiles)).files)
    try:
        text = (await call.content()).decode()
    except UnicodeDecodeError as error:
        raise UsageError("the body is not UTF-8 text") from error
    return (_named(SourceFile(query.file, text)),)


def _named(file: SourceFile) -> SourceFile:
    """Refuse names that could not be shown on one line."""
    if len(file.name) > _NAME_LENGTH or not file.name.isprintable():
        raise UsageError(f"a file's name has at most {_NAME_LENGTH} printable characters")
    return file


def _refuse_unreadable(loaded: Sequence[Loaded], names: Sequence[str]) -> None:
    """Raise `InvalidInput` where a text could not be read to its end, or none holds anything."""
    broken = [report for each in loaded for report in each.reports]
    if any(report.severity is Severity.ERROR for report in broken):
        reports = [report for each in loaded for report in each.all_reports()]
        raise InvalidInput("nothing was applied: the text cannot be read", reports)
    if not any(each.parsed or each.skipped for each in loaded):
        raise InvalidInput(f"nothing was applied: there is no object in {', '.join(names[:_NAMED]) or 'no file'}")


def _unread(skipped: Iterable[Skipped]) -> tuple[Report, ...]:
    kinds = sorted({one.kind for one in skipped})
    if not kinds:
        return ()
    return (Report(Severity.INFO, "kinds-not-read", f"documents of kinds that are not read: {', '.join(kinds)}"),)


def _answer(served: Served, outcome: Outcome, *, dry_run: bool, more: Iterable[Report] = ()) -> AppliedAnswer:
    """Return the answer; raise where the change was refused."""
    if outcome.is_refused:
        if outcome.reports and all(one.code == "not-found" for one in outcome.reports):
            raise InvalidInput("nothing was removed", outcome.reports)
        raise InvalidInput("nothing was changed", outcome.reports)
    connected = served.mesh.proxies()
    concerned = {proxy: names for proxy, names in outcome.concerned.items() if proxy in connected and names}
    if not dry_run:
        served.recent.note(outcome.generation, concerned)
    shown = {proxy: {short(url): held for url, held in names.items()} for proxy, names in concerned.items()}
    change = outcome.change
    return AppliedAnswer(
        outcome.revision,
        outcome.generation,
        dry_run,
        change.added,
        change.changed,
        change.removed,
        served.views.reports((*outcome.reports, *more)),
        shown,
    )


def _joined(first: AppliedAnswer, second: AppliedAnswer, served: Served) -> AppliedAnswer:
    """Return two changes as one answer; whoever the first concerns is waited for in the second's generation."""
    earlier = served.recent.concerned(first.generation) or {}
    served.recent.note(second.generation, {**earlier, **(served.recent.concerned(second.generation) or {})})
    return msgspec.structs.replace(
        second,
        added=(*first.added, *second.added),
        changed=(*first.changed, *second.changed),
        removed=(*first.removed, *second.removed),
        reports=tuple(dict.fromkeys((*first.reports, *second.reports))),
        concerned={**first.concerned, **second.concerned},
    )
