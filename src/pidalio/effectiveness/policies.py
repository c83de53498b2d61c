"""What of a DestinationRule's policies does nothing: ports that no service has, tunnels that no connection takes.

Beside these, policies are judged as a whole.
"""

from collections.abc import Collection, Iterator

from pidalio.api.destination_rule import DestinationRule
from pidalio.api.object import Object
from pidalio.api.traffic_policy import TrafficPolicy
from pidalio.effectiveness.facts import Facts
from pidalio.effectiveness.finding import Finding
from pidalio.model import Origin
from pidalio.rules.destination_rules import subset_path


def policy_findings(facts: Facts, row: Object[DestinationRule], ports: Collection[int]) -> Iterator[Finding]:
    """Yield what of the policies of a rule does nothing; `ports` are those of all services that it holds for."""
    for path, _, policy in _policies(row.spec):
        for index, entry in enumerate(policy.port_level_settings):
            number = entry.port.number if entry.port else 0
            if number not in ports:
                known = ", ".join(map(str, sorted(ports)))
                words = (
                    f"no service of this host has port {number}: write a service's port ({known}), not an instance's",
                )
                yield Finding("ineffective", row.ref, f"{path}.portLevelSettings[{index}].port", words)
    yield from _tunnels(facts, row)


def _policies(spec: DestinationRule) -> Iterator[tuple[str, str, TrafficPolicy]]:
    """Yield every policy with its place, and with the path that origins have, which name subsets."""
    if spec.traffic_policy:
        yield "trafficPolicy", "trafficPolicy", spec.traffic_policy
    for index, subset in enumerate(spec.subsets):
        if subset.traffic_policy:
            yield f"subsets[{index}].trafficPolicy", f"{subset_path(subset.name)}.trafficPolicy", subset.traffic_policy


def _tunnels(facts: Facts, row: Object[DestinationRule]) -> Iterator[Finding]:
    """Yield the tunnels that no connection takes, and those that callers cannot have who name their proxy."""
    for path, named, policy in _policies(row.spec):
        origin = Origin(row.ref, f"{named}.tunnel")
        if policy.tunnel is None:
            continue
        if origin in facts.refused:
            words = ("callers that name their proxy get 503: write protocol CONNECT, or let them call a bound port",)
            yield Finding("no-tunnel-by-post", row.ref, f"{path}.tunnel.protocol", words)
        elif facts.only is None and origin not in facts.carried:
            words = ("no connection is carried there as bytes, and requests take no tunnel",)
            yield Finding("ineffective", row.ref, f"{path}.tunnel", words)
