"""Locality and zone settings: who may get whose traffic (reference §1.2, LocalityLoadBalancerSetting)."""

from collections.abc import Sequence

from pidalio.api.findings import Findings
from pidalio.api.places import join
from pidalio.api.traffic_policy import Failover, LocalityLoadBalancerSetting, ZoneAwareLbSetting
from pidalio.api.validate.values import check_not_negative

LOCALITY_LABELS = (
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
)


def check_locality(setting: LocalityLoadBalancerSetting, path: str, found: Findings) -> None:
    """Note shares that do not sum to 100, overlapping sources, and failovers that lead nowhere."""
    if setting.distribute and (setting.failover or setting.failover_priority):
        message = "distribute excludes failover and failoverPriority: keep one of them"
        found.error("bad-locality", f"{path}.distribute", message)
    for index, share in enumerate(setting.distribute):
        here = f"{path}.distribute[{index}]"
        _check_name(share.from_, f"{here}.from", found)
        for target, weight in share.to:
            _check_name(target, join(f"{here}.to", target), found)
            if not 1 <= weight <= 100:
                found.error("bad-locality", join(f"{here}.to", target), f"{weight} is not between 1 and 100")
        if sum(weight for _, weight in share.to) != 100:
            found.error("bad-locality", f"{here}.to", "the weights of one source sum to 100")
        _check_overlaps([target for target, _ in share.to], f"{here}.to", found)
    _check_overlaps([share.from_ for share in setting.distribute], f"{path}.distribute", found)
    check_failover(setting.failover, f"{path}.failover", found)
    if setting.failover and any(_names_locality(entry) for entry in setting.failover_priority):
        message = "failover excludes failoverPriority by region, zone or subzone: keep one"
        found.error("bad-locality", f"{path}.failoverPriority", message)


def check_zone_aware(setting: ZoneAwareLbSetting, path: str, found: Findings) -> None:
    """Note zone-aware settings that contradict themselves."""
    check_not_negative(setting.min_cluster_size or 0, f"{path}.minClusterSize", found)
    check_failover(setting.failover, f"{path}.failover", found)
    for index, entry in enumerate(setting.failover_priority):
        if _names_locality(entry):
            message = f"{entry!r} is a locality, which zone-aware balancing already heeds: remove it"
            found.error("bad-locality", f"{path}.failoverPriority[{index}]", message)


def check_failover(failover: Sequence[Failover], path: str, found: Findings) -> None:
    """Note failovers that are not from one region to another."""
    for index, rule in enumerate(failover):
        here = f"{path}[{index}]"
        if not rule.from_ or not rule.to:
            found.error("missing-field", here, "a failover names the regions from and to")
        elif rule.from_ == rule.to:
            found.error("bad-locality", here, "a failover leads to another region")
        for name, region in (("from", rule.from_), ("to", rule.to)):
            if "/" in region or "*" in region:
                found.error("bad-locality", f"{here}.{name}", f"{region!r} is not a region: no '/' and no '*'")


def _check_name(locality: str, path: str, found: Findings) -> None:
    parts = locality.split("/")
    star = parts.index("*") if "*" in parts else len(parts) - 1
    if not locality or len(parts) > 3 or not all(parts) or star != len(parts) - 1 or "*" in locality.replace("/*", ""):
        if locality == "*":
            return
        found.error("bad-locality", path, f"{locality!r}: write region/zone/subzone, with '*' only at the end")


def _check_overlaps(localities: list[str], path: str, found: Findings) -> None:
    stems = [locality.removesuffix("*").removesuffix("/") for locality in localities]
    for index, stem in enumerate(stems):
        for other in stems[:index]:
            wide, narrow = sorted((stem, other), key=len)
            if narrow == wide or not wide or narrow.startswith(wide + "/"):
                found.error("bad-locality", path, f"{localities[index]!r} overlaps another entry: keep one")
                return


def _names_locality(entry: str) -> bool:
    return entry.partition("=")[0] in LOCALITY_LABELS
