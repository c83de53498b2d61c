"""The local cluster in a bootstrap: Envoy balances zones only if it knows, from its start, who else calls as it does.

It must be among the static clusters, so that its content alone arrives over ADS; the control plane always answers,
be it with nothing, for Envoy asks for no other cluster before it has this one (or gives up, after 15 s).
Source: Envoy's `cluster_manager.local_cluster_name`, observed on Envoy 1.40.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.endpoint import load_assignment
from pidalio.envoy.values import ads
from pidalio.ir import LOCAL_CLUSTER, AssignmentPlan


def add_discovered(message: pb.Bootstrap) -> None:
    """Add the local cluster, with endpoints from ADS."""
    cluster = pb.Cluster(name=LOCAL_CLUSTER, type=pb.Cluster.EDS)
    cluster.eds_cluster_config.eds_config.CopyFrom(ads())
    _add(message, cluster)


def add_static(message: pb.Bootstrap, plan: AssignmentPlan) -> None:
    """Add the local cluster with its endpoints."""
    cluster = pb.Cluster(name=LOCAL_CLUSTER, type=pb.Cluster.STATIC, load_assignment=load_assignment(plan))
    _add(message, cluster)


def _add(message: pb.Bootstrap, cluster: pb.Cluster) -> None:
    message.static_resources.clusters.append(cluster)
    message.cluster_manager.local_cluster_name = LOCAL_CLUSTER
