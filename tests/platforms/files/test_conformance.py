"""The common suite on real folders: what changes is a file, and what breaks is that the folder is not there."""

from pathlib import Path
from typing import ClassVar, Self

from tests.platforms.conformance import Conformance
from tests.platforms.following_mesh import FollowingMesh
from tests.platforms.subject import Instance, Subject

from pidalio.model import Severity
from pidalio.platforms.following import Standing
from pidalio.server.serve import Server
from pidalio.settings import ServerSettings

SERVICE = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}}}
spec:
  hosts: [{name}.example]
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  workloadSelector: {{labels: {{app: {name}}}}}
"""
INSTANCE = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name}}}
spec:
  address: {one.address}
  ports: {{http: {one.port}}}
  labels: {{app: {service}, version: {one.version}}}
  locality: here/{one.zone}
"""


class FilesSubject(Subject):
    """A folder with a file for each service and each instance; `at` is where it is now."""

    lacks: ClassVar = {
        "health": "a file says which instances there are, not how they are",
        "drain": "a file says which instances there are, not how they are",
        "keeping": "files have no server that ends",
        "emptying": "an emptied folder stays held until it is meant: tests/unit/server/test_recalling.py",
        "freezing": "what is between here and a file is the system's; a folder that is away is the cut network",
        "standing": "`pidalio platforms` shows files by the number of their objects",
    }
    flood_of = 800

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.live = self.at = folder / "mesh"

    async def start(self) -> None:
        self.live.mkdir()

    async def stop(self) -> None:
        """Leave the folder to the test's own."""

    def configured(self, port: int):
        raise NotImplementedError  # files are no platform of this kind

    def hostname(self, service: str) -> str:
        return f"{service}.example"

    async def put(self, service: str, name: str, instance: Instance) -> None:
        if not (self.at / f"{service}.yaml").exists():
            self._write(service, SERVICE.format(name=service))
        self._write(f"{service}--{name}", INSTANCE.format(name=f"{service}--{name}", service=service, one=instance))

    async def drop(self, service: str, name: str) -> None:
        (self.at / f"{service}--{name}.yaml").unlink()

    async def malformed(self) -> None:
        self._write(
            "broken", INSTANCE.format(name="b1", service="web", one=Instance("10.77.9.9", 0)).replace(" 0}", " http}")
        )

    def _write(self, name: str, text: str) -> None:
        draft = self.at / f"{name}.new"
        draft.write_text(text)
        draft.replace(self.at / f"{name}.yaml")


class _Mount:
    """What stands for the network: the folder is where it is looked for, or away."""

    def __init__(self, subject: FilesSubject) -> None:
        self._subject = subject

    async def cut(self) -> None:
        self._move(self._subject.folder / "away")

    async def restore(self) -> None:
        self._move(self._subject.live)

    def _move(self, to: Path) -> None:
        if self._subject.at != to:
            self._subject.at = self._subject.at.rename(to)


class _Shown:
    """How files are, in the words of platforms that are followed."""

    def __init__(self, server: Server) -> None:
        self._control = server.control

    def standing(self) -> Standing:
        away = any(one.code in ("kept-last-known", "no-such-file") for one in self.reports())
        return Standing("files", "files", "stale" if away else "synced")

    def reports(self):
        return [one for one in self._control.reports() if one.severity is not Severity.INFO]


class FilesMesh(FollowingMesh):
    """A whole server, which follows the folder."""

    async def __aenter__(self) -> Self:
        await self.subject.start()
        self.link = _Mount(self.subject)
        await self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def begin(self) -> None:
        settings = ServerSettings(
            folder=self._folder, files=(str(self.subject.live),), run_directory=self._folder / "run"
        )
        self._server = Server(settings)
        await self._server.start()
        self.control = self._server.control
        self.control.watchers.append(lambda _: self.look(self.control))
        self.follower = _Shown(self._server)
        self.look(self.control)

    async def end(self) -> None:
        await self._server.stop()


class TestFiles(Conformance):
    def make(self, folder) -> Subject:
        return FilesSubject(folder)

    def mesh_of(self, subject, folder) -> FollowingMesh:
        return FilesMesh(subject, folder)
