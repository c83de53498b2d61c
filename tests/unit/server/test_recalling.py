"""A start at which all files are gone: what they held is live, and held, until they are back or it is meant."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from pidalio.server.serve import Server
from pidalio.settings import ServerSettings


def service(name: str) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "mesh"
    made.mkdir()
    for name in ("web", "api"):
        (made / f"{name}.yaml").write_text(service(name))
    return made


@contextlib.asynccontextmanager
async def server(folder: Path, *files: str, minimum: int = 20):
    settings = ServerSettings(
        folder=folder.parent,
        files=files or (str(folder),),
        run_directory=folder.parent / "run",
        minimum_healthy=minimum,
    )
    async with Server(settings) as made:
        yield made


def names(made: Server) -> list[str]:
    return sorted(item.meta.name for item in made.control.objects())


def held(made: Server) -> bool:
    return "kept-last-known" in [one.code for one in made.control.reports()]


async def known(folder: Path) -> None:
    async with server(folder) as made:
        assert names(made) == ["api", "web"]


async def until(claim) -> None:
    async with asyncio.timeout(30):
        while not claim():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["missing", "empty"])
async def test_what_is_gone_at_the_start_is_held_until_it_is_back(folder, how):
    await known(folder)
    away = folder.rename(folder.parent / "away")
    if how == "empty":
        folder.mkdir()
    for _ in range(2):  # a second start knows it as well
        async with server(folder) as made:
            assert names(made) == ["api", "web"]
            assert held(made)
    async with server(folder) as made:
        if how == "empty":
            folder.rmdir()
        (away / "api.yaml").unlink()
        away.rename(folder)
        await until(lambda: names(made) == ["web"])
        assert not held(made)


async def test_it_goes_when_it_is_meant(folder):
    await known(folder)
    folder.rename(folder.parent / "away")
    async with server(folder) as made:
        await made.control.release("files", author="ada")
        assert names(made) == []
    async with server(folder) as made:
        assert names(made) == []
        assert not held(made)


async def test_what_some_files_hold_is_all_there_is(folder):
    await known(folder)
    (folder / "api.yaml").unlink()
    async with server(folder) as made:
        assert names(made) == ["web"]
        assert not held(made)


async def test_files_elsewhere_and_no_guard_recall_nothing(folder):
    await known(folder)
    away = folder.rename(folder.parent / "away")
    (folder.parent / "other").mkdir()
    async with server(folder, str(folder.parent / "other")) as made:
        assert names(made) == []
    async with server(folder, minimum=0) as made:
        assert names(made) == []
    away.rename(folder)
    await known(folder)
