"""Who listens where: whether an address accepts connections, and on which ports a process group really listens.

The latter (Linux) is how a workload that ignores PORT is found.
"""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

_LISTEN = "0A"
Address = tuple[str, int]


def listening_addresses(group: int) -> list[Address] | None:
    """Return the (address, port) pairs on which the processes of a group listen for TCP; None where unknown."""
    proc = Path("/proc")
    if not (proc / "net/tcp").exists():
        return None
    sockets = set(_socket_inodes(pid for pid in _pids(proc) if _group_of(pid) == group))
    tables = ("net/tcp", "net/tcp6")
    found = {address for table in tables for inode, address in _listeners(proc / table) if inode in sockets}
    return sorted(found)


def _pids(proc: Path) -> Iterator[int]:
    return (int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:  # ended meanwhile
        return -1


def _socket_inodes(pids: Iterable[int]) -> Iterator[str]:
    for pid in pids:
        try:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                target = str(link.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1]
        except OSError:  # ended meanwhile, or not ours to look into
            continue


def _listeners(table: Path) -> Iterator[tuple[str, Address]]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:  # no IPv6
        return
    for line in lines:
        fields = line.split()
        if fields[3] == _LISTEN:
            yield fields[9], _address(fields[1])


def _address(text: str) -> Address:
    """Decode the kernel's form: 32-bit words in host order, then the port, all hexadecimal."""
    words, port = text.split(":")
    raw = b"".join(bytes.fromhex(words[at : at + 8])[::-1] for at in range(0, len(words), 8))
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, raw), int(port, 16)


async def accepts(address: str, port: int) -> bool:
    """Tell whether somebody accepts TCP connections there."""
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True
