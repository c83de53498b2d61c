"""Where a resource comes from, written into Envoy's metadata: from an access-log line back to a line of YAML.

Of an object of Istio's kinds the namespace `istio` has `config`, the object's path as Istio writes it, for people's
tools, and `path`, the field path of the rule inside it. Of any other object `pidalio` has kind, namespace, name and
path; of a rule that another delegated to, `root` and `root_path` name that other in the same way; and of every answer
that nobody asked for in so many words there is its `reason`.
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


def write_origin(metadata: pb.Metadata, origin: Origin | None, *, root: Origin | None = None, reason: str = "") -> None:
    """Write `origin` into a message's `metadata` field, which stays unset when there is nothing to say.

    `root` is the rule that delegated to `origin`; `reason` explains an answer that no user asked for in so many words
    (a missing destination).
    """
    if origin is None and not reason:
        return
    namespaces = metadata.filter_metadata
    if reason:
        namespaces[PIDALIO].fields["reason"].string_value = reason
    if root is not None:
        namespaces[PIDALIO].fields["root"].string_value = istio_path(root)
        namespaces[PIDALIO].fields["root_path"].string_value = root.path
    if origin is None:
        return
    owner = origin.object
    if owner.kind in _ISTIO_KINDS:
        said = namespaces[ISTIO].fields
        said["config"].string_value = istio_path(origin)
    else:
        said = namespaces[PIDALIO].fields
        said["kind"].string_value = owner.kind
        said["name"].string_value = owner.name
        said["namespace"].string_value = owner.namespace
    if origin.path:
        said["path"].string_value = origin.path


def istio_path(origin: Origin) -> str:
    """Return `/apis/networking.istio.io/v1/namespaces/<ns>/virtual-service/<name>`: how Istio names an object."""
    owner = origin.object
    kind = _CAPITAL.sub("-", owner.kind).lower()
    return f"/apis/networking.istio.io/v1/namespaces/{owner.namespace}/{kind}/{owner.name}"
