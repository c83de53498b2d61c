"""Compiling for a new proxy a little at a time, so that the event loop stays free for all others.

The memo keeps what each step made; when the steps are through, opening the proxy's view costs look-ups only.
A change of input between two steps is no harm: what it touches is made again when it is asked for.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from pidalio.derive import Database
from pidalio.groups import SidecarHosts
from pidalio.model import Delivery, Proxy
from pidalio.pipeline import groups_of, members, resource_of
from pidalio.rules import clusters, virtual_hosts
from pidalio.rules.vantage import vantage_of
from pidalio.rules.visibility import scope_of

SLICE: Final = 0.010
"""Seconds of compilation after which the loop gets its turn."""


async def warm(world: Database, proxy: Proxy) -> None:
    """Make everything that `proxy` is to hold, in slices."""
    start = time.perf_counter()
    for _ in _steps(world, proxy):
        if time.perf_counter() - start > SLICE:
            await asyncio.sleep(0)
            start = time.perf_counter()


def _steps(world: Database, proxy: Proxy) -> Iterator[object]:
    scope = scope_of(world, proxy)
    yield from clusters.scope_clusters(world, scope, vantage_of(world, proxy))
    for group in groups_of(world, proxy):
        if isinstance(group, SidecarHosts):
            yield from virtual_hosts.scope_hosts(world, group.scope, group.table)
    for group in groups_of(world, proxy):
        found = members(world, group)
        yield found
        if proxy.delivery is not Delivery.GRPC:  # which asks for few of them
            yield from (resource_of(world, key) for _, key in found)
