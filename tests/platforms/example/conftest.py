"""A registry that runs, and its adapter as a package of third parties."""

import pytest
from tests.e2e.embedded import ROOT, Folder
from tests.platforms.example.registry import Registry


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
async def registry():
    made = Registry()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """A package of third parties that brings the example's adapter, as an installer leaves it."""
    found = tmp_path / "packages" / "example-1.0.dist-info"
    found.mkdir(parents=True)
    (found / "METADATA").write_text("Metadata-Version: 2.1\nName: example\nVersion: 1.0\n")
    (found / "entry_points.txt").write_text("[pidalio.platforms]\nexample = tests.platforms.example.adapter:KIND\n")
    return {"PYTHONPATH": f"{found.parent}:{ROOT}"}
