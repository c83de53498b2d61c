"""DestinationRule: subsets of a service, and the policy for traffic that goes to it (reference §1.2)."""

from pidalio.api.scalars import Message, StringMap
from pidalio.api.strings import MatchLabelsSelector
from pidalio.api.traffic_policy import TrafficPolicy


class Subset(Message, frozen=True):
    """Instances by labels under one name; no labels select all."""

    name: str = ""
    labels: StringMap = ()
    traffic_policy: TrafficPolicy | None = None


class DestinationRule(Message, frozen=True):
    """The policy of a host; `workload_selector` limits it to clients with these labels."""

    host: str = ""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: MatchLabelsSelector | None = None
