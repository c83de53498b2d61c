"""Sticky weights: what tells users apart, and which destination has which of their buckets (design record 0011)."""

import msgspec

from pidalio.model import Origin

BUCKETS = 10_000
"""How many buckets there are; shares of a sticky route are numbers of them."""
NEW_USER_HEADER = "x-request-id"
"""What gives a new cookie its value: every request has one, unless the proxy is told to make none."""
NEW_USER_ID = "[A-Za-z0-9._~+/=-]+"
"""Which values of it (RE2) a cookie can have; a request with another is drawn, and gets no cookie."""


class CookieKey(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Tell users apart by a cookie, which the proxy makes where there is none.

    `max_age` is in seconds, 0 for as long as the browser runs.
    """

    name: str
    path: str = "/"
    max_age: int = 0


class HeaderKey(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Tell users apart by a header, its name in lower case; requests without it are drawn one by one."""

    name: str


class SourceKey(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Tell users apart by the address that they come from."""


class BucketRange(msgspec.Struct, frozen=True, gc=False):
    """The buckets from `start` up to, and without, `end`; `destination` is the owner's position among the clusters."""

    start: int
    end: int
    destination: int


class StickyPlan(msgspec.Struct, frozen=True, gc=False):
    """Give each user a bucket, and each bucket a destination.

    `salt` (hexadecimal digits) belongs to the rule: a user's buckets in two rules have nothing to do with each other.
    `ranges` cover all buckets, in order.
    """

    key: CookieKey | HeaderKey | SourceKey
    salt: str
    ranges: tuple[BucketRange, ...]
    origin: Origin | None = None
