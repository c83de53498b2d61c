"""Everything that one proxy runs on, as plans: what a static file is made of and the simulator answers from."""

import msgspec

from pidalio.ir.cluster import AssignmentPlan, ClusterPlan
from pidalio.ir.listener import ListenerPlan
from pidalio.ir.route import RouteTablePlan
from pidalio.model import Locality


class ProxyPlans(msgspec.Struct, frozen=True, gc=False):
    """All plans of one proxy; every table holds all its virtual hosts, every EDS cluster has an assignment.

    `shares` are those of fault campaigns that it is lent: millionths by runtime key.
    `locality` is where the proxy runs, `local` the instances that call as it does (`rules.local_cluster`).
    """

    listeners: tuple[ListenerPlan, ...]
    tables: tuple[RouteTablePlan, ...]
    clusters: tuple[ClusterPlan, ...]
    assignments: tuple[AssignmentPlan, ...]
    shares: tuple[tuple[str, int], ...] = ()
    locality: Locality = Locality()
    local: AssignmentPlan | None = None

    def table(self, name: str) -> RouteTablePlan | None:
        """Return the route table called `name`, or None."""
        return next((table for table in self.tables if table.name == name), None)

    def cluster(self, name: str) -> ClusterPlan | None:
        """Return the cluster called `name`, or None."""
        return next((cluster for cluster in self.clusters if cluster.name == name), None)

    def assignment(self, cluster: str) -> AssignmentPlan | None:
        """Return the endpoints of `cluster`, or None where they do not travel by themselves."""
        return next((one for one in self.assignments if one.cluster == cluster), None)
