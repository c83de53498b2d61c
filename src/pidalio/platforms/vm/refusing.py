"""What no instance may say of itself, for no proxy would take it: one would keep all others of its service from them.

Pure; it stands before anything that agents and streams say.
"""

from typing import Final

from pidalio.errors import UsageError
from pidalio.model import Workload
from pidalio.store.hosts import is_address

_HEAVIEST: Final = 2**32 - 1


def refuse_unusable(row: Workload) -> None:
    """Raise `UsageError`, one line, for an address, a port or a weight that is none."""
    if not is_address(row.address):
        raise UsageError(f"address: {row.address!r} is no IP address")
    stated = [number for _, number in (*row.ports, *row.named_ports)]
    for one in (*stated, *(number for pair in row.moved_ports for number in pair)):
        if not 0 < one < 65536:
            raise UsageError(f"{one} is not a port: write a number from 1 to 65535")
    if not 0 <= row.weight <= _HEAVIEST:
        raise UsageError(f"weight: {row.weight} is not between 0 and {_HEAVIEST}")
