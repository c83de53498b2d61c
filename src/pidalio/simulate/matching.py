"""Whether a request meets a route's conditions, and if not, which one it misses first, in words.

Source: Envoy's RouteMatch, HeaderMatcher and QueryParameterMatcher. Every condition must hold; the order in which they
are told (path, headers, query) is ours and changes nothing.
"""

from pidalio.ir import HeaderMatch, MatchKind, MatchPlan, PathKind, PathMatch, QueryMatch
from pidalio.ir.pattern import full_match, satisfied
from pidalio.simulate.pattern import in_words
from pidalio.simulate.request import Request


def unmet(plan: MatchPlan, request: Request) -> str:
    """Return the first condition of `plan` that `request` misses, in words; empty when it meets them all."""
    if plan.connect != request.connect:
        return "the method is not CONNECT" if plan.connect else "a CONNECT request has no path to compare"
    if not plan.connect and not path_matches(plan.path, request.bare_path):
        return f"path {request.bare_path} {_not(_path_in_words(plan.path))}"
    for header in plan.headers:
        if not header_matches(header, request):
            return _unmet_header(header, request)
    for query in plan.query:
        if not query_matches(query, request):
            return _unmet_query(query, request)
    for claim in plan.claims:
        if not claim.invert:
            return f"claim {'.'.join(claim.claim)} {_not(in_words(claim.pattern))}: no token was verified"
    return ""


def meets(plan: MatchPlan, request: Request) -> bool:
    """Tell whether `request` meets every condition of `plan`: `unmet` without words."""
    if plan.connect != request.connect:
        return False
    if not plan.connect and not path_matches(plan.path, request.bare_path):
        return False
    return (
        all(header_matches(each, request) for each in plan.headers)
        and all(query_matches(each, request) for each in plan.query)
        and all(each.invert for each in plan.claims)
    )


def path_matches(plan: PathMatch, path: str) -> bool:
    """Tell whether `path` (without query) meets `plan`."""
    if plan.kind is PathKind.REGEX:
        return full_match(plan.value, path)
    value = plan.value
    if plan.ignore_case:
        value, path = value.lower(), path.lower()
    if plan.kind is PathKind.EXACT:
        return path == value
    if plan.kind is PathKind.PREFIX:
        return path.startswith(value)
    whole = value.rstrip("/")
    return path.startswith(whole) and (len(path) == len(whole) or path[len(whole)] == "/")


def header_matches(plan: HeaderMatch, request: Request) -> bool:
    """Tell whether the request meets one header condition.

    A repeated header meets it when one of its values does; a comparison with an absent header fails even when
    inverted, unless absent counts as empty.
    """
    return values_match(plan, request.values(plan.name))


def values_match(plan: HeaderMatch, values: tuple[str, ...]) -> bool:
    """Tell whether `values`, those of the header that `plan` names, meet it."""
    if not values and plan.missing_as_empty:
        values = ("",)
    if plan.pattern.kind is MatchKind.PRESENT:
        return bool(values) != plan.invert
    if not values:
        return False
    return any(satisfied(plan.pattern, value) for value in values) != plan.invert


def query_matches(plan: QueryMatch, request: Request) -> bool:
    """Tell whether the request meets one condition on a query parameter."""
    value = request.query(plan.name)
    return value is not None and satisfied(plan.pattern, value)


def _path_in_words(plan: PathMatch) -> str:
    case = ", in any case" if plan.ignore_case and plan.kind is not PathKind.REGEX else ""
    match plan.kind:
        case PathKind.EXACT:
            return f"is {plan.value}{case}"
        case PathKind.PREFIX:
            return f"begins with {plan.value}{case}"
        case PathKind.SEGMENTS:
            return f"is {plan.value} or below it{case}"
        case PathKind.REGEX:
            return f"matches regex {plan.value}"


_NEGATED = {"is": "is not", "begins": "does not begin", "matches": "does not match"}


def _not(words: str) -> str:
    verb, _, rest = words.partition(" ")
    return f"{_NEGATED[verb]} {rest}"


def _unmet_header(plan: HeaderMatch, request: Request) -> str:
    value = request.header(plan.name)
    if value is None and plan.invert and plan.pattern.kind is not MatchKind.PRESENT and not plan.missing_as_empty:
        return f"header {plan.name} is absent, and absent never matches"
    found = "it is absent" if value is None else f'it is "{value}"'
    wanted = in_words(plan.pattern)
    return f"header {plan.name} {wanted if plan.invert else _not(wanted)}: {found}"


def _unmet_query(plan: QueryMatch, request: Request) -> str:
    value = request.query(plan.name)
    found = "it is absent" if value is None else f'it is "{value}"'
    return f"query parameter {plan.name} {_not(in_words(plan.pattern))}: {found}"
