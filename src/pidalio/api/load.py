"""The one entry for files and API bodies: text in, objects and reports out."""

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

import msgspec

from pidalio.api.parse import Parsed, Skipped, parse
from pidalio.api.places import Places, member_of
from pidalio.api.yaml_reader import Bounds, Document, read
from pidalio.model import Report

_LISTS_MAX = 4


class Loaded(msgspec.Struct, frozen=True):
    """What a text held.

    `reports` concern the text as a whole: when it is not empty, the text could not be read to its end, and
    `parsed` holds what came before. Reports about single objects are in their `Parsed`.
    """

    parsed: tuple[Parsed, ...]
    skipped: tuple[Skipped, ...]
    reports: tuple[Report, ...]

    def all_reports(self) -> tuple[Report, ...]:
        """Return every report, in the order of the text."""
        return tuple(report for parsed in self.parsed for report in parsed.reports) + self.reports


def load(text: bytes | str, file: str, default_namespace: str = "default", bounds: Bounds | None = None) -> Loaded:
    """Return the objects of a YAML or JSON text; `file` names it in reports and is empty for API bodies."""
    with _no_collection():
        reading = read(text, file, bounds or Bounds())
        parsed: list[Parsed] = []
        skipped: list[Skipped] = []
        for document in reading.documents:
            for single in _unfold(document):
                result = parse(single, default_namespace)
                if isinstance(result, Skipped):
                    skipped.append(result)
                else:
                    parsed.append(result)
        return Loaded(tuple(parsed), tuple(skipped), reading.reports)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector out: trees have no cycles, and looking for them takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _unfold(document: Document, depth: int = 0) -> Iterator[Document]:
    """Yield the items of a `kind: List` (also `VirtualServiceList` and the like), or the document itself."""
    tree, file = document.tree, document.places.file
    if not isinstance(tree, dict) or not _is_list(tree) or depth > _LISTS_MAX:
        yield document
        return
    items: Any = tree.get("items") or []
    nodes = member_of(document.places.lines, "items")
    for index, item in enumerate(items):
        node = member_of(nodes, index) if nodes is not None else None
        places = Places(file, document.places.lines if node is None else node)
        yield from _unfold(Document(item, places, document.reports if index == 0 else ()), depth + 1)


def _is_list(tree: dict[str, Any]) -> bool:
    kind, items = tree.get("kind"), tree.get("items")
    return isinstance(kind, str) and kind.endswith("List") and "spec" not in tree and isinstance(items, list | None)
