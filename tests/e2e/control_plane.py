"""A control plane as a process of its own, which prints what it sends: `python control_plane.py FOLDER FILES`."""

import asyncio
import sys
from pathlib import Path

from pidalio.server.serve import Server
from pidalio.settings import ServerSettings
from pidalio.xds import Unobserved


class Printed(Unobserved):
    """Prints each resource that is sent, and who came."""

    def connected(self, proxy, stream, peer) -> None:
        print(f"connected {proxy.split('~')[2]}", flush=True)

    def pushed(self, proxy, type_url, names, removed, size, generation) -> None:
        for name in (*names, *removed):
            print(f"sent {proxy.split('~')[2]} {type_url.rpartition('.')[2]} {name}", flush=True)


async def main() -> None:
    settings = ServerSettings(folder=Path(sys.argv[1]), files=(sys.argv[2],))
    async with Server(settings, events=(Printed(),)):
        print("serving", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
