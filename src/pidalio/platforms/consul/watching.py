"""Many services through few connections: a blocking query for each as long as they last, a queue for the others.

A Consul agent takes 200 connections of one caller, and a blocking query holds one of its own. A service of the queue
that changes gets the place of the one that has been quiet for longest. Invariant: each service is read from the
servers' state at least every `poll` seconds, for the agent's stream that answers a blocking query may have lost
something.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.consul.pacing import MOST_FOR_ONE, Pacing
from pidalio.platforms.consul.questions import Consul
from pidalio.platforms.consul.services import Services
from pidalio.platforms.consul.settings import ConsulSettings
from pidalio.platforms.pausing import Pause

WORKERS: Final = 4
"""Connections through which the queue is read."""
_BEGINNING: Final = 1.0
"""Seconds after which a stream of events has begun: that is where Consul before 1.16 loses one."""


class Watching:
    """The services of one datacenter during one turn; `slots` of them have a query of their own.

    `names` are all of them, `failing` those that cannot be read now, and why; `is_whole` says that everything was said
    since it was read. `noted` is called after each answer that changes something.
    """

    def __init__(self, consul: Consul, services: Services, slots: int, settings: ConsulSettings) -> None:
        self._consul, self._services, self._slots = consul, services, slots
        self._poll, self._longest = settings.poll_seconds, settings.wait_seconds
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
        """Follow one service by blocking queries, and by what the servers say."""
        pacing, pause, wait = Pacing(MOST_FOR_ONE), Pause(), self._longest
        due = self._now() + min(_BEGINNING, self._poll)
        while True:
            after, left = self._services.index.get(name, 0), due - self._now()
            if not after or left <= 0:
                read = await self._read(name)
                due = self._now() + self._poll
                is_new = not isinstance(read, PlatformUnavailable) and read[1]
                wait = min(_BEGINNING, self._longest) if is_new else self._longest  # the stream should know it too
            else:
                read = await self._read(name, after=after, wait=min(left, wait))
                wait = self._longest
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

    async def _read(self, name: str, *, after: int = 0, wait: float = 0.0) -> tuple[bool, bool] | PlatformUnavailable:
        """Return whether the index moved and whether something changed, or why the service cannot be read."""
        try:
            moved, changed = await self._services.read(self._consul, name, after=after, wait=wait)
        except PlatformUnavailable as error:
            self._services.unread(name)
            if name in self.names:
                self.failing[name] = error
                await self.noted()
            return error
        if name not in self.names:
            self._services.forget(name)  # it went while it was read
            return False, False
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
