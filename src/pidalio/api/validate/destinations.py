"""Where a rule sends traffic: hosts, subsets, ports and weights."""

from collections.abc import Sequence

from pidalio.api.findings import Findings
from pidalio.api.strings import Destination
from pidalio.api.validate.values import check_dns_label, check_host, check_not_negative, check_port
from pidalio.api.virtual_service import HTTPRouteDestination, RouteDestination


def check_destination(destination: Destination | None, path: str, found: Findings) -> None:
    """Note a destination that names no service."""
    if destination is None:
        found.error("missing-field", path, "a destination with a host is needed")
        return
    check_host(destination.host, f"{path}.host", found, wildcard=False)
    if destination.subset:
        check_dns_label(destination.subset, "subset", f"{path}.subset", found)
    if destination.port:
        check_port(destination.port.number, f"{path}.port.number", found)


def check_weights(route: Sequence[HTTPRouteDestination | RouteDestination], path: str, found: Findings) -> None:
    """Note weights that are negative, or leave several destinations without any share."""
    for index, entry in enumerate(route):
        check_not_negative(entry.weight, f"{path}[{index}].weight", found)
    if len(route) > 1 and sum(entry.weight for entry in route) == 0:
        message = "the weights sum to zero: give each destination a weight, e.g. 90 and 10"
        found.error("weights-sum-zero", path, message)
