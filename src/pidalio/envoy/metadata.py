"""Where a resource comes from, written into Envoy's metadata: from an access-log line back to a line of YAML.

Two namespaces: `istio`, with the path of the owning object as Istio writes it, for people's tools;
`pidalio`, with kind, namespace, name and field path of the rule, stable under moves and comments.
Invariant: nothing here changes unless behaviour or ownership does (no file, no line, no revision).
"""

from __future__ import annotations

import re

from pidalio.envoy import messages as pb
from pidalio.model import Origin

ISTIO = "istio"
PIDALIO = "pidalio"
_ISTIO_KINDS = frozenset(
    {"VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "WorkloadEntry", "WorkloadGroup", "Sidecar"},
)
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def write_origin(metadata: pb.Metadata, origin: Origin | None, *, reason: str = "") -> None:
    """Write `origin` into a message's `metadata` field, which stays unset when there is nothing to say.

    `reason` explains an answer that no user asked for in so many words (a missing destination).
    """
    if origin is None and not reason:
        return
    namespaces = metadata.filter_metadata
    own = namespaces[PIDALIO].fields
    if reason:
        own["reason"].string_value = reason
    if origin is None:
        return
    owner = origin.object
    own["kind"].string_value = owner.kind
    own["name"].string_value = owner.name
    own["namespace"].string_value = owner.namespace
    if origin.path:
        own["path"].string_value = origin.path
    if owner.kind in _ISTIO_KINDS:
        namespaces[ISTIO].fields["config"].string_value = istio_path(origin)


def istio_path(origin: Origin) -> str:
    """Return `/apis/networking.istio.io/v1/namespaces/<ns>/virtual-service/<name>`: how Istio names an object."""
    owner = origin.object
    kind = _CAPITAL.sub("-", owner.kind).lower()
    return f"/apis/networking.istio.io/v1/namespaces/{owner.namespace}/{kind}/{owner.name}"
