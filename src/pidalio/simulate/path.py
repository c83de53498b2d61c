"""Paths: what Envoy makes of one before any route is compared.

Source: Envoy's connection manager: escaped slashes, then `normalize_path`, then `merge_slashes`; each where it is on.
Normalisation is RFC 3986 §6.2.2 as Envoy's URL library carries it out (observed on Envoy 1.40, every byte from 0 to
255): escaped unreserved characters are decoded, a few raw characters are escaped, a backslash counts as a slash, dot
segments (also escaped ones) are removed, and repeated slashes stay. The query is left alone.
"""

import re
import string
from collections.abc import Callable

import msgspec

from pidalio.ir import EscapedSlashes, PathSettings

_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_ESCAPED_WHEN_RAW = frozenset('"<>^`{|}')
_ESCAPED_SLASH = re.compile(r"%2[Ff]|%5[Cc]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


class PathRefused(ValueError):
    """The path cannot be normalised: Envoy answers 400."""


class CleanPath(msgspec.Struct, frozen=True):
    """A path as routes see it, with its query; `redirects` says that the caller is sent there instead."""

    path: str
    redirects: bool = False


def cleaned(path: str, settings: PathSettings) -> CleanPath:
    """Return what becomes of `path`; raise `PathRefused` where Envoy answers 400."""
    if "#" in path:
        raise PathRefused(path)
    redirects = False
    if settings.escaped_slashes is not EscapedSlashes.KEEP:
        unescaped = _with_bare(path, _unescaped_slashes)
        if unescaped != path and settings.escaped_slashes is EscapedSlashes.REJECT:
            raise PathRefused(path)
        redirects = unescaped != path and settings.escaped_slashes is EscapedSlashes.REDIRECT
        path = unescaped
    if settings.normalize:
        path = normalized(path)
    return CleanPath(_with_bare(path, _merged) if settings.merge_slashes else path, redirects)


def _with_bare(path: str, change: Callable[[str], str]) -> str:
    bare, mark, query = path.partition("?")
    return change(bare) + mark + query


def _unescaped_slashes(path: str) -> str:
    return _ESCAPED_SLASH.sub(lambda found: "/" if found[0][1] == "2" else "\\", path)


def _merged(path: str) -> str:
    """Make repeated slashes one; of slashes alone Envoy keeps the first and the last."""
    return "//" if len(path) > 1 and not path.strip("/") else re.sub("//+", "/", path)


def normalized(path: str) -> str:
    """Return `path` (with its query) as routes see it; raise `PathRefused` where Envoy answers 400."""
    if "#" in path or any(ord(character) <= 0x20 or ord(character) >= 0x7F for character in path):
        raise PathRefused(path)
    bare, mark, query = path.partition("?")
    if not bare.startswith("/") or "%00" in bare:
        raise PathRefused(path)
    return _without_dots(_characters(bare)) + mark + query


def _characters(path: str) -> str:
    decoded = _ESCAPE.sub(_decode_unreserved, path.replace("\\", "/"))
    return "".join(f"%{ord(each):02X}" if each in _ESCAPED_WHEN_RAW else each for each in decoded)


def _decode_unreserved(escape: re.Match[str]) -> str:
    character = chr(int(escape.group(1), 16))
    return character if character in _UNRESERVED else escape.group(0)


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    last = len(segments) - 1
    for position, segment in enumerate(segments):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
            continue
        if position == last:
            kept.append("")
    return "/" + "/".join(kept)
