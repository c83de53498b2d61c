"""Keep one Envoy running: start it, tell when it serves, start it again with back-off when it ends.

Invariant: `ready` is set exactly while an Envoy serves its configuration.
A sidecar and a gateway differ only in what is beside this.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection

from pidalio.agent.backoff import Backoff
from pidalio.agent.envoy_process import Bootstrap, EnvoyFiles, EnvoyOptions, EnvoyProcess
from pidalio.agent.processes import Processes
from pidalio.errors import EnvoyError
from pidalio.ir import ProcessPlan

Changed = Callable[[EnvoyError | None], Awaitable[None]]


class EnvoySupervisor:
    """One Envoy, run after run; `changed` is told None when one serves, and why when one ended that nobody asked to."""

    def __init__(
        self,
        name: str,
        bootstrap: Bootstrap,
        options: EnvoyOptions,
        files: EnvoyFiles,
        processes: Processes,
        *,
        changed: Changed,
        process: Callable[[], ProcessPlan] = ProcessPlan,
        backoff: Backoff | None = None,
    ) -> None:
        self.name, self.options, self.files = name, options, files
        self.ready = asyncio.Event()
        self.restarts = 0
        self.plan = ProcessPlan()
        """What the present Envoy was started with; a change of settings counts from the next start on."""
        self._bootstrap, self._processes, self._changed, self._settings = bootstrap, processes, changed, process
        self._backoff = backoff or Backoff()
        self._envoy: EnvoyProcess | None = None
        self._stopping = False
        self._replacing = False

    @property
    def envoy(self) -> EnvoyProcess | None:
        """Return the present run, None before the first."""
        return self._envoy

    async def run(self) -> None:
        """Keep an Envoy running until `stop`, or until cancelled: then it ends at once."""
        try:
            while not self._stopping:
                begun = time.monotonic()
                error = await self._one_run()
                if error is None:
                    continue
                self.restarts += 1
                await self._changed(error)
                await asyncio.sleep(self._backoff.after(time.monotonic() - begun))
        finally:
            self.ready.clear()
            if self._envoy is not None:
                await self._envoy.stop(grace_seconds=0)

    async def replace(self) -> None:
        """End the present Envoy and have the next one start without delay: what was closed or drained is open again."""
        self._replacing = True
        self.ready.clear()
        if self._envoy is not None:
            await self._envoy.stop(grace_seconds=1)

    async def drain(self, inbound: Collection[tuple[str, int]] = (), *, at_most_seconds: float) -> bool:
        """Let callers leave the listeners bound to `inbound`, or all; False when some were left at the end.

        The settings of the process, if they say so, decide how long callers have.
        """
        if self._envoy is None or not self._envoy.is_running:
            return True
        limit = at_most_seconds if self.plan.termination is None else self.plan.termination / 1000
        return await self._envoy.drain(inbound, at_most_seconds=limit)

    async def stop(self) -> None:
        """End the present Envoy, and start no other."""
        self._stopping = True
        if self._envoy is not None:
            await self._envoy.stop()

    async def _one_run(self) -> EnvoyError | None:
        """Run one Envoy to its end; return why it ended unless that was asked for."""
        self._replacing = False
        plan = self.plan = self._settings()
        envoy = self._envoy = EnvoyProcess(self.name, self.options.planned(plan), self.files, self._processes)
        try:
            await envoy.start(self._bootstrap(plan))
            if self._stopping:  # asked while it started
                await envoy.stop()
                return None
            await envoy.ready()
            self._replacing = False
            self.ready.set()
            await self._changed(None)
            await envoy.wait()
            error: EnvoyError = envoy.exited()
        except EnvoyError as failed:
            error = failed
        finally:
            self.ready.clear()
            with contextlib.suppress(OSError):
                await envoy.admin.close()
        return None if self._stopping or self._replacing else error
