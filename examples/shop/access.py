"""What Envoy itself says of requests: the access log of the sidecar from which reviews is asked."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driver import STEADY


class AccessLog:
    """The access log of the front's sidecar: what Envoy itself says of the requests to reviews."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def skip(self) -> None:
        """Leave out what is there already."""
        self._offset = self._path.stat().st_size

    async def entries(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Return the requests to reviews since `skip`, once there are enough; Envoy writes every 200 ms."""
        found: list[dict[str, Any]] = []
        with contextlib.suppress(TimeoutError):  # then whoever asked finds too few
            async with asyncio.timeout(10):
                while not enough(found := self._read()):  # noqa: ASYNC110 - a file tells no event
                    await asyncio.sleep(0.05)
        return found

    def _read(self) -> list[dict[str, Any]]:
        with self._path.open() as file:
            file.seek(self._offset)
            entries = [json.loads(line) for line in file.read().splitlines(keepends=True) if line.endswith("\n")]
        return [entry for entry in entries if entry.get("authority", "").startswith("reviews")]


def driven(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests of a job, without those that are made all the time."""
    return [entry for entry in entries if entry["path"] != STEADY]


def lost_on(address: str, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests that were sent to an instance and failed there."""
    return [one for one in entries if one["response_code"] != 200 and one.get("upstream_host", "").startswith(address)]
