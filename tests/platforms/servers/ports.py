"""Free ports of loopback for servers that must keep theirs when they come back.

They lie below those that the system gives to callers, so that no connection takes the port of a server that is down.
"""

import contextlib
import random
import socket

BELOW_CALLERS = range(20000, 32768)


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens at."""
    chosen: list[int] = []
    with contextlib.ExitStack() as held:
        while len(chosen) < count:
            port = random.choice(BELOW_CALLERS)
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen.append(port)
    return chosen
