"""Sticky weights: `http[].sticky`, a field of Pidalio's own (design record 0011)."""

import re
from collections.abc import Iterable, Iterator

from pidalio.api.findings import Findings
from pidalio.api.validate.headers import header_mistake
from pidalio.api.virtual_service import Headers, HTTPRoute, StickyCookie

_COOKIE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_COOKIE_PATH = re.compile(r"/[A-Za-z0-9/_.~-]*\Z")
_SECOND = 1000
_REQUEST_ID = "x-request-id"


def check_sticky(rule: HTTPRoute, path: str, found: Findings) -> None:
    """Note sticky weights that have nothing to share, or cannot tell users apart."""
    sticky, here = rule.sticky, f"{path}.sticky"
    if sticky is None:
        return
    if len(rule.route) < 2:
        message = "there is nothing to share: it needs a route with two or more destinations"
        found.error("bad-sticky", here, message)
    _check_distinct(rule, f"{path}.route", found)
    if sticky.header and (mistake := _header_mistake(sticky.header)):
        found.error("bad-header", f"{here}.header", mistake)
    if sticky.cookie:
        _check_cookie(sticky.cookie, f"{here}.cookie", found)
        _check_request_id(rule, path, found)


def check_sticky_names(rules: Iterable[HTTPRoute], found: Findings) -> None:
    """Note sticky rules of one object that share a name, and so could not be told apart."""
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.sticky is None or not rule.name:
            continue
        if rule.name in seen:
            message = f"another sticky rule is called {rule.name!r}: buckets follow the name, so each needs its own"
            found.error("bad-sticky", f"http[{index}].name", message)
        seen.add(rule.name)


def _header_mistake(name: str) -> str:
    return "every user sends the same host" if name.lower() == "host" else header_mistake(name)


def _check_distinct(rule: HTTPRoute, path: str, found: Findings) -> None:
    seen = set()
    for index, entry in enumerate(rule.route):
        if entry.destination in seen:
            message = "a sticky rule names each destination once, for buckets belong to destinations"
            found.error("bad-sticky", f"{path}[{index}].destination", message)
        seen.add(entry.destination)


def _check_cookie(cookie: StickyCookie, path: str, found: Findings) -> None:
    if cookie.name and not _COOKIE_NAME.match(cookie.name):
        message = f"{cookie.name!r} cannot name a cookie here: at most 64 letters, digits, '-', '_' and '.'"
        found.error("bad-sticky", f"{path}.name", message)
    if cookie.path and not _COOKIE_PATH.match(cookie.path):
        message = (
            f"{cookie.path!r} is not a path: it begins with '/' and has letters, digits and '/', '-', '_', '.', '~'"
        )
        found.error("bad-sticky", f"{path}.path", message)
    if cookie.ttl is not None and (cookie.ttl < _SECOND or cookie.ttl % _SECOND):
        message = "a cookie lives for whole seconds, at least 1s: leave ttl out for the browser's session"
        found.error("bad-duration", f"{path}.ttl", message)


def _check_request_id(rule: HTTPRoute, path: str, found: Findings) -> None:
    changed = [f"{path}.headers"] if _changes_request_id(rule.headers) else []
    changed += [
        f"{path}.route[{index}].headers" for index, one in enumerate(rule.route) if _changes_request_id(one.headers)
    ]
    for here in changed:
        message = f"{_REQUEST_ID} gives the cookie its value: leave it as it is, or be sticky by header"
        found.error("bad-sticky", f"{here}.request", message)


def _changes_request_id(headers: Headers | None) -> bool:
    return headers is not None and _REQUEST_ID in _changed(headers)


def _changed(headers: Headers) -> Iterator[str]:
    if headers.request:
        yield from (name.lower() for name, _ in headers.request.set + headers.request.add)
        yield from (name.lower() for name in headers.request.remove)
