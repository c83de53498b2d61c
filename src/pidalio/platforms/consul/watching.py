"""Many services through few connections: a blocking query for each as long as they last, a queue for the others.

A Consul agent takes 200 connections of one caller, and a blocking query holds one of its own. A service of the queue
that changes gets the place of the one that has been quiet for longest. Invariant: each service is read at least every
`poll` seconds, or waits in a blocking query.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.consul.pacing import MOST_FOR_ONE, Pacing
from pidalio.platforms.consul.questions import Consul
from pidalio.platforms.consul.services import Services
from pidalio.platforms.pausing import Pause

WORKERS: Final = 4
"""Connections through which the queue is read."""


class Watching:
    """The services of one datacenter during one turn; `slots` of them have a query of their own.

    `names` are all of them, `failing` those that cannot be read now, and why; `is_whole` says that everything was said
    since it was read. `noted` is called after each answer that changes something.
    """

    def __init__(self, consul: Consul, services: Services, slots: int, poll: float) -> None:
        self._consul, self._services, self._slots, self._poll = consul, services, slots, poll
        self.names: set[str] = set()
        self.failing: dict[str, PlatformUnavailable] = {}
        self.is_whole = False
        self.noted: Callable[[], Awaitable[None]]
        self._tasks: asyncio.TaskGroup | None = None
        self._watched: dict[str, asyncio.Task[None] | None] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._queue: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        self._due: dict[str, float] = {}
        self._changed: dict[str, float] = {}

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Follow the services as tasks of this group."""
        self._tasks = tasks
        for name in self._watched:
            self._watched[name] = tasks.create_task(self._watch(name))
        self._workers = [tasks.create_task(self._work()) for _ in range(WORKERS)]

    def stop(self) -> None:
        """End every task."""
        for task in (*self._watched.values(), *self._workers):
            if task is not None:
                task.cancel()

    def add(self, name: str) -> None:
        """Follow one more service, which was read a moment ago."""
        self.names.add(name)
        if len(self._watched) < self._slots:
            self._watched[name] = self._tasks.create_task(self._watch(name)) if self._tasks else None
        else:
            self._wait(name)

    def remove(self, name: str) -> None:
        """Follow a service no longer."""
        self.names.discard(name)
        self.failing.pop(name, None)
        self._due.pop(name, None)
        self._changed.pop(name, None)
        if task := self._watched.pop(name, None):
            task.cancel()

    async def _watch(self, name: str) -> None:
        """Follow one service by blocking queries."""
        pacing, pause = Pacing(MOST_FOR_ONE), Pause()
        while True:
            read = await self._read(name, after=self._services.index.get(name, 0))
            if isinstance(read, PlatformUnavailable):
                await asyncio.sleep(pause.after(0.0, read))
            else:
                pause.failures = 0
                await asyncio.sleep(pacing.after(moved=read[0], changed=read[1]))

    async def _work(self) -> None:
        """Read the services of the queue, one after another, each when it is due."""
        while True:
            due, name = await self._queue.get()
            await asyncio.sleep(max(0.0, due - self._now()))
            if self._due.get(name) != due:
                continue  # it is gone, or has a query of its own
            read = await self._read(name)
            changed = not isinstance(read, PlatformUnavailable) and read[1]
            if name in self.names and not (changed and self._promote(name)):
                self._wait(name)

    async def _read(self, name: str, *, after: int = 0) -> tuple[bool, bool] | PlatformUnavailable:
        """Return whether the index moved and whether something changed, or why the service cannot be read."""
        try:
            moved, changed = await self._services.read(self._consul, name, after=after)
        except PlatformUnavailable as error:
            self._services.unread(name)
            if name in self.names:
                self.failing[name] = error
                await self.noted()
            return error
        if changed:
            self._changed[name] = self._now()
        if self.failing.pop(name, None) or changed:
            await self.noted()
        return moved, changed

    def _promote(self, name: str) -> bool:
        """Give a service a query of its own, in the place of the quietest one."""
        assert self._tasks is not None, "only a task reads the queue"  # noqa: S101 - a mistake of ours
        if len(self._watched) >= self._slots:
            quietest = min(self._watched, key=lambda one: self._changed.get(one, 0.0))
            if self._changed.get(quietest, 0.0) >= self._changed[name]:
                return False
            if task := self._watched.pop(quietest):
                task.cancel()
            self._wait(quietest)
        self._due.pop(name, None)
        self._watched[name] = self._tasks.create_task(self._watch(name))
        return True

    def _wait(self, name: str) -> None:
        self._due[name] = due = self._now() + self._poll
        self._queue.put_nowait((due, name))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
