"""Which listener of a proxy a request arrives at, and what becomes of it there: the ground of `explain`."""

import msgspec

from pidalio.derive import Database
from pidalio.errors import NotFound, Refused
from pidalio.ir import Direction, ListenerPlan, ProxyPlans
from pidalio.model import Labels, Mode, Proxy, ProxyType
from pidalio.pipeline import plans_for
from pidalio.rules.called import called_address
from pidalio.simulate import Connection, Decision, Request, decide
from pidalio.simulate.domain import host_without_port
from pidalio.store.hosts import is_address


def decide_for(world: Database, proxy: Proxy, request: Request) -> Decision:
    """Return what `proxy` does with `request`; raise `Refused` when it has no listener that takes it."""
    plans = plans_for(world, proxy)
    return decide(plans, listener_for(plans, proxy, request), request, _connection(world, proxy, request))


def _connection(world: Database, proxy: Proxy, request: Request) -> Connection | None:
    """Return the connection that the workload opens for a request, where the address it calls decides anything."""
    if proxy.mode is not Mode.TRANSPARENT:
        return None
    host = host_without_port(request.authority)
    secure = request.scheme == "https"
    return Connection(
        destination=called_address(world, proxy, host),
        port=_port(request),
        tls=secure,
        server_name="" if is_address(host) or not secure else host,
    )


def listener_for(plans: ProxyPlans, proxy: Proxy, request: Request) -> ListenerPlan:
    """Return the listener at which a call of the workload (or, for a gateway, a call from outside) arrives."""
    if proxy.type is ProxyType.SIDECAR:
        found = [one for one in plans.listeners if one.direction is Direction.OUTBOUND]
        redirected = [one for one in found if one.hands_off]
        if redirected:
            return redirected[0]
        if not found:
            raise Refused(f"{proxy.id} takes no calls of its workload: it has no outbound listener")
        return found[0]
    port = _port(request)
    listeners = [one for one in plans.listeners if one.direction is Direction.GATEWAY]
    for one in listeners:
        if port in (one.requested_port, one.port):
            return one
    opened = ", ".join(str(one.requested_port) for one in listeners) or "none"
    raise Refused(f"the gateway opens no port {port}; it has {opened}")


def _port(request: Request) -> int:
    _, colon, port = request.authority.rpartition(":")
    if colon and port.isdigit():
        return int(port)
    return 443 if request.scheme == "https" else 80


def gateway_proxy(name: str, labels: Labels | None) -> Proxy:
    """Return a gateway proxy called `[namespace/]name`."""
    namespace, slash, short = name.rpartition("/")
    if labels is None:
        raise NotFound(f"gateway {name}: say its labels with --labels, as the Gateway's selector asks for them")
    space = namespace if slash else "default"
    return msgspec.structs.replace(
        Proxy(ProxyType.ROUTER, "127.0.0.1", short, space), labels=labels, gateway_address="127.0.0.1"
    )
