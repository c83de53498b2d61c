"""The gateways that Gateway objects ask for on one machine: one for each set of labels that a selector names.

Pure: what `up` starts, and what offline commands assume that it would start.
Source: Istio's Gateway.selector, which picks proxies by their labels; here the proxies follow the selectors.
"""

from collections.abc import Iterable

from pidalio.api.gateway import Gateway
from pidalio.api.object import Object
from pidalio.model import Labels, labels_of


def label_sets(objects: Iterable[Object[Gateway]]) -> tuple[Labels, ...]:
    """Return the labels of the gateways to run: every selector that is no part of a larger one, sorted."""
    selectors = {labels_of(each.spec.selector) for each in objects}
    return tuple(sorted(one for one in selectors if not any(set(one) < set(other) for other in selectors)))


def gateway_name(labels: Labels) -> str:
    """Return what the gateway with these labels is called."""
    return "-".join(value for _, value in labels) or "gateway"
