"""Free ports of loopback for what a test starts.

They lie below those that the system gives to callers, so that no connection takes the port of a server that is not
there yet, or is down. Invariant: one process gives a port again only after all others, and two workers of one run
give none in common.
"""

import contextlib
import itertools
import os
import random
import socket
from typing import Final

BELOW_CALLERS: Final = range(20000, 32768)
_WORKERS: Final = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_OURS: Final = itertools.cycle(
    random.sample(BELOW_CALLERS[_WORKER % _WORKERS :: _WORKERS], k=len(BELOW_CALLERS) // _WORKERS)
)


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return different ports that nobody listens at."""
    chosen: list[int] = []
    while len(chosen) < count:
        port = next(_OURS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            chosen.append(port)
    return chosen


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that nobody listens at."""
    return free_ports(1, address)[0]
