"""A Kubernetes cluster lives through what every platform must live through."""

import pytest
from tests.platforms.conformance import Conformance

from .subject import Kubernetes

pytestmark = pytest.mark.platform("etcd", "kubernetes", "istio")


class TestKubernetes(Conformance):
    """The scenarios share a cluster, each with its namespace; the one that breaks it has its own."""

    @pytest.fixture(autouse=True)
    def _shared(self, request):
        is_breaking = "restarts" in request.node.name and "control_plane" not in request.node.name
        self.shared = None if is_breaking else request.getfixturevalue("kube_cluster")

    def make(self, folder):
        return Kubernetes(folder, self.shared)
