"""One gateway: an Envoy with no application beside it.

Start: Envoy → serving. Envoy ends: started again with back-off. Stop: callers leave (drain) → Envoy.
"""

import asyncio
from collections.abc import Callable

from pidalio.agent.ejections import Lookout, Seen
from pidalio.agent.envoy_process import Bootstrap, EnvoyFiles, EnvoyOptions
from pidalio.agent.envoy_supervisor import EnvoySupervisor
from pidalio.agent.processes import Processes
from pidalio.agent.tallies import TallyKeeper, Tell
from pidalio.errors import EnvoyError
from pidalio.ir import ProcessPlan
from pidalio.model import Report, Severity


class GatewayAgent:
    """One gateway; `run` is its life, `stop` its orderly end."""

    def __init__(
        self,
        name: str,
        bootstrap: Bootstrap,
        *,
        options: EnvoyOptions,
        files: EnvoyFiles,
        processes: Processes,
        report: Callable[[Report], None],
        process: Callable[[], ProcessPlan] = ProcessPlan,
        seen: Seen | None = None,
        counted: Tell | None = None,
    ) -> None:
        self._report = report
        self.problem: Report | None = None
        """Why Envoy ended, as long as none serves since."""
        self.supervisor = EnvoySupervisor(
            name, bootstrap, options, files, processes, changed=self._envoy_changed, process=process
        )
        self._watchers: list[Lookout | TallyKeeper] = [Lookout(self.supervisor, seen)] if seen else []
        self._watchers += [TallyKeeper(self.supervisor, counted)] if counted else []

    async def run(self) -> None:
        """Live until `stop`; when cancelled, end at once without draining."""
        watching = [asyncio.create_task(one.run()) for one in self._watchers]
        try:
            await self.supervisor.run()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    async def ready(self) -> None:
        """Wait until it serves its configuration."""
        await self.supervisor.ready.wait()

    async def stop(self, *, drain_seconds: float = 10) -> None:
        """Let callers finish, at most so long, then end Envoy."""
        if drain_seconds > 0:
            await self.supervisor.drain(at_most_seconds=drain_seconds)
        await self.supervisor.stop()

    async def _envoy_changed(self, error: EnvoyError | None) -> None:
        self.problem = None
        if error is not None:
            self.problem = Report(Severity.WARNING, "envoy-ended", f"{error}; it is started again")
            self._report(self.problem)
