"""What ejection of failing instances cannot do, or does too well; and failover that waits for it in vain.

Source of the rules: Envoy ejects another instance only while those that are out, with it, are at most
`maxEjectionPercent` of the cluster's (10 unless stated), so that a share of less than one instance ejects none; with a
panic threshold of 0 (Istio's, reference §1.2, §2.9) an ejected instance gets nothing, even when none is left;
localities are only left for others when instances are ejected (§2.9).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import ceil
from typing import TypeAlias

from pidalio.api.traffic_policy import LocalityLoadBalancerSetting
from pidalio.effectiveness.finding import Finding
from pidalio.effectiveness.resilience.paths import TOGETHER, Paths
from pidalio.ir import ClusterPlan, OutlierPlan
from pidalio.model import Origin
from pidalio.rules import mesh
from pidalio.rules.clusters import ClusterKey
from pidalio.rules.policies import policy

_DEFAULT_PERCENT = 10
_WHOLE = "MeshConfig"

_Held: TypeAlias = tuple[ClusterKey, ClusterPlan, OutlierPlan]


def ejection_findings(paths: Paths) -> Iterator[Finding | None]:
    """Yield what there is to say of ejection, setting by setting, None now and then; unused clusters say nothing."""
    by_origin: dict[Origin, list[_Held]] = defaultdict(list)
    for number, (cluster, plan) in enumerate(paths.used()):
        if number % TOGETHER == 0:
            yield None
        if plan.outlier and plan.outlier.origin:
            by_origin[plan.outlier.origin].append((cluster, plan, plan.outlier))
    for number, (origin, held) in enumerate(by_origin.items()):
        if number % TOGETHER == 0:
            yield None
        if not _counts(held[0][2]):
            words = ("no kind of error ejects an instance: state consecutive5xxErrors or consecutiveGatewayErrors",)
            yield Finding("outlier-never-ejects", origin.object, origin.path, words)
            continue
        yield from _never(paths, origin, held)
        yield from _all(paths, origin, held)


def _counts(outlier: OutlierPlan) -> bool:
    """Tell whether anything is counted as an error."""
    return outlier.consecutive_5xx != 0 or bool(outlier.consecutive_gateway) or outlier.split_local


def _never(paths: Paths, origin: Origin, held: Iterable[_Held]) -> Iterator[Finding]:
    """Yield that the share is less than one instance; a default of the mesh may fit some services only."""
    known = [(count, cluster) for cluster, plan, _ in held if (count := paths.instances(cluster, plan))]
    share = next((one.max_ejection_percent for _, _, one in held), None) or _DEFAULT_PERCENT
    few = [one for one in known if one[0] * share < 100]
    if not few or (origin.object.kind == _WHOLE and len(few) < len(known)):
        return
    count, cluster = min(few, key=lambda one: (one[0], one[1].name))
    more = len({one.name for _, one in few}) - 1
    several = f", and {more} more clusters have too few" if more else ""
    cure = f"state {ceil(100 / count)} or more" if count > 1 else "run more instances, or leave ejection out"
    less = f"{share} % of {_instances(count)} of {_called(cluster)} is less than one{several}: none is ever ejected"
    yield Finding("outlier-never-ejects", origin.object, f"{origin.path}.maxEjectionPercent", (less, f"; {cure}"))


def _all(paths: Paths, origin: Origin, held: Iterable[_Held]) -> Iterator[Finding]:
    """Yield that all instances may be out at once, where no others stand in for them."""
    for cluster, plan, outlier in held:
        is_all = (outlier.max_ejection_percent or _DEFAULT_PERCENT) >= 100
        if is_all and plan.healthy_panic_threshold == 0 and paths.is_in_one_place(cluster, plan):
            fate = f"when all instances of {_called(cluster)} fail, all are ejected, and every request is answered 503"
            cure = ": state less than 100, or minHealthPercent, below which all get requests again"
            words = (fate, cure)
            yield Finding("outlier-ejects-all", origin.object, f"{origin.path}.maxEjectionPercent", words)
            return


def failover_findings(paths: Paths) -> Iterator[Finding]:
    """Yield the settings that order localities where nothing ever leaves one, for nothing is ejected."""
    ordered: dict[Origin, bool] = {}
    for cluster, plan in paths.used():
        holds = policy(paths.world, cluster.view, cluster.identity, cluster.port, cluster.subset)
        balancer = holds.load_balancer
        setting = balancer.value.locality_lb_setting if balancer else None
        if balancer and balancer.origin and setting and setting.enabled is not False and not setting.distribute:
            where = Origin(balancer.origin.object, f"{balancer.origin.path}.localityLbSetting")
            ordered[where] = ordered.get(where, False) or plan.outlier is not None
    for origin, acts in ordered.items():
        if not acts:
            yield _idle(origin)
    wide, written = mesh.locality_setting(paths.world)
    is_asked = isinstance(wide, LocalityLoadBalancerSetting) and (wide.failover or wide.failover_priority)
    if written and is_asked and wide.enabled is not False and not any(plan.outlier for _, plan in paths.used()):
        yield _idle(written)


def _idle(origin: Origin) -> Finding:
    why = "nothing is ejected, so that no locality is ever left for another: state outlierDetection for the same hosts"
    return Finding("failover-without-ejection", origin.object, origin.path, (why,))


def _called(cluster: ClusterKey) -> str:
    return f"{cluster.host} {cluster.subset}".strip()


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"
