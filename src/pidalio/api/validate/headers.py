"""Changes to headers: what can be set, added and removed (RFC 9110 §5, Envoy's formats)."""

import re

from pidalio.api.findings import Findings
from pidalio.api.places import join
from pidalio.api.virtual_service import HeaderOperations, Headers

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r"(?:[^%]|%%|%[A-Z][A-Z0-9_]*(?:\([^()%]*(?:\([^()]*\))?[^()%]*\))?(?::\d+)?%)*\Z", re.DOTALL)
_AUTHORITY = ("host", ":authority")


def check_headers(headers: Headers | None, path: str, found: Findings) -> None:
    """Note changes that Envoy cannot make."""
    if headers is None:
        return
    if headers.request:
        _check_operations(headers.request, f"{path}.request", found, request=True)
    if headers.response:
        _check_operations(headers.response, f"{path}.response", found, request=False)


def sets_authority(headers: Headers | None) -> bool:
    """Tell whether the request's host is rewritten by header operations."""
    if headers is None or headers.request is None:
        return False
    return any(name.lower() in _AUTHORITY for name, _ in headers.request.set + headers.request.add)


def _check_operations(operations: HeaderOperations, path: str, found: Findings, *, request: bool) -> None:
    authorities = 0
    for verb, pairs in (("set", operations.set), ("add", operations.add)):
        for name, value in pairs:
            here = join(f"{path}.{verb}", name)
            if request and name.lower() in _AUTHORITY:
                authorities += 1
            else:
                _check_name(name, here, found)
            _check_value(value, here, found)
    if authorities > 1:
        found.error("bad-header", path, "the host is set more than once: keep one")
    for index, name in enumerate(operations.remove):
        here = f"{path}.remove[{index}]"
        _check_name(name, here, found)
        if name.lower() == "host":
            found.error("bad-header", here, "the host cannot be removed")


def _check_name(name: str, path: str, found: Findings) -> None:
    if name.startswith(":"):
        found.error("bad-header", path, f"{name!r} is a pseudo-header: use rewrite or redirect instead")
    elif mistake := header_mistake(name):
        found.error("bad-header", path, mistake)


def header_mistake(name: str) -> str:
    """Return what is wrong with a header's name, or nothing."""
    return "" if _NAME.match(name) else f"{name!r} is not a header's name"


def _check_value(value: str, path: str, found: Findings) -> None:
    if mistake := value_mistake(value):
        found.error("bad-header", path, mistake)


def value_mistake(value: str) -> str:
    """Return what is wrong with a header's value, or nothing."""
    if any(sign in value for sign in "\r\n\0"):
        return "a header's value has no line breaks"
    return "" if _VALUE.match(value) else "'%' begins a variable such as %REQ(x-id)%: write '%%' for the sign itself"
