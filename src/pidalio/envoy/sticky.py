"""Sticky weights as Envoy's routes: a hash decides among ranges of buckets instead of a draw (design record 0011).

Envoy takes the hash modulo the sum of all weights and walks the clusters in order, so one entry per range in order of
buckets gives bucket = hash mod 10,000. A request that bears what tells users apart needs another route than one that
does not: Envoy adds neither a cookie nor a draw by condition.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.ir import NEW_USER_HEADER, NEW_USER_ID, CookieKey, HeaderKey, SourceKey, StickyPlan

_ANY = ".+"
_ALWAYS_THERE = ":method"
_NEW_ID = f"%REQ({NEW_USER_HEADER})%"


def sticky_routes(message: pb.Route, plan: StickyPlan) -> list[pb.Route]:
    """Return the routes that `message`, whose action is complete, becomes; the first that matches decides."""
    match plan.key:
        case SourceKey():
            source = pb.RouteAction.HashPolicy()
            source.connection_properties.source_ip = True
            _by_hash(message, source, plan.salt)
            return [message]
        case HeaderKey(name):
            bearing = _copy(message)
            bearing.match.headers.add(name=name, present_match=True)
            _by_hash(bearing, _header(name), plan.salt)
            return [bearing, message]
        case CookieKey(name) as cookie:
            bearing, new = _copy(message), _copy(message)
            bearing.match.cookies.add(name=name).string_match.safe_regex.regex = _ANY
            _by_hash(bearing, pb.RouteAction.HashPolicy(cookie=pb.RouteAction.HashPolicy.Cookie(name=name)), plan.salt)
            # The cookie's value is that of this header, so that the first request lands where the next ones will.
            new.match.headers.add(name=NEW_USER_HEADER).string_match.safe_regex.regex = NEW_USER_ID
            _by_hash(new, _header(NEW_USER_HEADER), plan.salt)
            _make_cookie(new, cookie)
            return [bearing, new, message]


def set_cookie(key: CookieKey) -> str:
    """Return the value of `Set-Cookie` in Envoy's format."""
    age = f"; Max-Age={key.max_age}" if key.max_age else ""
    return f"{key.name}={_NEW_ID}; Path={key.path}{age}; HttpOnly; SameSite=Lax"


def _copy(message: pb.Route) -> pb.Route:
    copied = pb.Route()
    copied.CopyFrom(message)
    return copied


def _header(name: str) -> pb.RouteAction.HashPolicy:
    return pb.RouteAction.HashPolicy(header=pb.RouteAction.HashPolicy.Header(header_name=name))


def _by_hash(message: pb.Route, policy: pb.RouteAction.HashPolicy, salt: str) -> None:
    """Let `policy` decide; the salt is a second hash, of a header that every request has, rewritten to it."""
    if message.route.HasField("weighted_clusters"):
        message.route.weighted_clusters.use_hash_policy.value = True
    salted = _header(_ALWAYS_THERE)
    salted.header.regex_rewrite.pattern.regex = "^.*$"
    salted.header.regex_rewrite.substitution = salt
    message.route.hash_policy.extend([policy, salted])


def _make_cookie(message: pb.Route, key: CookieKey) -> None:
    """Give the client a cookie and tell the upstream of it, so that proxies behind this one go by it at once.

    It comes first in the request's cookies, for the first of a name counts; what users change themselves comes later.
    """
    own = f"{key.name}={_NEW_ID}"
    stated = list(message.request_headers_to_add)
    del message.request_headers_to_add[:]
    for value, when in (
        (f"{own}; %REQ(cookie)%", pb.HeaderValueOption.OVERWRITE_IF_EXISTS),
        (own, pb.HeaderValueOption.ADD_IF_ABSENT),
    ):
        message.request_headers_to_add.add(header=pb.HeaderValue(key="cookie", value=value), append_action=when)
    message.request_headers_to_add.extend(stated)
    message.response_headers_to_add.add(header=pb.HeaderValue(key="set-cookie", value=set_cookie(key)))
