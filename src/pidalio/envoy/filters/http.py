"""The order of the HTTP filters, which is Istio's."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.filters.cors import cors_filter
from pidalio.envoy.filters.fault import campaign_filter, fault_filter
from pidalio.envoy.filters.forward_proxy import forward_proxy_filter
from pidalio.envoy.filters.grpc_web import grpc_web_filter
from pidalio.envoy.filters.overrides import overrides_filter
from pidalio.envoy.filters.router import router_filter
from pidalio.ir import HttpPlan, HttpSettings


def chain(plan: HttpPlan, settings: HttpSettings, *, believes_callers: bool = False) -> list[pb.HttpFilter]:
    """Return the filters of one HTTP connection manager, in the order in which requests pass them.

    `believes_callers` says that callers' own timeouts and retries count, so that some route may take them away.
    """
    filters = [overrides_filter()] if believes_callers else []
    filters += [grpc_web_filter()] if _may_translate(plan) else []
    filters.append(fault_filter())
    if _leads_elsewhere(plan):
        filters.append(campaign_filter())
    filters.append(cors_filter())
    if plan.forward_proxy:
        filters.append(forward_proxy_filter())
    filters.append(router_filter(debug_headers=settings.debug_headers))
    return filters


def _leads_elsewhere(plan: HttpPlan) -> bool:
    """Tell whether a route may get a fault campaign: one to other workloads may at any time."""
    return isinstance(plan.table, str)


def _may_translate(plan: HttpPlan) -> bool:
    """Tell whether a virtual host may ask for gRPC-Web: those that travel by themselves may at any time."""
    return isinstance(plan.table, str) or any(host.grpc_web for host in plan.table.virtual_hosts)
