"""Where requests come in, as far as it decides what routes can see of them.

A door is learned from the simulator's own account of an arrival, by trying: which headers pass as callers write them,
which never arrive, and which the proxy makes up. So it can be wrong about nothing but what is not tried.
"""

import functools
import re

import msgspec

from pidalio.ir import (
    Direction,
    HttpPlan,
    ListenerPlan,
    ListenerSettings,
    RouteTablePlan,
    VirtualHostPlan,
    one_chain,
)
from pidalio.simulate.incoming import Arrival, arrive
from pidalio.simulate.incoming_headers import GENERATED
from pidalio.simulate.request import Request, joined_values

_DEFAULTS = ListenerSettings()
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_FRAMING = {"content-length": "0", "transfer-encoding": "chunked"}
"""Headers whose value the bytes of the request decide, each with one that it may have."""
_PROBE = "probe"
_SWITCHES = ("", "trailers")
"""Values that may pass where others do not."""


class Door(msgspec.Struct, frozen=True, gc=False):
    """How requests come in: what `arrive` reads of a listener, without names and addresses.

    `rivals` are domains of other virtual hosts that take requests from the host's wildcards.
    """

    direction: Direction
    http: HttpPlan
    settings: ListenerSettings = ListenerSettings()
    ignore_port: bool = False
    rivals: tuple[str, ...] = ()

    def arrived(self, request: Request) -> Request | None:
        """Return the request as routes see it, None for one that is refused before."""
        listener = ListenerPlan("", "127.0.0.1", 1, self.direction, one_chain(self.http), settings=self.settings)
        arrival = arrive(listener, self.http, request)
        return arrival.request if isinstance(arrival, Arrival) else None


def door(
    direction: Direction,
    http: HttpPlan,
    host: VirtualHostPlan,
    table: RouteTablePlan,
    settings: ListenerSettings = _DEFAULTS,
) -> Door:
    """Return the door of a virtual host: equal for all listeners that show it the same requests.

    Of the other virtual hosts of `table` only the domains that can take requests from it are kept.
    """
    plain = msgspec.structs.replace(http, stat_prefix="", table="", access_log="")
    wild = [one.lower() for one in host.domains if "*" in one]
    others = (domain for other in table.virtual_hosts if wild and other.name != host.name for domain in other.domains)
    near = {one.lower() for one in others if any(_overlaps(one.lower(), wide) for wide in wild)}
    shared = msgspec.structs.replace(settings, access_log=None, buffer_limit=None)
    return Door(direction, plain, shared, table.ignore_port, tuple(sorted(near)))


def _overlaps(one: str, wide: str) -> bool:
    if wide == "*" or one == "*":
        return True
    if wide.startswith("*") != one.startswith("*") and "*" in one:
        return True  # a suffix and a prefix: some name has both
    return one.endswith(wide[1:]) if wide.startswith("*") else one.startswith(wide[:-1])


class HeaderDomain(msgspec.Struct, frozen=True, gc=False):
    """The states of a header that routes can see, the first of which is that of a request without it.

    With `is_free` any other value arrives as it was written (with `is_joined` several as one), else `states` are all.
    `is_made_up` says that the proxy decides on the value of some state.
    """

    states: tuple[tuple[str, ...], ...] = ((),)
    is_free: bool = True
    is_joined: bool = False
    is_made_up: bool = False


@functools.lru_cache(maxsize=4096)
def header_domain(entrance: Door, name: str) -> HeaderDomain:
    """Return what routes behind `entrance` can see of the header `name` (lower case)."""
    if not _TOKEN.fullmatch(name):
        return HeaderDomain(is_free=False)
    if name in _FRAMING:
        return HeaderDomain(((), (_FRAMING[name],)), is_free=False, is_made_up=True)
    joins = len(joined_values(name, ("a", "b"))) == 1
    lacking = _seen(entrance, name, None)
    made_up = any(GENERATED in value for value in lacking)
    if _seen(entrance, name, _PROBE) == (_PROBE,):
        return HeaderDomain((lacking,), is_joined=joins, is_made_up=made_up)
    passing = [state for value in _SWITCHES if (state := _seen(entrance, name, value)) == (value,)]
    return HeaderDomain(tuple(dict.fromkeys((lacking, *passing))), is_free=False, is_made_up=made_up)


def _seen(entrance: Door, name: str, value: str | None) -> tuple[str, ...]:
    headers = () if value is None else ((name, value),)
    found = entrance.arrived(Request(authority="probe", headers=headers))
    return found.values(name) if found else ()
