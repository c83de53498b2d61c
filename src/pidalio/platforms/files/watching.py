"""Waking up when something in a folder changes: a hint only, for a scan follows in any case.

Invariant: folders are watched, never single files, which are lost at their first atomic save; a folder that was made
anew is watched anew.
It stands beside `source`, which looks whenever this wakes it.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from watchfiles import Change, awatch

from pidalio.platforms.files.finding import Found, is_candidate

Watched: TypeAlias = tuple[str, int, bool]
"""A folder, its inode, and whether all in it is watched too."""

_DEBOUNCE_MS = 200
_STEP_MS = 30


class Watch:
    """Set `woken` when something changes in the folders that were last told."""

    def __init__(self, woken: asyncio.Event) -> None:
        self._woken = woken
        self._tasks: list[asyncio.Task[None]] = []
        self._watched: frozenset[Watched] = frozenset()
        self.complaint = ""
        """Why changes are noticed by scanning only; empty while the folders are watched."""
        self._removed: set[str] = set()
        self._is_lost = False

    async def follow(self, found: Found) -> bool:
        """Watch the folders of `found`; tell whether the watch is new, so that earlier changes may have been missed."""
        wanted = frozenset((*_numbered(found.trees, deep=True), *_numbered(found.folders, deep=False)))
        stands = self.complaint or not any(task.done() for task in self._tasks)
        if wanted == self._watched and stands and not self._is_lost:
            return False
        await self.stop()
        self._watched, self.complaint, self._is_lost = wanted, "", False
        for deep in (True, False):
            folders = sorted(folder for folder, _, is_deep in wanted if is_deep is deep)
            if folders:
                name = f"files: watch {len(folders)} folders"
                self._tasks.append(asyncio.create_task(self._watch(folders, deep=deep), name=name))
        await asyncio.sleep(0)  # the first step of each task sets its watch up
        return not self.complaint

    def take_removed(self) -> frozenset[str]:
        """Return the watched folders that were removed since the last call, though they may be back by now."""
        removed = frozenset(self._removed)
        self._removed.clear()
        return removed

    async def stop(self) -> None:
        """Watch nothing any more."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, folders: list[str], *, deep: bool) -> None:
        """Wake until cancelled; where the system refuses to watch, say so and end."""
        try:
            async for changes in awatch(
                *folders,
                watch_filter=lambda _, path: is_relevant(path, folders),
                debounce=_DEBOUNCE_MS,
                step=_STEP_MS,
                recursive=deep,
                ignore_permission_denied=True,
            ):
                removed = {path for change, path in changes if change is Change.deleted} & set(folders)
                if removed:  # a folder made anew may bear the same inode, but nobody watches it
                    self._removed |= removed
                    self._is_lost = True
                self._woken.set()
        except OSError as error:
            self.complaint = str(error)


def is_relevant(path: str, folders: Iterable[str]) -> bool:
    """Tell whether a change of `path` may change which objects there are: no logs, no hidden files.

    Names that begin with two dots are how Kubernetes swaps the content of a mounted ConfigMap.
    """
    inside = next((path[len(folder) :] for folder in folders if path.startswith(folder)), path)
    if not inside:
        return True
    *above, name = inside.strip("/").split("/")
    if any(part.startswith(".") and not part.startswith("..") for part in (*above, name)):
        return False
    return is_candidate(name) or "." not in name or name.startswith("..")


def _numbered(folders: Iterable[str], *, deep: bool) -> Iterator[Watched]:
    for folder in folders:
        try:
            yield folder, os.stat(folder).st_ino, deep  # noqa: PTH116 - text
        except OSError:
            continue  # gone since it was found: the next look finds what there is
