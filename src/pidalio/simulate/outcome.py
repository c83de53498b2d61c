"""Verdicts: what the client gets, with which share, and what Envoy writes into its log.

Source: Envoy's response flags and response code details. Local answers to gRPC calls are HTTP 200 with a gRPC status.
"""

import msgspec

from pidalio.ir import DelayPlan, FaultPlan
from pidalio.ir.campaign import CAMPAIGN
from pidalio.ir.cluster import Discovery
from pidalio.simulate.decision import Answered, Destination, Forwarded, Redirected, Verdict

_GRPC_OF_HTTP = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
_GRPC_UNKNOWN = 2


def local_answer(status: int, flag: str, details: str, why: str, *, grpc: bool, share: float = 1.0) -> Verdict:
    """Return the verdict of an answer by the proxy itself."""
    if not grpc:
        return Verdict(share, status, flag, details, why=why)
    return Verdict(share, 200, flag, details, grpc_status=_GRPC_OF_HTTP.get(status, _GRPC_UNKNOWN), why=why)


def outcomes(action: Forwarded | Redirected | Answered, *, grpc: bool) -> tuple[Verdict, ...]:
    """Return the verdicts of an action, with the faults of campaigns and without those of rules."""
    if isinstance(action, Forwarded):
        return tuple(
            verdict
            for each in action.destinations
            for verdict in with_faults(each.fault, (_sent(each, grpc=grpc),), grpc=grpc)
        )
    if isinstance(action, Redirected):
        return (local_answer(action.status, "-", "direct_response", f"redirect to {action.location}", grpc=grpc),)
    why = action.reason or "the route answers by itself"
    return (local_answer(action.status, "-", "direct_response", why, grpc=grpc),)


def _sent(destination: Destination, *, grpc: bool) -> Verdict:
    name, share = destination.cluster, destination.share
    if not destination.known:
        why = f"cluster {name} does not exist"
        return local_answer(503, "NC", "cluster_not_found", why, grpc=grpc, share=share)
    if destination.pool.is_empty and destination.discovery is not Discovery.DYNAMIC_FORWARD_PROXY:
        why = f"no endpoint of {name} may take requests"
        verdict = local_answer(503, "UH", "no_healthy_upstream", why, grpc=grpc, share=share)
        return msgspec.structs.replace(verdict, cluster=name)
    return Verdict(share, None, "-", "via_upstream", cluster=name, why=f"forwarded to {name}")


def connected(destination: Destination) -> Verdict:
    """Return the verdict of a connection that is carried as bytes."""
    name, share = destination.cluster, destination.share
    if not destination.known:
        return Verdict(share, 0, "NC", "", why=f"cluster {name} does not exist")
    if destination.pool.is_empty and destination.discovery is not Discovery.DYNAMIC_FORWARD_PROXY:
        return Verdict(share, 0, "UH", "", cluster=name, why=f"no endpoint of {name} may take connections")
    return Verdict(share, None, "-", "", cluster=name, why=f"carried to {name}")


def with_faults(fault: FaultPlan | None, verdicts: tuple[Verdict, ...], *, grpc: bool) -> tuple[Verdict, ...]:
    """Return the verdicts after faults: the draw for the delay, then an independent one for the abort."""
    abort = fault.abort if fault is not None else None
    if fault is None:
        return verdicts
    if abort is not None and abort.percent:
        share, whole = abort.percent / 100, sum(each.share for each in verdicts)
        why = _injected_by(fault)
        if abort.grpc_status is not None:
            status = abort.grpc_status if grpc else None
            aborted = Verdict(whole * share, 200, "FI", "fault_filter_abort", grpc_status=status, why=why)
        else:
            status = abort.http_status or 0
            aborted = local_answer(status, "FI", "fault_filter_abort", why, grpc=grpc, share=whole * share)
        verdicts = (aborted, *(_scaled(each, 1 - share) for each in verdicts))
    return _delayed(fault.delay, verdicts)


def _injected_by(fault: FaultPlan) -> str:
    """Say whose fault it is: a campaign has no line of a file that would tell."""
    origin = fault.origin
    return f"fault injected by {origin.object}" if origin and origin.object.kind == CAMPAIGN else "fault injected"


def _delayed(delay: DelayPlan | None, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    if delay is None or not delay.percent:
        return verdicts
    share = delay.percent / 100
    held = tuple(
        msgspec.structs.replace(
            _scaled(each, share),
            delay=each.delay + delay.duration,
            flag=_with_delay(each.flag),
        )
        for each in verdicts
    )
    return held + tuple(_scaled(each, 1 - share) for each in verdicts)


def _with_delay(flag: str) -> str:
    if "DI" in flag.split(","):
        return flag
    return "DI" if flag == "-" else f"DI,{flag}"


def _scaled(verdict: Verdict, share: float) -> Verdict:
    return msgspec.structs.replace(verdict, share=verdict.share * share)


def likeliest_first(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """Return the verdicts that can happen, the largest share first."""
    possible = [each for each in verdicts if each.share > 0]
    return tuple(sorted(possible, key=lambda each: -each.share))
