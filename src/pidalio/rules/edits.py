"""Header edits of routes and destinations.

Source of the rules: Istio's documented Headers (reference §1.1): `Host` and `:authority` in a request's set or add
rewrite the host; of a single destination the edits join those of the route, of several they stay with it.
"""

from pidalio.api.virtual_service import HeaderOperations, Headers
from pidalio.ir import HeaderEdits

_HOST = ("host", ":authority")
_NONE = HeaderEdits()


def request_edits(headers: Headers | None) -> tuple[HeaderEdits, str]:
    """Return the edits of the request, and the host to rewrite to ("" for none)."""
    operations = headers.request if headers else None
    if operations is None:
        return _NONE, ""
    hosts = [value for name, value in (*operations.set, *operations.add) if name.lower() in _HOST]
    return _edits(operations), hosts[0] if hosts else ""


def response_edits(headers: Headers | None) -> HeaderEdits:
    """Return the edits of the response."""
    operations = headers.response if headers else None
    return _edits(operations) if operations else _NONE


def joined(first: HeaderEdits, second: HeaderEdits) -> HeaderEdits:
    """Return both edits as one, in this order: what the second sets replaces what the first set or added."""
    if not second:
        return first
    replaced = {name for name, _ in second.set}
    return HeaderEdits(
        set=tuple(pair for pair in first.set if pair[0] not in replaced) + second.set,
        add=tuple(pair for pair in first.add if pair[0] not in replaced) + second.add,
        remove=tuple(dict.fromkeys((*first.remove, *second.remove))),
    )


def _edits(operations: HeaderOperations) -> HeaderEdits:
    return HeaderEdits(
        set=tuple((name.lower(), value) for name, value in operations.set if name.lower() not in _HOST),
        add=tuple((name.lower(), value) for name, value in operations.add if name.lower() not in _HOST),
        remove=tuple(name.lower() for name in operations.remove),
    )
