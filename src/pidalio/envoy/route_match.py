"""A request's conditions as Envoy's RouteMatch."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.values import string_matcher
from pidalio.ir import ClaimMatch, HeaderMatch, MatchKind, MatchPlan, PathKind, PathMatch, QueryMatch

JWT_FILTER = "envoy.filters.http.jwt_authn"


def route_match(plan: MatchPlan) -> pb.RouteMatch:
    """Return the conditions of `plan`, all of which must hold."""
    match = pb.RouteMatch(
        headers=[header_matcher(each) for each in plan.headers],
        query_parameters=[_query(each) for each in plan.query],
        dynamic_metadata=[_claim(each) for each in plan.claims],
    )
    if plan.connect:
        match.connect_matcher.SetInParent()
    else:
        _set_path(match, plan.path)
    return match


def _set_path(match: pb.RouteMatch, path: PathMatch) -> None:
    if path.kind is PathKind.PREFIX:
        match.prefix = path.value
    elif path.kind is PathKind.EXACT:
        match.path = path.value
    elif path.kind is PathKind.SEGMENTS:
        # Envoy refuses a closing slash, and the root alone is every path.
        whole = path.value.rstrip("/")
        if whole:
            match.path_separated_prefix = whole
        else:
            match.prefix = "/"
    else:
        match.safe_regex.regex = path.value
    if path.ignore_case and path.kind is not PathKind.REGEX:
        match.case_sensitive.value = False


def header_matcher(plan: HeaderMatch) -> pb.HeaderMatcher:
    """Return the comparison of one header."""
    matcher = pb.HeaderMatcher(
        name=plan.name,
        invert_match=plan.invert,
        treat_missing_header_as_empty=plan.missing_as_empty,
    )
    if plan.pattern.kind is MatchKind.PRESENT:
        matcher.present_match = True
    else:
        matcher.string_match.CopyFrom(string_matcher(plan.pattern))
    return matcher


def _claim(plan: ClaimMatch) -> pb.MetadataMatcher:
    """Return the comparison with the payload that Envoy's JWT filter leaves of a token; lists are told by a member."""
    matcher = pb.MetadataMatcher(filter=JWT_FILTER, invert=plan.invert)
    for key in ("payload", *plan.claim):
        matcher.path.add(key=key)
    if plan.pattern.kind is MatchKind.PRESENT:
        matcher.value.present_match = True
        return matcher
    alternatives = matcher.value.or_match.value_matchers
    alternatives.add().string_match.CopyFrom(string_matcher(plan.pattern))
    alternatives.add().list_match.one_of.string_match.CopyFrom(string_matcher(plan.pattern))
    return matcher


def _query(plan: QueryMatch) -> pb.QueryParameterMatcher:
    if plan.pattern.kind is MatchKind.PRESENT:
        return pb.QueryParameterMatcher(name=plan.name, present_match=True)
    return pb.QueryParameterMatcher(name=plan.name, string_match=string_matcher(plan.pattern))
