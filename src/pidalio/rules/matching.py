"""Conditions of a VirtualService: those the compiler decides, and those Envoy does.

Port, gateways, source labels and source namespace are known before any request comes; an entry that fails them is
dropped, not emitted. The rest becomes a `MatchPlan`.
Source of the rules: Istio's documented HTTPMatchRequest (reference §1.1, §2.5).
"""

from collections.abc import Iterator

import msgspec

from pidalio.api.strings import StringMatch, claim_of
from pidalio.api.virtual_service import HTTPMatchRequest
from pidalio.ir import ClaimMatch, HeaderMatch, MatchKind, MatchPlan, PathKind, PathMatch, QueryMatch, StringPattern
from pidalio.model import Labels
from pidalio.rules.visibility import ANYBODY, Client
from pidalio.store.tables import gateway_reference

_PRESENT = StringPattern(MatchKind.PRESENT)
_IGNORED = frozenset({"uri", "scheme", "method", "authority"})


class RouteContext(msgspec.Struct, frozen=True, gc=False):
    """For whom routes are compiled.

    `gateway` is `mesh` or the reference of the gateway they hang on; `port` is the listener's;
    `namespace` and `labels` are the caller's as far as some rule asks for them;
    `view` is the namespace from which destinations are resolved, `hash_view` the client whose DestinationRules say what
    is hashed, and how long connections last.
    """

    gateway: str
    port: int
    namespace: str = ""
    labels: Labels = ()
    view: str = ""
    hash_view: Client = ANYBODY


def applies(match: HTTPMatchRequest, owner: str, context: RouteContext) -> bool:
    """Tell whether an entry of a VirtualService in namespace `owner` can hold for any request of `context`.

    When the entry names gateways, membership alone decides and the source conditions are not consulted.
    """
    if match.port and match.port != context.port:
        return False
    if match.gateways:
        return context.gateway in {gateway_reference(name, owner) for name in match.gateways}
    if match.source_namespace and match.source_namespace != context.namespace:
        return False
    return set(match.source_labels) <= set(context.labels)


def match_plan(match: HTTPMatchRequest) -> MatchPlan:
    """Return what Envoy must compare for one entry: headers sorted by name, pseudo headers last."""
    return MatchPlan(
        path=_path(match.uri, ignore_case=match.ignore_uri_case),
        headers=tuple(_headers(match)),
        query=tuple(QueryMatch(name, _pattern(value)) for name, value in match.query_params),
        claims=tuple(_claims(match)),
    )


def _path(uri: StringMatch | None, *, ignore_case: bool) -> PathMatch:
    if uri is None:
        return PathMatch()
    if uri.exact is not None:
        return PathMatch(PathKind.EXACT, uri.exact, ignore_case)
    if uri.prefix is not None:
        return PathMatch(PathKind.PREFIX, uri.prefix, ignore_case)
    if uri.regex is not None:
        return PathMatch(PathKind.REGEX, uri.regex)
    return PathMatch()


def _claims(match: HTTPMatchRequest) -> Iterator[ClaimMatch]:
    for conditions, invert in ((match.headers, False), (match.without_headers, True)):
        for name, value in conditions:
            if claim := claim_of(name):
                yield ClaimMatch(claim, _pattern(value), invert)


def _headers(match: HTTPMatchRequest) -> Iterator[HeaderMatch]:
    for name, value in match.headers:
        if name not in _IGNORED and not claim_of(name):
            yield HeaderMatch(name.lower(), _pattern(value))
    for name, value in match.without_headers:
        if name not in _IGNORED and not claim_of(name):
            pattern = _pattern(value)
            yield HeaderMatch(
                name.lower(), pattern, invert=True, missing_as_empty=pattern.kind is not MatchKind.PRESENT
            )
    for name, condition in ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme)):
        if condition is not None:
            yield HeaderMatch(name, _pattern(condition))


def _pattern(value: StringMatch) -> StringPattern:
    """Return the comparison; unset, and the regex `*` that Istio takes for it, mean "present"."""
    if value.exact is not None:
        return StringPattern(MatchKind.EXACT, value.exact)
    if value.prefix is not None:
        return StringPattern(MatchKind.PREFIX, value.prefix)
    if value.regex is None or value.regex == "*":
        return _PRESENT
    return StringPattern(MatchKind.REGEX, value.regex)
