"""Fault injection: present in every chain, configured by routes only (Istio: faults act at the caller)."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack
from pidalio.envoy.values import duration, fraction
from pidalio.ir import FaultPlan

FAULT = "envoy.filters.http.fault"


def fault_filter() -> pb.HttpFilter:
    """Return the filter, which does nothing where a route does not say so."""
    return pb.HttpFilter(name=FAULT, typed_config=pack(pb.HTTPFault()))


def fault_config(plan: FaultPlan) -> pb.HTTPFault:
    """Return a route's faults: the delay first, then an independent draw for the abort."""
    message = pb.HTTPFault()
    if plan.delay is not None:
        message.delay.fixed_delay.CopyFrom(duration(plan.delay.duration))
        message.delay.percentage.CopyFrom(fraction(plan.delay.percent))
    if plan.abort is not None:
        message.abort.percentage.CopyFrom(fraction(plan.abort.percent))
        if plan.abort.grpc_status is not None:
            message.abort.grpc_status = plan.abort.grpc_status
        else:
            message.abort.http_status = plan.abort.http_status or 0
    return message
