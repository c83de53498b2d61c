"""One document in, one typed object out, or everything that is wrong with it, each with its line.

On the path: `yaml_reader` → here → `store`. Nothing raises for what a user wrote.
"""

from typing import Any

import msgspec

from pidalio.api.convert import convert, nearest
from pidalio.api.findings import Finding, Findings
from pidalio.api.kinds import BY_GROUP, BY_NAME, ISTIO_GROUP, OWN_GROUP, Kind
from pidalio.api.metadata import read_meta
from pidalio.api.object import Meta, Object
from pidalio.api.places import Places
from pidalio.api.yaml_reader import Document
from pidalio.model import ObjectRef, Place, Report, Severity

_ROOT = ("apiVersion", "kind", "metadata", "spec", "status")
_FROM_ABSENCE = frozenset(
    {"missing-field", "bad-delegate", "mesh-wildcard", "no-selector", "no-command", "bad-tls", "bad-resolution"}
)


class Parsed(msgspec.Struct, frozen=True):
    """What became of one document.

    `object` is None when a report is an ERROR; `ref` names the object whenever its kind and name could be read,
    so that the last accepted version of a broken object can be kept.
    """

    ref: ObjectRef | None
    object: Object[Any] | None
    reports: tuple[Report, ...]
    places: Places


class Skipped(msgspec.Struct, frozen=True):
    """A document of a kind that is not read."""

    api_version: str
    kind: str
    place: Place | None


def parse(document: Document, default_namespace: str = "default") -> Parsed | Skipped:
    """Return the object of `document` with its reports, or that its kind is not read."""
    places, tree = document.places, document.tree
    if not isinstance(tree, dict):
        return _refused(document, "not-an-object", "", "an object is a map with apiVersion, kind and metadata")
    api_version, kind_name = tree.get("apiVersion"), tree.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind_name, str) or not kind_name:
        missing = "apiVersion" if not isinstance(api_version, str) else "kind"
        return _refused(document, "not-an-object", missing, f"{missing} is missing: an object says what it is")
    group, _, version = api_version.rpartition("/")
    kind = BY_GROUP.get((group, kind_name))
    if kind is None:
        return _unread(document, group, api_version, kind_name)
    if version not in kind.versions:
        message = f"{kind_name} has no version {version!r}: write {kind.api_version}"
        return _refused(document, "unknown-version", "apiVersion", message)
    meta, spec, findings = _read(tree, kind, default_namespace)
    ref = ObjectRef(kind.name, meta.namespace, meta.name) if meta.name else None
    reports = _with_object(document.reports, ref) + tuple(_report(finding, ref, places) for finding in findings)
    accepted = all(report.severity < Severity.ERROR for report in reports)
    found = Object(kind.name, kind.api_version, meta, spec) if accepted else None
    return Parsed(ref, found, reports, places)


def _read(tree: dict[str, Any], kind: Kind, default_namespace: str) -> tuple[Meta, Any, list[Finding]]:
    found = Findings()
    if not kind.lenient:
        for key in tree:
            if key not in _ROOT:
                found.error("unknown-field", key, f"{kind.name} has no field {key!r} beside spec{nearest(key, _ROOT)}")
    meta = read_meta(tree.get("metadata"), kind, default_namespace, found)
    if kind.whole:
        spec = convert(kind.struct, tree, None, found, lenient=kind.lenient)
    else:
        body = tree.get("spec")
        spec = convert(kind.struct, {} if body is None else body, (None, "spec"), found, lenient=kind.lenient)
    if kind.validate is None:
        return meta, spec, found.found
    checked = Findings("" if kind.whole else "spec")
    kind.validate(spec, meta, checked)
    return meta, spec, found.found + _beyond(checked.found, found.found)


def _beyond(checked: list[Finding], converted: list[Finding]) -> list[Finding]:
    """Return the findings of validation that do not merely follow from fields which could not be read."""
    if not converted:
        return checked
    broken = [finding.path for finding in converted]
    parents = {finding.path.rpartition(".")[0] for finding in converted if finding.code == "unknown-field"}
    return [
        finding
        for finding in checked
        if finding.path not in parents
        and not (finding.code in _FROM_ABSENCE and finding.path.rpartition(".")[0] in parents)
        and not any(_related(finding.path, path) for path in broken)
    ]


def _related(one: str, other: str) -> bool:
    return (one + ".").startswith((other + ".", other + "[")) or (other + ".").startswith((one + ".", one + "["))


def _unread(document: Document, group: str, api_version: str, kind_name: str) -> Parsed | Skipped:
    known = [kind.name for kind in BY_NAME.values() if kind.group == group]
    if group in (ISTIO_GROUP, OWN_GROUP):
        message = f"{api_version} has no kind {kind_name!r}{nearest(kind_name, known)}"
        return _refused(document, "unknown-kind", "kind", message)
    return Skipped(api_version, kind_name, document.places.place(""))


def _refused(document: Document, code: str, path: str, message: str) -> Parsed:
    report = Report(Severity.ERROR, code, message, path=path, place=document.places.place(path))
    return Parsed(None, None, (*document.reports, report), document.places)


def _with_object(reports: tuple[Report, ...], ref: ObjectRef | None) -> tuple[Report, ...]:
    return tuple(msgspec.structs.replace(report, object=ref) for report in reports)


def _report(finding: Finding, ref: ObjectRef | None, places: Places) -> Report:
    place = places.place(finding.path)
    return Report(finding.severity, finding.code, finding.message, ref, finding.path, place)
