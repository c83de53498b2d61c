"""Real texts to begin from, and what is done to them: a seed gives the same inputs everywhere."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pidalio.api.yaml_reader import Bounds, read

ROOT = Path(__file__).resolve().parents[2]
_LONGEST = 40_000
_PIECES = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b": ",
        b",",
        b"- ",
        b"\n",
        b"\n  ",
        b"\t",
        b'"',
        b"'",
        b"&a",
        b"*a",
        b"<<: *a",
        b"!!",
    ),
    *(
        b"!!binary ",
        b"|\n",
        b">-\n",
        b"#",
        b"---\n",
        b"...\n",
        b"%YAML 1.2\n",
        b"? ",
        b"null",
        b"~",
        b"true",
        b"0x1F",
        b"1e999",
    ),
    *(
        b"-1",
        b"9" * 40,
        b".nan",
        b".inf",
        b"5s",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        "é".encode(),
        b"\\u0000",
        b"\\ud800",
    ),
    *(
        b"kind: List\nitems:\n",
        b"apiVersion: v1\n",
        b"kind: EnvoyFilter\n",
        b"spec:",
        b"http:",
        b"[[[[[[[[",
        b"{a: {a: {a: ",
    ),
)
_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        80,
        70000,
        2**40,
        2**70,
        1.5,
        1e300,
        "",
        "a",
        "*",
        "*.a",
        "a/b",
        "~",
        ".",
        "..",
        "é",
    ),
    *("1.2.3.4", "::1", "10.0.0.0/99", "unix:///s", "unix://", "%", "%%", "%REQ(", "(", "(a", "[", "\\1", "1s", "-1s"),
    *("1e9s", "0.0001s", "9" * 300, "a" * 300, "\n", "\x00", [], {}, [None], [[]], {"": ""}, {"value": 1e9}, {"a": {}}),
)
_ENDS = ("", "x", ".", "/", "*", "%", "\n", "\\", "(", "9" * 20)


def texts() -> list[bytes]:
    """Return every YAML and JSON text that this repository has, shortest first."""
    folders = ("examples", "tests/golden", "tests/unit/rules", "benchmarks")
    found = {
        path.read_bytes() for folder in folders for path in (ROOT / folder).rglob("*.y*ml") if "envoy" not in path.parts
    }
    return sorted((text for text in found if len(text) <= _LONGEST), key=lambda text: (len(text), text))


def mutated(seed: int, count: int) -> Iterator[bytes]:
    """Yield `count` broken texts."""
    source = random.Random(seed)
    known = texts()
    trees = [document.tree for text in known for document in read(text, "", Bounds()).documents]
    for _ in range(count):
        if source.random() < 0.5:
            yield json.dumps(_grafted(source, source.choice(trees), source.randint(1, 4), trees)).encode()
            continue
        text = source.choice(known)
        for _ in range(source.randint(1, 6)):
            text = _mutation(source, text, known)[:_LONGEST]
        yield text


def _mutation(source: random.Random, text: bytes, known: list[bytes]) -> bytes:
    begin, end = sorted(source.randrange(len(text) + 1) for _ in range(2))
    match source.randrange(8):
        case 0:
            return text[:begin] + source.choice(_PIECES) + text[begin:]
        case 1:
            return text[:begin] + text[min(end, begin + source.randint(1, 30)) :]
        case 2:
            return text[:begin] + text[begin:end][:200] * source.randint(2, 20) + text[end:]
        case 3:
            return text[:begin] + bytes((source.randrange(256),)) + text[begin + 1 :]
        case 4:
            other = source.choice(known)
            return text[:begin] + other[source.randrange(len(other) + 1) :]
        case 5:
            return _lines_swapped(source, text)
        case 6:
            return text[:begin] + source.choice(_PIECES) * source.choice((3, 50, 2000)) + text[end:]
        case _:
            return _word_replaced(source, text)


def _lines_swapped(source: random.Random, text: bytes) -> bytes:
    lines = text.split(b"\n")
    one, other = source.randrange(len(lines)), source.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _word_replaced(source: random.Random, text: bytes) -> bytes:
    words = text.split(b" ")
    words[source.randrange(len(words))] = source.choice((*_PIECES, source.choice(words)))
    return b" ".join(words)


def _grafted(source: random.Random, tree: Any, times: int, trees: list[Any]) -> Any:
    """Return the tree with some members replaced: by odd values, by members of others, under other names."""
    tree = json.loads(json.dumps(tree))
    for _ in range(times):
        places = list(_places(tree))
        if not places:
            return tree
        holder, key = source.choice(places)
        match source.randrange(5):
            case 0:
                holder[key] = source.choice(_VALUES)
            case 1:
                other = [outer[inner] for outer, inner in _places(source.choice(trees))]
                holder[key] = source.choice(other) if other else None
            case 2:
                holder[key] = f"{holder[key]}{source.choice(_ENDS)}"
            case 3 if isinstance(holder, dict):
                holder[f"{key}{source.choice(('x', '', ' '))}"] = holder.pop(key)
            case _:
                holder[key] = [holder[key]] * source.randint(0, 3)
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a tree, as its holder and key."""
    for key, member in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(member, dict | list):
            yield from _places(member)
