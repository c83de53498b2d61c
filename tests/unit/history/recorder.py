"""A process that records without end and tells each revision once it was acknowledged: to be killed."""

import asyncio
import resource
import sys
from pathlib import Path

from pidalio.api.load import load
from pidalio.errors import HistoryUnavailable
from pidalio.history import Retention, SqliteHistory
from pidalio.model import ObjectRef
from pidalio.store.change import Owner, Write

REF = ObjectRef("VirtualService", "default", "reviews")


def write(number: int, padding: int = 0) -> Write:
    text = f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews, labels: {{number: r{number}}}, annotations: {{pidalio.dev/pad: {"x" * padding or "none"}}}}}
spec: {{hosts: [reviews], http: [{{route: [{{destination: {{host: reviews}}}}]}}]}}
"""
    return Write(REF, load(text, "").parsed[0].object, Owner("api"))


async def main(path: Path, limit: int) -> None:
    history = await SqliteHistory.open(path, Retention(200), wait=10)
    number = (await history.head()).number
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    while True:
        number += 1
        try:
            done = await history.record([write(number, 5000)], "child", f"r{number}")
        except HistoryUnavailable as error:
            head, state = await history.head(), await history.state()
            print("refused", head.number, len(state), error, flush=True)
            return
        print(done.number, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
