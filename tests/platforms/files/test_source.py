import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from pidalio.errors import HistoryUnavailable
from pidalio.platforms.files import FileSource, Pace, Patience, watching
from pidalio.store.catalog import Catalog

NEVER = 3600.0
EAGER = Patience(quiet=0.02, doubt=0.05, hold=0.3, together=0.2)


def service(name: str, port: int = 80) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: {port}}}]}}\n"


class Mesh:
    """A file source feeding a catalog, as a server has it; `until` waits for deliveries, not for time."""

    def __init__(self, *paths: str, patience: Patience = EAGER, scan: float = NEVER) -> None:
        self.catalog = Catalog()
        self.history: list[dict[str, int]] = []
        self.refusals = 0
        self._delivered = asyncio.Condition()
        self._source = FileSource(paths, patience=patience, pace=Pace(scan=scan, retry=0.01))
        self._task = asyncio.create_task(self._source.run(self._deliver))

    async def _deliver(self, units) -> None:
        if self.refusals:
            self.refusals -= 1
            raise HistoryUnavailable("the disk is full")
        self.catalog.replace_all("files", units)
        self.history.append(self.ports())
        async with self._delivered:
            self._delivered.notify_all()

    def ports(self) -> dict[str, int]:
        return {item.meta.name: item.spec.ports[0].port for item in self.catalog.objects()}

    def codes(self) -> list[str]:
        return [report.code for report in self.catalog.reports()]

    async def until(self, claim: Callable[[], bool]) -> None:
        waiting = asyncio.create_task(self._wait_for(claim))
        await asyncio.wait([waiting, self._task], timeout=30, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()
        if not waiting.done():
            waiting.cancel()
            pytest.fail(f"not so after 30 s: {self.history} {self.codes()}")
        await waiting

    async def _wait_for(self, claim: Callable[[], bool]) -> None:
        async with self._delivered:
            await self._delivered.wait_for(claim)

    async def shows(self, **ports: int) -> None:
        await self.until(lambda: self.ports() == ports)

    async def __aenter__(self) -> Self:
        await self.until(lambda: bool(self.history))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("r").mkdir()


def write(name: str, *texts: str) -> None:
    Path(name).write_text("---\n".join(texts))


def save_atomically(name: str, text: str) -> None:
    Path(f"{name}.tmp").write_text(text)
    Path(f"{name}.tmp").replace(name)


async def test_what_is_there_at_the_start_comes_in_one_delivery():
    write("r/a.yaml", service("a"))
    write("r/b.yaml", service("b"))
    write(
        "c.json", '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "c"}, "spec": {"ports": [{"port": 1}]}}'
    )
    async with Mesh("r", "c.json") as mesh:
        assert mesh.history == [{"a": 80, "b": 80, "c": 1}]


async def test_edits_new_files_and_removals_are_followed():
    write("r/a.yaml", service("a"))
    async with Mesh("r") as mesh:
        write("r/a.yaml", service("a", 81))
        await mesh.shows(a=81)
        write("r/b.yaml", service("b"))
        await mesh.shows(a=81, b=80)
        Path("r/deep/er").mkdir(parents=True)
        write("r/deep/er/c.yml", service("c"))
        await mesh.shows(a=81, b=80, c=80)
        Path("r/a.yaml").unlink()
        await mesh.shows(b=80, c=80)


@pytest.mark.parametrize("path", ["r", "r/a.yaml"])
async def test_atomic_saves_are_followed_again_and_again(path):
    write("r/a.yaml", service("a"))
    async with Mesh(path) as mesh:
        for port in (81, 82, 83):
            save_atomically("r/a.yaml", service("a", port))
            await mesh.shows(a=port)


async def test_an_edit_by_another_program_is_followed():
    write("r/a.yaml", service("a"))
    async with Mesh("r") as mesh:
        subprocess.run(["sed", "-i", "s/80/8080/", "r/a.yaml"], check=True)
        await mesh.shows(a=8080)


async def test_an_object_moved_between_files_is_never_gone():
    write("r/a.yaml", service("a"), service("z"))
    write("r/b.yaml", service("b"))
    async with Mesh("r") as mesh:
        write("r/b.yaml", service("b"), service("z"))
        write("r/a.yaml", service("a"))
        await mesh.until(lambda: str(mesh.catalog.owner(mesh.catalog.objects()[2].ref)) == "r/b.yaml")
        assert all("z" in ports for ports in mesh.history)
        assert mesh.codes() == []


async def test_a_swapped_config_map_is_followed():
    Path("r/..1").mkdir()
    write("r/..1/a.yaml", service("a"))
    Path("r/..data").symlink_to("..1")
    Path("r/a.yaml").symlink_to("..data/a.yaml")
    async with Mesh("r") as mesh:
        for number in (2, 3):
            Path(f"r/..{number}").mkdir()
            write(f"r/..{number}/a.yaml", service("a", number))
            Path("r/..data_tmp").symlink_to(f"..{number}")
            Path("r/..data_tmp").replace("r/..data")
            shutil.rmtree(f"r/..{number - 1}")
            await mesh.shows(a=number)
        assert all(mesh.history)


async def test_a_folder_made_anew_is_followed_and_loses_nothing_meanwhile():
    write("r/a.yaml", service("a"))
    write("r/b.yaml", service("b"))
    async with Mesh("r", patience=Patience(quiet=0.02, doubt=1.0, hold=60, together=0.1)) as mesh:
        for port in (81, 82):
            shutil.rmtree("r")
            Path("r").mkdir()
            write("r/a.yaml", service("a", port))
            await mesh.until(lambda port=port: mesh.ports()["a"] == port)
            write("r/b.yaml", service("b", port))
            await mesh.shows(a=port, b=port)
        assert all(set(ports) == {"a", "b"} for ports in mesh.history)


async def test_a_missing_folder_keeps_its_objects_and_is_reported_until_it_is_back():
    write("r/a.yaml", service("a"))
    async with Mesh("r") as mesh:
        Path("r").rename("elsewhere")
        await mesh.until(lambda: mesh.codes() == ["no-such-file"])
        assert mesh.ports() == {"a": 80}
        Path("elsewhere").rename("r")
        await mesh.until(lambda: mesh.codes() == [])
        assert mesh.ports() == {"a": 80}


async def test_an_emptied_folder_is_believed_in_the_end():
    write("r/a.yaml", service("a"))
    async with Mesh("r") as mesh:
        Path("r/a.yaml").unlink()
        await mesh.shows()


async def test_a_file_that_cannot_be_read_keeps_its_objects_until_it_is_mended():
    write("r/a.yaml", service("a"))
    write("r/b.yaml", service("b"))
    async with Mesh("r") as mesh:
        os.truncate("r/a.yaml", 50_000_000)
        await mesh.until(lambda: mesh.codes() == ["too-large"])
        Path("r/a.yaml").write_bytes(b"\xff\xfe")
        await mesh.until(lambda: mesh.codes() == ["not-utf8"])
        Path("r/a.yaml").unlink()
        os.mkfifo("r/a.yaml")
        await mesh.until(lambda: mesh.codes() == ["unreadable"])
        assert mesh.ports() == {"a": 80, "b": 80}
        Path("r/a.yaml").unlink()
        write("r/a.yaml", service("a", 81))
        await mesh.shows(a=81, b=80)
        assert mesh.codes() == []


async def test_a_file_written_in_pieces_by_another_process_is_seen_whole():
    write("r/a.yaml", *(service(f"s{number}") for number in range(20)))
    text = "---\n".join(service(f"s{number}", 81) for number in range(20))
    code = """
import os, sys, time
handle = os.open("r/a.yaml", os.O_WRONLY | os.O_TRUNC)
for start in range(0, len(sys.argv[1]), 100):
    os.write(handle, sys.argv[1][start : start + 100].encode())
    time.sleep(0.005)
"""
    async with Mesh("r", patience=Patience(quiet=0.5, doubt=1.0)) as mesh:
        subprocess.run([sys.executable, "-c", code, text], check=True)
        await mesh.until(lambda: set(mesh.ports().values()) == {81})
        assert len(mesh.history) == 2


async def test_what_could_not_be_recorded_is_offered_again():
    write("r/a.yaml", service("a"))
    async with Mesh("r") as mesh:
        mesh.refusals = 3
        write("r/a.yaml", service("a", 81))
        await mesh.shows(a=81)
        assert mesh.refusals == 0


async def test_without_a_watch_scanning_finds_changes_and_says_so(monkeypatch):
    def refuse(*_: object, **__: object):
        raise OSError("inotify watch limit reached")

    monkeypatch.setattr(watching, "awatch", refuse)
    write("r/a.yaml", service("a"))
    async with Mesh("r", scan=0.05) as mesh:
        await mesh.until(lambda: mesh.codes() == ["not-watched"])
        assert "inotify watch limit reached" in mesh.catalog.reports()[0].message
        write("r/a.yaml", service("a", 81))
        await mesh.shows(a=81)


async def test_a_source_that_is_cancelled_leaves_no_task():
    async with Mesh("r"):
        assert len(asyncio.all_tasks()) > 1
    assert asyncio.all_tasks() == {asyncio.current_task()}
