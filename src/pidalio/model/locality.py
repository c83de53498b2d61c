"""Localities as people and platforms write them: `region/zone/subzone`, or labels (reference §2.9)."""

from collections.abc import Mapping

from pidalio.model.service import Locality

REGION, ZONE, SUBZONE, NETWORK, NODE = (
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
    "topology.istio.io/network",
    "kubernetes.io/hostname",
)
"""Labels that say where something runs."""


def parse_locality(text: str) -> Locality:
    """Return the locality written as `region/zone/subzone` (or with dots, as labels must)."""
    parts = (text.replace(".", "/") if "/" not in text else text).split("/")
    return Locality(*(*parts, "", "", "")[:3])


def labelled_locality(labels: Mapping[str, str]) -> Locality:
    """Return the locality that labels state: `istio-locality`, else one label per part."""
    if text := labels.get("istio-locality"):
        return parse_locality(text)
    return Locality(labels.get(REGION, ""), labels.get(ZONE, ""), labels.get(SUBZONE, ""))
