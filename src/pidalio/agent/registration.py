"""Tell a control plane behind HTTP of one instance, and keep telling it: a lease is renewed until it is given up.

The other side of `platforms.vm.Registrations`. Used by `pidalio agent`; under `up` the store is in the same process.
Invariant: the last state wins. A control plane that was away is told when it is back, and nothing here waits for it:
an instance goes on serving those who know it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from pidalio.agent.backoff import Backoff
from pidalio.agent.sidecar import ControlPlane
from pidalio.errors import NotFound, PidalioError, Unavailable
from pidalio.http.client import Client
from pidalio.http.wire import Registration, ReportView, WorkloadView
from pidalio.model import Health, Report, Severity, Word, Workload

_KEPT_REPORTS = 20


class Registrar:
    """What one agent tells its control plane; `tell` prints what is told to people here, too."""

    def __init__(self, client: Client, tell: Callable[[Report], None], *, lease_seconds: float = 30) -> None:
        self.lease_seconds = lease_seconds
        self.word: Callable[[], Word | None] = lambda: None
        """Says why the instance's health is what it is."""
        self._client, self._tell = client, tell
        self._wanted: Workload | None = None
        self._registered: Workload | None = None
        self._reports: deque[Report] = deque(maxlen=_KEPT_REPORTS)
        self._sending = asyncio.Lock()
        self._changed = asyncio.Event()
        self._failed = False

    @property
    def control_plane(self) -> ControlPlane:
        """Return what a sidecar takes."""
        return ControlPlane(self.register, self.deregister, self.report)

    async def register(self, row: Workload) -> None:
        """Make the instance part of the mesh; return when it was tried once. Once it serves, what kept it is over."""
        self._wanted = row
        if row.health is Health.HEALTHY:
            self._reports.clear()
        await self._send()

    async def deregister(self, row: Workload) -> None:
        """Take the instance out of the mesh; return when it was tried once."""
        if self._wanted is None or (self._wanted.name, self._wanted.namespace) == (row.name, row.namespace):
            self._wanted = None
        await self._send()

    def report(self, report: Report) -> None:
        """Tell people: here at once, at the control plane with the next renewal."""
        self._tell(report)
        if report not in self._reports:
            self._reports.append(report)

    async def run(self) -> None:
        """Renew the lease, and try again what failed, until cancelled."""
        backoff = Backoff(first_seconds=0.5, most_seconds=self.lease_seconds / 3)
        while True:
            pause = backoff.after(0) if self._failed else self.lease_seconds / 3
            self._changed.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                await self._send()
            if not self._failed:
                backoff.failures = 0

    async def _send(self) -> None:
        async with self._sending:
            failed_before = self._failed
            try:
                await self._tell_control_plane()
                self._failed = False
            except PidalioError as error:
                self._failed = True
                if not failed_before:
                    self._tell(_not_registered(error))
            if self._failed != failed_before:
                self._changed.set()

    async def _tell_control_plane(self) -> None:
        row = self._wanted
        if row is not None:
            reports = tuple(ReportView.of(report) for report in self._reports)
            await self._client.register(Registration(WorkloadView.of(row), self.lease_seconds, reports, self.word()))
            self._registered = row
        elif self._registered is not None:
            with contextlib.suppress(NotFound):  # its lease ended meanwhile
                await self._client.deregister(self._registered.name, self._registered.namespace)
            self._registered = None


def _not_registered(error: PidalioError) -> Report:
    doing = "it is tried again" if isinstance(error, Unavailable) else "correct it; it is tried again"
    return Report(
        Severity.WARNING, "not-registered", f"the control plane does not take this instance: {error}; {doing}"
    )
