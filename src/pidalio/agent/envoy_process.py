"""One run of one Envoy: bootstrap file, start, readiness, drain, stop.

Invariant: an `EnvoyProcess` stands for one process; another run is another one (`sidecar` makes it, with back-off).
What the bootstrap says is the caller's: it is written as given, readable by this user only.
"""

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pidalio.agent.admin import Admin
from pidalio.agent.listening import accepts
from pidalio.agent.logs import last_lines, size_of
from pidalio.agent.processes import Process, Processes
from pidalio.errors import EnvoyError, EnvoyExited, EnvoyUnresponsive
from pidalio.ir import ProcessPlan
from pidalio.model import Labels

Bootstrap = Callable[[ProcessPlan], str | Mapping[str, Any]]
"""Makes Envoy's configuration for a process with these settings."""
_CLOSED_WITHIN_SECONDS, _CLOSING_POLL_SECONDS = 0.5, 0.002
_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.01, 0.25


class EnvoyFiles(msgspec.Struct, frozen=True):
    """Where one Envoy's files are; `admin` must be the socket that its bootstrap names."""

    bootstrap: Path
    admin: Path
    log: Path

    @property
    def ejections(self) -> Path:
        """Return where its outlier detection writes, if its bootstrap says so."""
        return ejections_file(self.admin)


def ejections_file(admin: Path) -> Path:
    """Return the file of ejections that goes with an admin socket."""
    return admin.with_suffix(".ejections")


class EnvoyOptions(msgspec.Struct, frozen=True):
    """How Envoys are run; `drain_seconds` is how long a graceful drain lasts, `environment` adds to our own."""

    executable: Path
    concurrency: int = 1
    log_level: str = "warning"
    drain_seconds: int = 5
    access_log_flush_milliseconds: int = 200
    access_log_flush_kilobytes: int | None = None
    environment: Labels = ()

    def planned(self, plan: ProcessPlan) -> "EnvoyOptions":
        """Return the options with what `plan` settles."""
        workers = plan.concurrency
        return msgspec.structs.replace(
            self,
            concurrency=self.concurrency if workers is None else workers or os.cpu_count() or 1,
            drain_seconds=self.drain_seconds if plan.drain is None else plan.drain // 1000,
            access_log_flush_milliseconds=self.access_log_flush_milliseconds if plan.flush is None else plan.flush,
            access_log_flush_kilobytes=plan.flush_kilobytes,
            environment=plan.environment,
        )

    def arguments(self, bootstrap: Path) -> list[str]:
        """Return the command; without `--disable-hot-restart` a second Envoy on a machine would not start."""
        return [
            *(str(self.executable), "-c", str(bootstrap), "--disable-hot-restart"),
            *("--concurrency", str(self.concurrency), "--log-level", self.log_level),
            *("--drain-time-s", str(self.drain_seconds), "--drain-strategy", "immediate"),
            *("--file-flush-interval-msec", str(self.access_log_flush_milliseconds)),
            *(("--file-flush-min-size-kb", str(kilobytes)) if (kilobytes := self.access_log_flush_kilobytes) else ()),
        ]


class EnvoyProcess:
    """One Envoy."""

    def __init__(self, name: str, options: EnvoyOptions, files: EnvoyFiles, processes: Processes) -> None:
        self.name, self.options, self.files = name, options, files
        self.admin = Admin(files.admin)
        self._processes = processes
        self._process: Process | None = None
        self._is_dynamic = False
        self._log_begins = 0

    @property
    def is_running(self) -> bool:
        """Tell whether the process was started and has not ended."""
        return self._process is not None and self._process.status is None

    async def start(self, bootstrap: str | Mapping[str, Any]) -> None:
        """Write the bootstrap (JSON) and start; raise `EnvoyError` when the executable cannot be run."""
        text = bootstrap if isinstance(bootstrap, str) else json.dumps(bootstrap, indent=1)
        self._is_dynamic = not {"dynamic_resources", "dynamicResources"}.isdisjoint(json.loads(text))
        try:
            await asyncio.to_thread(_write_private, self.files.bootstrap, text)
            self.files.admin.unlink(missing_ok=True)
            self.files.ejections.unlink(missing_ok=True)
        except OSError as error:
            raise EnvoyError(f"{error.filename or self.files.bootstrap}: {error.strerror}") from error
        command = self.options.arguments(self.files.bootstrap)
        self._log_begins = size_of(self.files.log)
        try:
            environment = {**os.environ, **dict(self.options.environment)}
            self._process = await self._processes.start(command, log=self.files.log, env=environment)
        except OSError as error:
            raise EnvoyError(f"{command[0]}: {error.strerror}: name another Envoy with --envoy") from error

    async def wait(self) -> int:
        """Wait until it ended, and return its exit status."""
        assert self._process is not None, "start() comes first"  # noqa: S101 - a programmer's mistake
        return await self._process.wait()

    async def ready(self) -> None:
        """Wait until it serves what it was configured with; raise `EnvoyExited` when it ends before.

        With dynamic resources in its bootstrap that means the first listeners and clusters of its control plane.
        """
        polling = asyncio.create_task(self._poll())
        ending = asyncio.create_task(self.wait())
        try:
            await asyncio.wait({polling, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not polling.done():
                raise self.exited()
            polling.result()
        finally:
            polling.cancel()
            ending.cancel()
            await asyncio.gather(polling, ending, return_exceptions=True)

    def exited(self) -> EnvoyExited:
        """Return the error that tells how it ended and quotes the end of its log."""
        status = self._process.status if self._process else None
        ending = f"was ended by signal {-status}" if status is not None and status < 0 else f"exited with {status}"
        quote = last_lines(self.files.log, since=self._log_begins) or "its log is empty"
        return EnvoyExited(f"Envoy of {self.name} {ending}: {quote} (all of it: {self.files.log})")

    async def close_inbound(self, doors: Sequence[tuple[str, int]]) -> bool:
        """Refuse new connections to the workload; return when all `doors` do, False when they still do not.

        Envoy answers a moment before its worker has closed the sockets, hence the second look.
        """
        try:
            await self.admin.close_inbound()
            async with asyncio.timeout(_CLOSED_WITHIN_SECONDS):
                for address, port in doors:
                    while await accepts(address, port):  # noqa: ASYNC110 - another process tells no event
                        await asyncio.sleep(_CLOSING_POLL_SECONDS)
        except (TimeoutError, EnvoyUnresponsive):
            return False
        return True

    async def drain(self, inbound: Collection[tuple[str, int]] = (), *, at_most_seconds: float) -> bool:
        """Let callers leave the listeners bound to `inbound`, or all; False when some were left at the end of the time.

        What the workload itself holds open towards others is not waited for.
        """
        try:
            await self.admin.drain(inbound_only=bool(inbound))
            async with asyncio.timeout(at_most_seconds):
                while await self.admin.open_connections(inbound):  # noqa: ASYNC110 - another process tells no event
                    await asyncio.sleep(_LAST_POLL_SECONDS)
        except TimeoutError:
            return False
        except EnvoyUnresponsive:
            return not self.is_running
        return True

    async def stop(self, *, grace_seconds: float = 5) -> int | None:
        """End the process, and return its exit status; None when it never started."""
        await self.admin.close()
        if self._process is None:
            return None
        status = await self._process.stop(grace_seconds=grace_seconds)
        self.files.admin.unlink(missing_ok=True)
        self.files.ejections.unlink(missing_ok=True)
        return status

    async def _poll(self) -> None:
        pause = _FIRST_POLL_SECONDS
        while True:
            try:
                if await self.admin.has_applied(dynamic=self._is_dynamic):
                    return
            except EnvoyUnresponsive:  # not listening yet, or gone: then `wait` tells
                pass
            await asyncio.sleep(pause)
            pause = min(_LAST_POLL_SECONDS, pause * 1.5)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user reads; one that says the same is left as it is: a full disk stops no restart."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text() == text and stat.S_IMODE(path.stat().st_mode) == 0o600:
            return
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
