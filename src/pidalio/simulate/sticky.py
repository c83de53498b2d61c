"""Which bucket a request has at a sticky route, and what a new user's request and response get (design record 0011).

Source: Envoy's hash policies, observed: XXH64 of the cookie, of the header's values in order, each seeding the next, or
of the address; rotated by one bit and crossed with the hash of the salt; modulo the sum of weights. The first cookie of
a name counts, and an empty one is none.
"""

from collections.abc import Sequence

import msgspec

from pidalio.ir import (
    BUCKETS,
    NEW_USER_HEADER,
    NEW_USER_ID,
    CookieKey,
    HeaderEdits,
    HeaderKey,
    SourceKey,
    StickyPlan,
    WeightedCluster,
)
from pidalio.ir.pattern import full_match
from pidalio.model import Origin
from pidalio.simulate.incoming import Arrival
from pidalio.simulate.incoming_headers import GENERATED
from pidalio.simulate.request import Request
from pidalio.simulate.xxhash import rotated, xxh64

_UNKNOWN_ID = f"%REQ({NEW_USER_HEADER})%"


class Share(msgspec.Struct, frozen=True):
    """The buckets from `first` to `last`, and the cluster of the version that owns them."""

    first: int
    last: int
    cluster: str


class Bucket(msgspec.Struct, frozen=True):
    """The user's bucket of a sticky route and who owns which; `by` says what tells users apart.

    `number` is None where it cannot be told beforehand: for a new user the proxy makes a cookie, and a request that
    tells nothing of its user is drawn.
    """

    by: str
    number: int | None
    shares: tuple[Share, ...]
    origin: Origin | None = None


def bucket_of(plan: StickyPlan, arrival: Arrival, clusters: Sequence[WeightedCluster]) -> Bucket:
    """Return the bucket of a request at the sticky route to `clusters`."""
    shares = tuple(Share(one.start, one.end - 1, clusters[one.destination].cluster) for one in plan.ranges)
    by, values = _user(plan, arrival)
    return Bucket(by, _number(values, plan.salt) if values else None, shares, plan.origin)


def owner_of(plan: StickyPlan, number: int) -> int:
    """Return the position of the destination that owns a bucket."""
    return next(one.destination for one in plan.ranges if one.start <= number < one.end)


def makes_cookie(plan: StickyPlan | None, request: Request) -> CookieKey | None:
    """Return the cookie that the proxy makes for this request, None when it makes none."""
    key = plan.key if plan else None
    return key if isinstance(key, CookieKey) and not _cookie(request, key.name) and _new_id(request) else None


def request_with_cookie(
    edits: HeaderEdits, key: CookieKey, request: Request, headers: Sequence[tuple[str, str]]
) -> HeaderEdits:
    """Return the route's `edits` with the new cookie, before the cookies in `headers`, those of the request by then.

    Of several Cookie headers only the first is kept beside it.
    """
    own = f"{key.name}={_new_id(request)}"
    others = [] if "cookie" in edits.remove else [value for name, value in headers if name == "cookie"]
    value = f"{own}; {others[0]}" if others else own
    return msgspec.structs.replace(edits, set=(("cookie", value), *edits.set))


def response_with_cookie(edits: HeaderEdits, key: CookieKey, request: Request) -> HeaderEdits:
    """Return the route's `edits` with the header that gives the client its cookie."""
    age = f"; Max-Age={key.max_age}" if key.max_age else ""
    value = f"{key.name}={_new_id(request)}; Path={key.path}{age}; HttpOnly; SameSite=Lax"
    return msgspec.structs.replace(edits, add=(*edits.add, ("set-cookie", value)))


def _user(plan: StickyPlan, arrival: Arrival) -> tuple[str, tuple[str, ...]]:
    """Return what tells users apart, in words, and the texts of this one that are hashed."""
    request = arrival.request
    match plan.key:
        case HeaderKey(name):
            return f"header {name}", request.values(name)
        case SourceKey():
            return "source address", (arrival.caller or request.peer,)
        case CookieKey(name):
            known = _cookie(request, name)
            made = known or _new_id(request)
            return f"cookie {name}{'' if known else ', new'}", () if made in ("", _UNKNOWN_ID) else (made,)


def _cookie(request: Request, name: str) -> str:
    for header in request.values("cookie"):
        for pair in header.split(";"):
            key, equals, value = pair.partition("=")
            if equals and key.lstrip(" ") == name:
                return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    return ""


def _new_id(request: Request) -> str:
    """Return the value of a new user's cookie, Envoy's words for it where it is not known; empty when none is made."""
    made = request.header(NEW_USER_HEADER) or ""
    if made == GENERATED:
        return _UNKNOWN_ID
    return made if full_match(NEW_USER_ID, made) else ""


def _number(values: Sequence[str], salt: str) -> int:
    hashed = 0
    for value in sorted(one.encode() for one in values):
        hashed = xxh64(value, hashed)
    return (rotated(hashed, 1) ^ xxh64(salt.encode())) % BUCKETS
