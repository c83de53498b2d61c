"""Meshes in temporary folders, on ports that the system gives."""

import pytest
from tests.e2e.embedded import Folder


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)
