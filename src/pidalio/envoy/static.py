"""A configuration that plain `envoy -c` starts from and that behaves as the proxy would under the control plane.

What travels by itself over ADS is put in place here: route tables into their listeners, virtual hosts into their
tables, endpoints into their clusters.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pidalio.envoy import messages as pb
from pidalio.envoy.bootstrap import overload, runtime
from pidalio.envoy.cluster import cluster
from pidalio.envoy.listener import listener
from pidalio.envoy.local_cluster import add_static
from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Discovery,
    FilterChainPlan,
    HttpPlan,
    ListenerPlan,
    ProxyPlans,
    RouteTablePlan,
)


def static_bootstrap(plans: ProxyPlans, node: pb.Node, admin: pb.Admin | None = None) -> pb.Bootstrap:
    """Return the whole configuration of one proxy; raise `KeyError` when a listener names a table that is not there."""
    tables = {table.name: msgspec.structs.replace(table, delta=False) for table in plans.tables}
    assignments = {each.cluster: each for each in plans.assignments}
    message = pb.Bootstrap(node=node, admin=admin, layered_runtime=runtime())
    message.overload_manager.CopyFrom(overload())
    static = message.static_resources
    static.listeners.extend(listener(_with_tables(each, tables)) for each in plans.listeners)
    static.clusters.extend(cluster(_with_endpoints(each, assignments)) for each in plans.clusters)
    if plans.local is not None and plans.local.localities:
        add_static(message, plans.local)
    return message


def _with_tables(plan: ListenerPlan, tables: Mapping[str, RouteTablePlan]) -> ListenerPlan:
    return msgspec.structs.replace(
        plan,
        chains=tuple(_with_table(each, tables) for each in plan.chains),
        default=_with_table(plan.default, tables) if plan.default else None,
    )


def _with_table(plan: FilterChainPlan, tables: Mapping[str, RouteTablePlan]) -> FilterChainPlan:
    if not isinstance(plan.filter, HttpPlan) or not isinstance(plan.filter.table, str):
        return plan
    http = msgspec.structs.replace(plan.filter, table=tables[plan.filter.table])
    return msgspec.structs.replace(plan, filter=http)


def _with_endpoints(plan: ClusterPlan, known: Mapping[str, AssignmentPlan]) -> ClusterPlan:
    if plan.discovery is not Discovery.EDS:
        return plan
    assignment = known.get(plan.name, AssignmentPlan(cluster=plan.name))
    return msgspec.structs.replace(plan, discovery=Discovery.STATIC, assignment=assignment)
