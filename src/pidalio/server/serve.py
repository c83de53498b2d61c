"""A control plane as a running thing: history, files, xDS and API around one `ControlPlane`.

`pidalio serve` runs it alone, `pidalio up` with local workloads beside it.
Invariant: proxies are served only when everything that was known before is known again, so that a restart sends
nothing that did not change; one process at a time owns a mesh's folder, and gives it up when it dies.
"""

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from pidalio.api.load import Loaded
from pidalio.envoy import protos
from pidalio.errors import HistoryUnavailable, PortInUse, Refused
from pidalio.history import SqliteHistory
from pidalio.http import discovery
from pidalio.http.app import app
from pidalio.http.identity import objection
from pidalio.http.listening import Door, known_hosts, tcp_socket, unix_socket
from pidalio.http.metrics import Metrics
from pidalio.http.served import Served
from pidalio.http.tls import ServerTls
from pidalio.http.wire import PlatformView
from pidalio.model import Proxy, Report, Severity, Word
from pidalio.platforms.files import FileSource
from pidalio.platforms.installed import Configured
from pidalio.platforms.vm import Registrations, Times
from pidalio.server.control_plane import Applied, ControlPlane
from pidalio.server.explaining import decide_for
from pidalio.server.informing import Informing
from pidalio.server.observers import Observers
from pidalio.server.platforms import Platforms
from pidalio.server.registering import StreamRegistrar
from pidalio.server.sharing import entry_store
from pidalio.settings import ServerSettings, joined_address, split_address
from pidalio.store.change import FILES, Change
from pidalio.xds import AdsServer, Events, Node, Peer, TlsFiles

_log = logging.getLogger(__name__)


class Server:
    """A control plane that listens; an asynchronous context manager, or `start` and `stop`.

    `control` is the mesh itself, the argument `platforms` those to follow. The attributes `platforms`, `tellers` and
    `agents` are for what runs beside it: how each platform is, what stands to be told, and what agents say of
    instances. `changed(applied)` is called after each change that came from files or of a platform's objects.
    """

    def __init__(
        self,
        settings: ServerSettings,
        *,
        platforms: Sequence[Configured] = (),
        events: Sequence[Events] = (),
        changed: Callable[[Applied], None] = lambda _: None,
    ) -> None:
        settings.check()
        self._configured = tuple(platforms)
        self.settings = settings
        self.data = discovery.data_directory(settings.folder)
        self.run_directory = settings.run_directory or discovery.run_directory(settings.folder)
        self.metrics = Metrics()
        self.platforms: list[Callable[[], PlatformView]] = []
        self.tellers: list[Callable[[], Iterable[Report]]] = []
        self.agents: list[Callable[[str], Word | None]] = []
        self.restored: tuple[Report, ...] = ()
        self.control: _Measured
        self.served: Served
        self.registrations: Registrations
        self._registrar: StreamRegistrar
        self.api_socket = discovery.socket_path(self.run_directory, "api")
        self.api_address = ""
        self.xds_address = ""
        self._observers = Observers((self.metrics, *events))
        self._changed = changed
        self._stack = contextlib.AsyncExitStack()
        self._unready = "starting"
        self._offline: Report | None = None
        self._followed: Platforms | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take everything up again and listen; raise with one line, and leave nothing behind, when it cannot be."""
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        self._unready = ""

    async def stop(self) -> None:
        """Let proxies and callers go, and give everything back."""
        self._unready = "stopping"
        await self._stack.aclose()

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        discovery.make_private(self.data)
        stack.enter_context(_owned(self.data))
        discovery.make_private(self.run_directory)
        stack.callback(_remove_if_empty, self.run_directory)
        history = await SqliteHistory.open(self.data / "history.db")
        stack.push_async_callback(history.close)
        self.control = _Measured(history, self.metrics, self._observers, self.settings.minimum_healthy)
        await self._know_registered(stack)
        self.restored = await self.control.restore()
        self.served = Served(
            self.control,
            decide_for,
            surroundings=self,
            metrics=self.metrics,
            registrations=self.registrations,
            faults_file=self.data / "faults.json",
        )
        self.served.campaigns.restore()
        stack.callback(self.served.campaigns.close)
        await asyncio.to_thread(protos.prepare)
        await self._follow_files(stack)
        await self._follow_platforms(stack)
        await self.registrations.start(self.settings.start_timeout)
        self.control.catalog.forget()
        gc.collect()
        gc.freeze()  # what was loaded stays: no later collection, which would hold the loop, looks at it again
        await self._serve_proxies(stack)
        await self._open_doors(stack)
        discovery.publish(self.data, discovery.Pointer(f"unix:{self.api_socket}", self.xds_address, os.getpid()))
        stack.callback(discovery.withdraw, self.data)

    async def _know_registered(self, stack: contextlib.AsyncExitStack) -> None:
        """Make what knows the instances that register themselves; it is started when rules are known."""
        control, me = self.control, discovery.plane_of(self.data)
        self.registrations = Registrations(
            control,
            entry_store(self.settings.registrations, self.data, me),
            me=me,
            times=Times(grace=self.settings.registration_grace),
            believed=control.guard.is_believed,
        )
        stack.push_async_callback(self.registrations.close)
        registrar = StreamRegistrar(control.catalog.get, self.registrations)
        control.ads.presence = registrar
        control.describe = registrar.describe
        self._registrar = registrar
        control.checks.append(registrar.check)
        control.committed.append(registrar.committed)
        self.tellers.append(registrar.reports)

    async def _follow_files(self, stack: contextlib.AsyncExitStack) -> None:
        """Read the files, and follow them until the end; raise when what they hold cannot be recorded."""
        if not self.settings.files:
            return
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def deliver(units: Mapping[str, Loaded | None]) -> None:
            try:
                if not first.done():
                    units = {**await self._recalled(units), **units}
                await self._take(units)
            except HistoryUnavailable as error:
                if not first.done():
                    first.set_exception(error)
                raise
            if not first.done():
                first.set_result(None)

        source = FileSource(self.settings.files, self.settings.namespace)
        task = asyncio.create_task(source.run(deliver), name="files")
        stack.push_async_callback(_cancelled, task)
        await asyncio.wait((task, first), return_when=asyncio.FIRST_COMPLETED)
        await (first if first.done() else task)
        task.add_done_callback(self._ended)
        self.platforms.append(self._files_view)

    async def _follow_platforms(self, stack: contextlib.AsyncExitStack) -> None:
        """Follow the platforms until the end; each has its time to be read before proxies are served."""
        followed = Platforms(self.control, self._configured, self.data, self._changed)
        await followed.start(stack, self.settings.start_timeout)
        self.tellers.append(followed.reports)
        self._followed = followed
        await Informing(self.control, self.served.surveyor, followed.informed, followed.tell).start(stack)

    async def _recalled(self, units: Mapping[str, Loaded | None]) -> Mapping[str, Loaded | None]:
        """Return the removal of all that files held before the start, where they show nothing now.

        It is live again then, so that it can be held back: a folder that is not mounted is no empty mesh.
        """
        if any(loaded is not None and loaded.parsed for loaded in units.values()):
            return {}
        own = self.settings.files
        units_of = await self.control.recall(
            FILES, lambda unit: any(unit == path or unit.startswith(f"{path.rstrip('/')}/") for path in own)
        )
        return dict.fromkeys(units_of)

    async def _take(self, units: Mapping[str, Loaded | None]) -> None:
        """Take over what files hold; what cannot be recorded is told until it can be."""
        try:
            applied = await self.control.replace_units(FILES, units, author=FILES)
        except HistoryUnavailable as error:
            message = f"a change of files is not live: {error}"
            self._offline = Report(Severity.ERROR, "history-unavailable", message)
            raise
        self._offline = None
        self._changed(applied)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Say so when following files ends by itself: a mistake of ours, which must not stop the rest."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("files are no longer followed", exc_info=error)
            self._offline = Report(Severity.ERROR, "files-not-followed", f"files are no longer followed: {error!r}")

    async def _serve_proxies(self, stack: contextlib.AsyncExitStack) -> None:
        address = self.settings.xds_address or f"unix:{discovery.socket_path(self.run_directory, 'xds')}"
        paths = None if address.startswith("unix:") else self.settings.tls
        tls = TlsFiles(paths.cert, paths.key, paths.ca) if paths else None
        server = AdsServer(self.control.ads, address, tls=tls, prepare=self.control.prepare)
        self._registrar.again = server.end
        await server.start()
        stack.push_async_callback(server.stop)
        self.xds_address = server.address

    async def _open_doors(self, stack: contextlib.AsyncExitStack) -> None:
        local = Door(app(self.served), unix_socket(self.api_socket))
        await local.open()
        stack.push_async_callback(self._close_socket, local)
        if not self.settings.api_address:
            return
        listening = tcp_socket(self.settings.api_address)
        host, _ = split_address(self.settings.api_address)
        self.api_address = joined_address(host, listening.getsockname()[1])
        tls = ServerTls(self.settings.tls) if self.settings.tls else None
        # With TLS a caller checks our name by our certificate: no other name leads here.
        hosts = () if tls else known_hosts(self.api_address)
        token = discovery.token_of(self.data)
        remote = Door(app(self.served, token=token, hosts=hosts, certificates=tls is not None), listening, tls)
        await remote.open()
        stack.push_async_callback(remote.close)

    async def _close_socket(self, door: Door) -> None:
        await door.close()
        self.api_socket.unlink(missing_ok=True)

    def unready(self) -> str:
        """Say what keeps the control plane from serving, empty where nothing does (part of `Surroundings`)."""
        return self._unready

    def platform_views(self) -> Iterable[PlatformView]:
        """Return how each platform is."""
        yield from (view() for view in self.platforms)
        yield from self._followed.views() if self._followed else ()

    def reports(self) -> Iterable[Report]:
        """Yield what stands to be told besides the mesh's own reports."""
        yield from self.restored
        if self._offline is not None:
            yield self._offline
        for tell in self.tellers:
            yield from tell()

    def word(self, identity: str) -> Word | None:
        """Return what an agent in this process says of its instance (part of `Surroundings`)."""
        return next((found for say in self.agents if (found := say(identity))), None)

    def _files_view(self) -> PlatformView:
        objects = sum(write.owner.source == FILES for write in self.control.catalog.snapshot())
        return PlatformView(FILES, objects=objects, detail=f"follows {', '.join(self.settings.files)}")


class _Measured(ControlPlane):
    """Tells the metrics how long each change takes to compile."""

    def __init__(self, history: SqliteHistory, metrics: Metrics, events: Events, minimum_healthy: int) -> None:
        self.checks: list[Callable[[Node, Peer], None]] = [_admit]
        self.committed: list[Callable[[Change], None]] = []
        super().__init__(history, events=events, admit=self._check, minimum_healthy=minimum_healthy)
        self._metrics = metrics

    def _check(self, node: Node, peer: Peer) -> None:
        for check in self.checks:
            check(node, peer)

    def _commit(self, change: Change) -> None:
        begun = time.perf_counter()
        super()._commit(change)
        if change.edits:
            self._metrics.compiled(time.perf_counter() - begun)
        for tell in self.committed:
            tell(change)


def _admit(node: Node, peer: Peer) -> None:
    """Raise `Refused` for a proxy that says it is of a namespace which its certificate does not speak for."""
    if why := objection(peer.identities, Proxy.from_id(node.id).namespace):
        raise Refused(why)


@contextlib.contextmanager
def _owned(data: Path) -> Iterator[None]:
    """Own the mesh's folder inside the `with` block; raise `PortInUse` when another process does."""
    handle = os.open(data / discovery.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise PortInUse(f"{data.parent} has a running mesh already (process {holder}): stop it first") from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # something else of the mesh is still in it
        folder.rmdir()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
