"""Read YAML and JSON files into plain trees with the line of every field, within bounds.

Only libyaml's event stream is used: composing or loading recurses in C, and a nested file of 60 KB would end
the process. Bytes, depth, nodes and aliases are bounded; duplicate keys are found; scalars follow YAML 1.2 core.
Nothing here knows kinds. A mistake is a `Report`, never an exception.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import yaml

from pidalio.api.places import Lines, Places, join, lines_of_list, lines_of_map, member_of
from pidalio.api.yaml_scalars import CORE_TAGS, Scalar, resolve, resolve_tagged
from pidalio.api.yaml_stop import Stop, stop_of
from pidalio.model import Place, Report, Severity

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | Scalar"


class Bounds(msgspec.Struct, frozen=True):
    """What a file may cost: bytes, nesting, values, and values repeated by aliases."""

    file_bytes: int = 8_000_000
    depth: int = 100
    nodes: int = 1_000_000
    alias_nodes: int = 100_000


class Document(msgspec.Struct, frozen=True):
    """One document of a file: its plain tree, the lines of its fields, and mistakes of form inside it."""

    tree: Tree
    places: Places
    reports: tuple[Report, ...] = ()


class Reading(msgspec.Struct, frozen=True):
    """What a file held: `reports` says why reading stopped early, and is empty when it did not."""

    documents: tuple[Document, ...]
    reports: tuple[Report, ...] = ()


def read(data: bytes | str, file: str, bounds: Bounds = Bounds()) -> Reading:  # noqa: B008 - frozen
    """Return the documents of `data`, which came from `file`, as far as they can be read."""
    try:
        text = _text(data, bounds)
    except Stop as stop:
        return Reading((), (stop.report(file),))
    return _Builder(file, bounds).read(text)


def _text(data: bytes | str, bounds: Bounds) -> str:
    try:
        content = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError as error:
        raise Stop("not-utf8", "the text has half of a surrogate pair: save it as UTF-8", 1) from error
    if len(content) > bounds.file_bytes:
        message = f"{len(content)} bytes; the limit is {bounds.file_bytes}: split the file"
        raise Stop("too-large", message, 1)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise Stop("not-utf8", message, line) from error


class _Anchor(msgspec.Struct, frozen=True):
    """What an alias stands for, and how many values that repeats."""

    tree: Tree
    lines: Lines
    nodes: int


class _Frame:
    """A container that is being read."""

    __slots__ = ("anchor", "key", "key_line", "line", "lines", "merges", "nodes_before", "tree")

    def __init__(self, tree: Any, lines: Any, line: int, anchor: str | None, nodes: int) -> None:
        self.tree: Any = tree
        self.lines: Any = lines
        self.line = line
        self.anchor = anchor
        self.nodes_before = nodes
        self.key: str | None = None
        self.key_line = 0
        self.merges = False


class _Builder:
    """Turns the events of one file into documents, with an explicit stack."""

    def __init__(self, file: str, bounds: Bounds) -> None:
        self.file = file
        self.bounds = bounds
        self.documents: list[Document] = []
        self.start()

    def start(self) -> None:
        """Forget everything of the previous document."""
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchor] = {}
        self.reports: list[Report] = []
        self.root: tuple[Tree, Lines] = (None, 1)
        self.alias_nodes = 0

    def read(self, text: str) -> Reading:
        loader = yaml.CLoader(text)
        self.nodes = 0
        try:
            self._events(loader.get_event)
        except Stop as stop:
            return Reading(tuple(self.documents), (stop.report(self.file),))
        except yaml.YAMLError as error:
            return Reading(tuple(self.documents), (stop_of(error, text).report(self.file),))
        finally:
            loader.dispose()
        return Reading(tuple(self.documents))

    def _events(self, get_event: Callable[[], Any]) -> None:
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentEndEvent: self._finish,
        }
        scalar, skip, end = self._scalar, (yaml.StreamStartEvent, yaml.DocumentStartEvent), yaml.StreamEndEvent
        while True:
            event = get_event()
            kind = event.__class__
            if kind is yaml.ScalarEvent:
                scalar(event)
            elif kind in handlers:
                handlers[kind](event)
            elif kind is end:
                return
            elif kind not in skip:
                raise TypeError(kind)

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        line: int = event.start_mark.line + 1
        stack = self.stack
        frame = stack[-1] if stack else None
        if frame is not None and frame.key is None and frame.tree.__class__ is dict:
            self._key(frame, text, line)
            frame.merges = frame.merges or (text == "<<" and event.implicit[0])
            return
        tag = event.tag
        value: Scalar
        if tag is None or tag == "!":
            value = resolve(text) if event.implicit[0] else text
        else:
            value = self._tagged(text, tag, line)
        self._count(1, line)
        if event.anchor:
            self.anchors[event.anchor] = _Anchor(value, line, 1)
        self._add(frame, value, line)

    def _key(self, frame: _Frame, text: str, line: int) -> None:
        if text in frame.tree:
            first = frame.lines[text]
            first_line = first if isinstance(first, int) else first[0]
            self._report("duplicate-key", f"{text!r} is already given in line {first_line}: keep one of them", line)
        frame.key = sys.intern(text)
        frame.key_line = line

    def _tagged(self, text: str, tag: str, line: int) -> Scalar:
        if tag not in CORE_TAGS:
            self._report("unknown-tag", f"the tag {tag!r} has no meaning here: remove it", line)
            return text
        try:
            return resolve_tagged(text, tag)
        except ValueError:
            self._report("unknown-tag", f"{text!r} does not fit its tag {tag!r}: remove the tag", line)
            return text

    def _mapping(self, event: Any) -> None:
        self._open(event, {}, {}, "tag:yaml.org,2002:map")

    def _sequence(self, event: Any) -> None:
        self._open(event, [], [], "tag:yaml.org,2002:seq")

    def _open(self, event: Any, tree: Tree, lines: Any, tag: str) -> None:
        line = event.start_mark.line + 1
        if event.tag not in (None, "!", tag):
            self._report("unknown-tag", f"the tag {event.tag!r} has no meaning here: remove it", line)
        if self.stack and self.stack[-1].key is None and self.stack[-1].tree.__class__ is dict:
            raise Stop("bad-yaml", "a key must be plain text, not a list or map", line)
        if len(self.stack) >= self.bounds.depth:
            raise Stop("too-deep", f"nested more than {self.bounds.depth} levels: flatten it", line)
        self._count(1, line)
        self.stack.append(_Frame(tree, lines, line, event.anchor, self.nodes))

    def _close(self, _: Any) -> None:
        frame = self.stack.pop()
        if frame.merges:
            self._merge(frame)
        parent = self.stack[-1] if self.stack else None
        begun = frame.line if parent is None or parent.key is None else parent.key_line
        build: Callable[[int, Any], Lines] = lines_of_map if frame.tree.__class__ is dict else lines_of_list
        lines = build(begun, frame.lines)
        if frame.anchor:
            self.anchors[frame.anchor] = _Anchor(frame.tree, lines, self.nodes - frame.nodes_before + 1)
        self._add(parent, frame.tree, lines)

    def _alias(self, event: Any) -> None:
        line = event.start_mark.line + 1
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is None and frame.tree.__class__ is dict:
            raise Stop("bad-yaml", "a key must be plain text, not an alias", line)
        anchor = self.anchors.get(event.anchor)
        if anchor is None:
            raise Stop("bad-yaml", f"the alias *{event.anchor} stands for nothing: define &{event.anchor} before", line)
        self.alias_nodes += anchor.nodes
        if self.alias_nodes > self.bounds.alias_nodes:
            raise Stop("alias-bomb", f"aliases repeat more than {self.bounds.alias_nodes} values: write fewer", line)
        self._count(anchor.nodes, line)
        self._add(frame, anchor.tree, anchor.lines)

    def _add(self, frame: _Frame | None, tree: Tree, lines: Lines) -> None:
        if frame is None:
            self.root = (tree, lines)
        elif frame.key is None:
            frame.tree.append(tree)
            frame.lines.append(lines)
        else:
            if frame.key not in frame.tree:
                frame.tree[frame.key] = tree
                frame.lines[frame.key] = frame.key_line if lines.__class__ is int else lines
            frame.key = None

    def _merge(self, frame: _Frame) -> None:
        """Resolve a merge key: members of `<<` that the mapping does not give itself."""
        sources, lines = frame.tree.pop("<<"), frame.lines.pop("<<")
        pairs = zip(sources, lines[1], strict=True) if isinstance(sources, list) else ((sources, lines),)
        for tree, node in pairs:
            if not isinstance(tree, dict):
                self._report("bad-yaml", "'<<' needs a map or a list of maps", frame.line)
                return
            for key, value in tree.items():
                if key not in frame.tree:
                    frame.tree[key] = value
                    frame.lines[key] = member_of(node, key)

    def _finish(self, _: Any) -> None:
        tree, lines = self.root
        if tree is not None or self.reports:
            self.documents.append(Document(tree, Places(self.file, lines), tuple(self.reports)))
        self.start()

    def _count(self, nodes: int, line: int) -> None:
        self.nodes += nodes
        if self.nodes > self.bounds.nodes:
            raise Stop("too-large", f"more than {self.bounds.nodes} values: split the file", line)

    def _report(self, code: str, message: str, line: int) -> None:
        place = Place(self.file, line) if self.file else None
        path = ""
        for frame in self.stack:
            path = join(path, frame.key) if frame.key is not None else path
        self.reports.append(Report(Severity.ERROR, code, message, path=path, place=place))
