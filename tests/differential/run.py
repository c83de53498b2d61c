"""Send random requests through a real Envoy and the simulator, and tell where they differ."""

from dataclasses import dataclass

import msgspec
from tests.traffic.backend import CALL_ID, Backend
from tests.traffic.client import Sent, fetch
from tests.traffic.compare import mismatches
from tests.traffic.envoy import LOG_ID, RunningEnvoy

from pidalio.ir import ListenerPlan, ProxyPlans, VirtualHostPlan
from pidalio.simulate import Decision, Request, decide


@dataclass
class Difference:
    request: Request
    decision: Decision
    found: list[str]
    virtual_host: VirtualHostPlan | None

    def __str__(self) -> str:
        """Show the least that someone needs to see it again: the request, the differences, the routes up to it."""
        if self.virtual_host is None:
            return "\n".join([brief(self.request), *self.found])
        position = self.decision.route.position if self.decision.route else -1
        host = self.virtual_host
        routes = [brief(each) for each in host.routes if any(each.name in line for line in self.found)]
        routes = routes or [brief(each) for each in host.routes[position : position + 1]]
        about = f"virtual host {host.domains} require_tls={host.require_tls}"
        return "\n".join([brief(self.request), *self.found, about, *routes])


def brief(value: object) -> str:
    """Return a struct as an expression, without what has its default value."""
    if isinstance(value, tuple):
        return f"({', '.join(map(brief, value))},)"
    if not isinstance(value, msgspec.Struct):
        return repr(value)
    kept = []
    for one in msgspec.structs.fields(value):
        held = getattr(value, one.name)
        if held != one.default:
            kept.append(f"{one.name}={brief(held)}")
    return f"{type(value).__name__}({', '.join(kept)})"


def told(found: list[Difference], run: str, count: int) -> str:
    """Return the first few differences, and how to see them again."""
    return "\n\n".join([f"{run}: {len(found)} of {count} requests differ", *(str(each) for each in found[:5])])


def differences(plans: ProxyPlans, requests: list[Request], backend: Backend) -> list[Difference]:
    """Run `plans` on a real Envoy and return every request on which the simulator and Envoy differ.

    Requests go to the listeners in turn.
    """
    envoy = RunningEnvoy(plans).start()
    try:
        return _differences(envoy, requests, backend)
    finally:
        envoy.stop()


def _differences(envoy: RunningEnvoy, requests: list[Request], backend: Backend) -> list[Difference]:
    marked = []
    for request in requests:
        identity = envoy.next_id()
        call = f"{envoy.folder.name}-{identity}"
        own = ((LOG_ID, identity), (CALL_ID, call))
        marked.append((identity, call, msgspec.structs.replace(request, headers=request.headers + own)))
    doors = [envoy.plans.listeners[position % len(envoy.plans.listeners)] for position in range(len(marked))]
    sent = [sent_to(door, one) for door, (_, _, one) in zip(doors, marked, strict=True)]
    found = []
    for door, (identity, call, request), got in zip(doors, marked, fetch(sent), strict=True):
        decision = decide(envoy.plans, door, request)
        different = mismatches(decision, got, envoy.logged(identity), backend.seen(call))
        if different:
            different.insert(0, f"listener {door.name}")
            found.append(Difference(request, decision, different, _virtual_host(envoy.plans, decision)))
    return found


def sent_to(door: ListenerPlan, request: Request) -> Sent:
    """Return the request as a client of `door` writes it: with the whole URL to a proxy, else with the path."""
    is_proxy = door.explicit_proxy
    target = f"{request.scheme}://{request.authority}{request.path}" if is_proxy else request.path
    return Sent((door.address, door.port), request.method, target, request.authority, request.headers)


def _virtual_host(plans: ProxyPlans, decision: Decision) -> VirtualHostPlan | None:
    table = plans.table(decision.table)
    name = decision.host.name if decision.host else ""
    return next((each for each in table.virtual_hosts if each.name == name), None) if table else None
