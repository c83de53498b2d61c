"""Words of the mesh, shared by every layer: values without behaviour beyond their own meaning.

Everything here is frozen, hashable and platform-independent.
Adapters produce these values, rules read them; nothing here knows files, networks or Envoy.
"""

from pidalio.model.health import Health, Sight, Source, Word, combined
from pidalio.model.hostname import host_matches, host_sort_key, host_subset_of, is_wildcard
from pidalio.model.labels import Labels, labels_of, selects
from pidalio.model.locality import NETWORK, NODE, REGION, SUBZONE, ZONE, labelled_locality, parse_locality
from pidalio.model.proxy import Delivery, Interception, Mode, Proxy, ProxyType
from pidalio.model.report import Code, ObjectRef, Origin, Place, Report, Severity, printable
from pidalio.model.service import (
    Alias,
    Endpoint,
    Locality,
    Nearness,
    Port,
    Profile,
    Protocol,
    Resolution,
    Service,
    Workload,
)
from pidalio.model.tally import Tally

__all__ = [
    "NETWORK",
    "NODE",
    "REGION",
    "SUBZONE",
    "ZONE",
    "Alias",
    "Code",
    "Delivery",
    "Endpoint",
    "Health",
    "Interception",
    "Labels",
    "Locality",
    "Mode",
    "Nearness",
    "ObjectRef",
    "Origin",
    "Place",
    "Port",
    "Profile",
    "Protocol",
    "Proxy",
    "ProxyType",
    "Report",
    "Resolution",
    "Service",
    "Severity",
    "Sight",
    "Source",
    "Tally",
    "Word",
    "Workload",
    "combined",
    "host_matches",
    "host_sort_key",
    "host_subset_of",
    "is_wildcard",
    "labelled_locality",
    "labels_of",
    "parse_locality",
    "printable",
    "selects",
]
