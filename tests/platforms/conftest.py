"""What tests of platforms share: one Kubernetes control plane for each worker, because it takes seconds to start."""

import pytest
import pytest_asyncio

from pidalio.history import SqliteHistory
from pidalio.server.control_plane import ControlPlane

from .servers.installed import require
from .servers.kube import KubeCluster


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kube_cluster(tmp_path_factory):
    """A cluster with Istio's kinds that tests share, each in a namespace of its own; do not break it."""
    for name in ("etcd", "kubernetes", "istio"):
        require(name)
    async with KubeCluster(tmp_path_factory.mktemp("kubernetes")) as cluster:
        await cluster.install_kinds()
        yield cluster


@pytest.fixture
def own_cluster(tmp_path):
    """A cluster to break: `async with own_cluster as cluster`."""
    return KubeCluster(tmp_path)


@pytest.fixture
async def control(tmp_path):
    """A control plane of the test's, with nothing in it."""
    history = await SqliteHistory.open(tmp_path / "history.db")
    yield ControlPlane(history)
    await history.close()
