"""Instances of headless services, called one by one: `web-0.web.default.svc.cluster.local`.

A rule for the service holds for its instances, and where it sends requests on to the service as a whole they go to the
instance that was called. With its own address in hand a caller of Istio's goes there likewise; here the proxy knows
the instances by name, and a name that none has is refused: whoever asks for one does not want another.
Source of the rules: Istio's documented headless services (reference §2.4, §2.11).
"""

import msgspec

from pidalio.ir import DirectResponsePlan, ForwardPlan, MatchPlan, RoutePlan


def no_instance(host: str) -> RoutePlan:
    """Return the route of names below that of the headless service `host` that no instance has."""
    return RoutePlan(MatchPlan(), DirectResponsePlan(503, reason=f"{host} has no instance of this name"), "absent")


def to_instance(routes: tuple[RoutePlan, ...], whole: str, one: str) -> tuple[RoutePlan, ...]:
    """Return `routes` with cluster `one` in the place of `whole`; other destinations stay."""
    return tuple(_narrowed(route, whole, one) for route in routes)


def _narrowed(route: RoutePlan, whole: str, one: str) -> RoutePlan:
    if not isinstance(route.action, ForwardPlan):
        return route
    clusters = tuple(
        msgspec.structs.replace(each, cluster=one) if each.cluster == whole else each for each in route.action.clusters
    )
    return msgspec.structs.replace(route, action=msgspec.structs.replace(route.action, clusters=clusters))
