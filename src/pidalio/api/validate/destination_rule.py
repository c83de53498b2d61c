"""DestinationRule as a whole (reference §1.2)."""

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.findings import Findings
from pidalio.api.object import Meta
from pidalio.api.validate.exports import check_exports
from pidalio.api.validate.traffic_policy import check_policy
from pidalio.api.validate.values import check_dns_label, check_host, check_labels


def validate(spec: DestinationRule, meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a DestinationRule."""
    check_host(spec.host, "host", found)
    if spec.traffic_policy:
        check_policy(spec.traffic_policy, "trafficPolicy", found)
    _check_subsets(spec, found)
    check_exports(spec.export_to, meta.namespace, "exportTo", found)
    if spec.workload_selector:
        check_labels(spec.workload_selector.match_labels, "workloadSelector.matchLabels", found)
        foreign = [entry for entry in spec.export_to if entry not in {".", meta.namespace}]
        if foreign:
            message = "a rule with workloadSelector applies to its own namespace only: write exportTo: ['.']"
            found.error("bad-export", "exportTo", message)


def _check_subsets(spec: DestinationRule, found: Findings) -> None:
    seen: set[str] = set()
    for index, subset in enumerate(spec.subsets):
        path = f"subsets[{index}]"
        if not subset.name:
            found.error("missing-field", f"{path}.name", "a subset has a name")
        else:
            check_dns_label(subset.name, "subset", f"{path}.name", found)
        if subset.name and subset.name in seen:
            found.error("duplicate-value", f"{path}.name", f"the subset {subset.name!r} is defined twice: rename one")
        seen.add(subset.name)
        check_labels(subset.labels, f"{path}.labels", found)
        if subset.traffic_policy:
            check_policy(subset.traffic_policy, f"{path}.trafficPolicy", found)
