"""Random requests: half of them are made from a route, its conditions met or one missed."""

import random
from collections.abc import Callable

from tests.differential.rules import COOKIES, METHODS, PATH_REGEXES, QUERIES, VALUE_REGEXES, VALUES, path

from pidalio.ir import MatchKind, MatchPlan, PathKind, PathMatch, StringPattern, VirtualHostPlan
from pidalio.simulate import Request

REQUESTS_PER_SET = 50
SWITCHES = (
    "x-forwarded-for",
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-decorator-operation",
    "x-envoy-internal",
    "x-envoy-original-path",
    "x-envoy-downstream-service-cluster",
    "x-envoy-ip-tags",
    "x-forwarded-host",
    "x-envoy-attempt-count",
    "x-envoy-external-address",
    "te",
    "keep-alive",
)


def random_requests(draw: random.Random, sets: list[list[VirtualHostPlan]]) -> list[Request]:
    """Return requests for every set of virtual hosts, half of them made from the conditions of a route."""
    requests = []
    for hosts in sets:
        routed = [host for host in hosts if host.routes]
        for position in range(REQUESTS_PER_SET):
            made = position % 2 and routed
            requests.append(request_for(draw, draw.choice(routed)) if made else any_request(draw, hosts))
    return requests


def any_request(draw: random.Random, hosts: list[VirtualHostPlan]) -> Request:
    """Return a request that is random in everything but its host."""
    headers = [
        (draw.choice(("x-user", "x-v", "cookie", "accept")), draw.choice(VALUES))
        for _ in range(draw.choice((0, 1, 2, 3)))
    ]
    if draw.random() < 0.3:
        headers.append(("cookie", draw.choice(COOKIES)))
    if draw.random() < 0.1:
        headers.append(("x-request-id", draw.choice(VALUES)))
    if draw.random() < 0.1:
        headers.append(("x-forwarded-proto", draw.choice(("http", "https", "HTTPS", "", "ws"))))
    if draw.random() < 0.2:
        headers.append(("origin", draw.choice(("http://a.test", "http://b.test", "http://c", ""))))
    if draw.random() < 0.2:
        headers.append(("access-control-request-method", draw.choice(("GET", ""))))
    if draw.random() < 0.1:
        # Never a timeout that a busy machine could miss.
        headers.append((draw.choice(SWITCHES), draw.choice(("20000", "9000", "5xx", "true", ""))))
    if draw.random() < 0.1:
        headers.append(("content-type", draw.choice(("application/grpc", "application/grpc+x", "text/plain"))))
    return Request(
        method=draw.choice(METHODS),
        authority=authority(draw, draw.choice(hosts)),
        path=draw.choice((path(draw), path(draw), *[draw.choice(one) for one in PATH_REGEXES.values()]))
        + draw.choice(
            ("", "", f"?{draw.choice(QUERIES)}={draw.choice(VALUES).replace(' ', '+')}", "?q", "?q=1&q=2", "?")
        ),
        headers=tuple(headers),
    )


def authority(draw: random.Random, virtual_host: VirtualHostPlan) -> str:
    domain = draw.choice(virtual_host.domains)
    filled = domain.replace("*", draw.choice(("y", "a", "b.a", "z-x")))
    if ":" not in filled:
        filled += draw.choice(("", "", "", ":80", ":8080"))
    return draw.choice((filled, filled, filled, filled.upper(), f"n.{filled}"))


def request_for(draw: random.Random, virtual_host: VirtualHostPlan) -> Request:
    """Return a request that meets all conditions of one route, or misses one of them."""
    chosen = draw.choice(virtual_host.routes)
    request = any_request(draw, [virtual_host])
    request = meeting(draw, chosen.match, request)
    return missing_one(draw, chosen.match, request) if draw.random() < 0.5 else request


def meeting(draw: random.Random, match: MatchPlan, request: Request) -> Request:
    made = matching_path(draw, match.path)
    query: list[str] = [f"{each.name}={matching_value(draw, each.pattern).replace(' ', '+')}" for each in match.query]
    headers = dict(request.headers)
    method, authority = request.method, request.authority
    for each in match.headers:
        if each.name == ":method":
            method = each.pattern.value if not each.invert else "PATCH"
        elif each.invert:
            headers.pop(each.name, None)
            if draw.random() < 0.5 and not each.name.startswith(":") and each.pattern.kind is not MatchKind.PRESENT:
                headers[each.name] = "zzz"
        elif not each.name.startswith(":"):
            headers[each.name] = matching_value(draw, each.pattern)
    return Request(
        method=method,
        authority=authority,
        path=made + ("?" + "&".join(query) if query else ""),
        headers=tuple(headers.items()),
    )


def matching_path(draw: random.Random, match: PathMatch) -> str:
    if match.kind is PathKind.REGEX:
        return draw.choice(PATH_REGEXES[match.value])
    value = match.value.swapcase() if match.ignore_case and draw.random() < 0.5 else match.value
    if match.kind is PathKind.EXACT:
        return value
    if match.kind is PathKind.SEGMENTS:
        return value + draw.choice(("", "/x", "/")) if value != "/" else draw.choice(("/", "/x"))
    return value + draw.choice(("", "x", "/x", "/"))


def matching_value(draw: random.Random, wanted: StringPattern) -> str:
    if wanted.kind is MatchKind.EXACT:
        return wanted.value
    if wanted.kind is MatchKind.PREFIX:
        return wanted.value + draw.choice(("", "z"))
    if wanted.kind is MatchKind.REGEX:
        return draw.choice(VALUE_REGEXES.get(wanted.value, VALUES))
    return draw.choice(VALUES)


def missing_one(draw: random.Random, match: MatchPlan, request: Request) -> Request:
    changes: list[Callable[[Request], Request]] = [lambda one: replaced(one, path=path(draw))]
    changes += [_without_header(each.name) for each in match.headers if not each.name.startswith(":")]
    changes += [_other_header(draw, each.name) for each in match.headers if not each.name.startswith(":")]
    changes += [lambda one: replaced(one, path=one.path.partition("?")[0])] * len(match.query)
    changes += [lambda one: replaced(one, path=one.path.replace("=", "=y"))] * len(match.query)
    changes += [lambda one: replaced(one, method="TRACE" if one.method == "GET" else "GET")]
    return draw.choice(changes)(request)


def _without_header(name: str) -> Callable[[Request], Request]:
    return lambda one: replaced(one, headers=tuple(pair for pair in one.headers if pair[0] != name))


def _other_header(draw: random.Random, name: str) -> Callable[[Request], Request]:
    return lambda one: replaced(one, headers=(*one.headers, (name, draw.choice(VALUES))))


def replaced(request: Request, **changes: object) -> Request:
    values = {name: getattr(request, name) for name in ("method", "authority", "path", "headers")}
    return Request(**(values | changes))
