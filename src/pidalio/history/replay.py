"""From a history back to objects: at the start, and to restore a revision.

Invariant: only what the API owns is ever changed by a restoration; what a file or platform owns is told instead.
It stands between a history's entries and the catalog.
"""

from collections.abc import Iterable

import msgspec

from pidalio.api.parse import Parsed, parse
from pidalio.api.places import Places
from pidalio.api.yaml_reader import Document
from pidalio.history.documents import is_redacted, layouts_in
from pidalio.history.revision import Difference, Entry
from pidalio.model import ObjectRef, Report, Severity
from pidalio.store.change import API, Write


class Replay(msgspec.Struct, frozen=True):
    """What a history says at the start: `remembered` for `Catalog.remember`, `applied` for `Catalog.apply`."""

    remembered: tuple[Write, ...]
    applied: tuple[Parsed, ...]
    reports: tuple[Report, ...]


class Restoration(msgspec.Struct, frozen=True):
    """What leads back to a revision: `applied` for `Catalog.apply`, `deleted` for `Catalog.delete`.

    `reports` name the objects that differ and stay, for they are owned by a file or hold secrets.
    """

    applied: tuple[Parsed, ...]
    deleted: tuple[ObjectRef, ...]
    reports: tuple[Report, ...]


def replay(entries: Iterable[Entry]) -> Replay:
    """Return the objects of a history's state, to go on where the last process ended.

    An object that this version of Pidalio refuses is left out and reported.
    """
    remembered: list[Write] = []
    applied: list[Parsed] = []
    reports: list[Report] = []
    for entry in entries:
        parsed = _parsed(entry)
        if isinstance(parsed, Report):
            reports.append(parsed)
            continue
        reports += parsed.reports
        if parsed.object is None:
            continue
        remembered.append(Write(entry.ref, parsed.object, entry.owner, layouts_in(entry.document)))
        if entry.owner.source == API:
            applied.append(parsed)
    return Replay(tuple(remembered), tuple(applied), tuple(reports))


def restoration(differences: Iterable[Difference]) -> Restoration:
    """Return what turns `after` (the newest state) into `before` (the revision to restore)."""
    applied: list[Parsed] = []
    deleted: list[ObjectRef] = []
    reports: list[Report] = []
    for difference in differences:
        here, there = difference.after, difference.before
        owner = next((one.owner for one in (here, there) if one and one.owner.source != API), None)
        if owner is not None:
            message = f"differs from the revision and stays: {owner} owns it; change it there"
            reports.append(Report(Severity.WARNING, "owned-elsewhere", message, difference.ref))
        elif there is None:
            deleted.append(difference.ref)
        else:
            parsed = _parsed(there)
            if isinstance(parsed, Report):
                reports.append(parsed)
            else:
                applied.append(parsed)
    return Restoration(tuple(applied), tuple(deleted), tuple(reports))


def _parsed(entry: Entry) -> Parsed | Report:
    if is_redacted(entry.document):
        message = "its contents are in no history: apply it again"
        return Report(Severity.WARNING, "secret-not-kept", message, entry.ref)
    parsed = parse(Document(entry.document, Places("", 0)), entry.ref.namespace)
    if isinstance(parsed, Parsed):
        return parsed
    return Report(Severity.WARNING, "kinds-not-read", "its kind is no longer read", entry.ref)
