"""One datacenter of Consul, followed: one question about the names of all services, and one about each of them.

The names come from the first question, the truth from the others, for an index may move without a change (issue 3890
of Consul). Invariants: a turn begins with everything read anew; what is missing is judged before it counts (`Names`,
`Services`, and behind `Saying` the follower); what cannot be read holds up nothing else.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.consul.central import Central
from pidalio.platforms.consul.names import Names, hidden_message
from pidalio.platforms.consul.pacing import LEADERLESS, MOST_FOR_NAMES, Pacing
from pidalio.platforms.consul.questions import Consul
from pidalio.platforms.consul.saying import Saying, few
from pidalio.platforms.consul.services import Services
from pidalio.platforms.consul.settings import RESERVED, ConsulSettings
from pidalio.platforms.consul.watching import Watching

_AT_ONCE: Final = RESERVED
"""Services that are read at the same time when all are."""


class Datacenter:
    """Follows one datacenter ("": the agent's own); `connections` are its share, `central` what it speaks for."""

    def __init__(
        self, settings: ConsulSettings, name: str, saying: Saying, connections: int, central: Central | None
    ) -> None:
        self._settings, self._name, self._saying = settings, name, saying
        self._connections, self._central = connections, central
        self._services = Services(settings, name, saying.directory)
        self._names = Names(settings, name, saying)

    async def turn(self) -> None:
        """Read everything and follow it; return when it is to be read anew, raise `PlatformUnavailable`."""
        async with Consul(self._settings, self._name, self._connections) as consul:
            first, names = await self._names.begin(consul)
            self._services.anew(keeps=bool(self._names.settled))
            watching = Watching(consul, self._services, self._connections - RESERVED, self._settings)
            watching.noted = lambda: self._note(consul, watching)
            await self._begin(consul, names, watching)
            self._saying.heard(self._name)
            try:
                async with asyncio.timeout_at(self._names.settled if self._services.keeps else None):
                    await self._follow(consul, first.index, watching)
            except TimeoutError:
                return  # what is still missing now counts
            finally:
                self._saying.tell("unread", self._name)  # of a datacenter that is lost, that is told
                self._saying.tell("central", self._name)

    async def _begin(self, consul: Consul, names: set[str], watching: Watching) -> None:
        """Read all services, and say them."""
        if self._central is not None:
            await self._central.begin(consul)
        self._forget_others(names)
        watching.failing = await self._read_all(consul, names)
        if names and len(watching.failing) == len(names):
            raise next(iter(watching.failing.values()))
        if names and self._services.hidden >= names and not self._saying.directory.names(self._name):
            raise PlatformUnavailable(
                f"the token sees nothing: it may read the names of {len(names)} services ({few(names)}) but none of"
                " their instances; give it `service:read` and `node:read`",
            )
        for name in sorted(names):
            watching.add(name)
        await self._note(consul, watching)

    async def _follow(self, consul: Consul, index: int, watching: Watching) -> None:
        """Follow until everything is to be read anew."""
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                watching.start(tasks)
                central = tasks.create_task(self._central.follow(consul)) if self._central else None
                await self._follow_names(consul, index, watching)
                watching.stop()
                if central is not None:
                    central.cancel()
        except* PlatformUnavailable as group:
            failure = group.exceptions[0]
        if failure is not None:
            raise failure

    async def _follow_names(self, consul: Consul, index: int, watching: Watching) -> None:
        """Follow the names of all services until Consul loses its state."""
        pacing = Pacing(MOST_FOR_NAMES)
        while True:
            was_settling = self._names.is_settling()
            answer = await self._names.ask(consul, after=index)
            if self._names.is_settling() and not was_settling:
                return
            names = await self._names.take(consul, answer)
            changed = await self._become(consul, watching, names)
            self._tell(watching)
            self._saying.heard(self._name)
            moved, index = answer.index != index, answer.index
            wait = pacing.after(moved=moved, changed=changed)
            await asyncio.sleep(wait if answer.has_leader else LEADERLESS)

    async def _become(self, consul: Consul, watching: Watching, names: set[str]) -> bool:
        """Take over which services are there; tell whether that is a change."""
        gone, new = watching.names - names, names - watching.names
        if not gone and not new:
            return False
        for name in gone:
            watching.remove(name)
        self._forget_others(names)
        watching.failing |= await self._read_all(consul, new)
        for name in sorted(new):
            watching.add(name)
        if len(gone) > 1:
            watching.is_whole = False  # where several go at once, the follower judges whether that is believed
        await self._note(consul, watching)
        return True

    async def _note(self, consul: Consul, watching: Watching) -> None:
        """Say what became different; as soon as all was read, that this is all; and what cannot be read."""
        self._tell(watching)
        if watching.failing or watching.is_whole:
            await self._saying.change()
            return
        watching.is_whole = True
        is_all = not self._services.hidden and not self._names.veiled
        try:
            await self._saying.whole(self._name, lambda: self._read_again(consul), is_all=is_all)
        except BaseException:
            watching.is_whole = False  # who says it may be cancelled, for its service is gone: the next says it
            raise

    async def _read_again(self, consul: Consul) -> None:
        """Read everything once more, from the leader."""
        names = await self._names.take(consul, await self._names.ask(consul, is_consistent=True))
        self._forget_others(names)
        for error in (await self._read_all(consul, names, is_consistent=True)).values():
            raise error

    def _forget_others(self, names: set[str]) -> None:
        """Forget the services that are not among `names`."""
        for name in self._saying.directory.names(self._name) - names:
            self._services.forget(name)

    async def _read_all(
        self, consul: Consul, names: Iterable[str], *, is_consistent: bool = False
    ) -> dict[str, PlatformUnavailable]:
        """Read these services; return which could not be read, and why."""
        waiting = iter(sorted(names))
        failed: dict[str, PlatformUnavailable] = {}

        async def work() -> None:
            for name in waiting:
                try:
                    await self._services.read(consul, name, is_consistent=is_consistent)
                except PlatformUnavailable as error:
                    failed[name] = error

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
        return failed

    def _tell(self, watching: Watching) -> None:
        hidden = self._names.veiled | self._services.hidden
        told = ("consul-hidden", hidden_message(hidden)) if hidden else ()
        self._saying.tell("hidden", self._name, *told)
        failing = watching.failing
        message = f"{few(failing)} cannot be read: {next(iter(failing.values()), '')}"
        self._saying.tell("unread", self._name, *(("consul-unread", message) if failing else ()))
