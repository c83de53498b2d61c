"""Read `metadata`: what has meaning is kept, the platform's bookkeeping is dropped.

Annotations are kept only under prefixes that mean something to us, so that a foreign annotation changes nothing.
"""

from typing import Any

from pidalio.api.annotations import check_proxy_config_of
from pidalio.api.convert import nearest
from pidalio.api.findings import Findings
from pidalio.api.kinds import Kind
from pidalio.api.local_workload import LocalWorkload
from pidalio.api.names import is_dns_label, is_dns_name
from pidalio.api.object import Meta
from pidalio.api.places import join
from pidalio.api.validate.resilience import check_resilience
from pidalio.api.validate.values import check_labels
from pidalio.model import Labels

KEPT_ANNOTATIONS = (
    "networking.istio.io/",
    "pidalio.dev/",
    "kubernetes.io/ingress.",
    "ingressclass.kubernetes.io/",
    "sidecar.istio.io/",
    "traffic.sidecar.istio.io/",
    "traffic.istio.io/",
    "proxy.istio.io/",
    "security.istio.io/",
    "ingressclass.kubernetes.io/",
    "topology.istio.io/",
    "alpha.istio.io/",
)
_READ = ("name", "namespace", "labels", "annotations", "creationTimestamp", "deletionTimestamp")
_IGNORED = frozenset(
    {
        "clusterName",
        "deletionGracePeriodSeconds",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
        "initializers",
    }
)


def read_meta(tree: Any, kind: Kind, default_namespace: str, found: Findings) -> Meta:
    """Return the metadata of an object; what cannot be read is empty, and `found` says why."""
    if not isinstance(tree, dict):
        found.error("missing-name", "metadata", "an object needs metadata with a name")
        return Meta(default_namespace, "")
    if not kind.lenient:
        for key in tree:
            if key not in _READ and key not in _IGNORED:
                message = f"metadata has no field {key!r}{nearest(key, _READ)}"
                found.error("unknown-field", join("metadata", key), message)
    name, namespace = _text(tree, "name", found), _text(tree, "namespace", found)
    _check_names(name, namespace, found)
    annotations = _pairs(tree, "annotations", found)
    if kind.struct is LocalWorkload:
        check_proxy_config_of(annotations, "metadata.annotations", found)
    check_resilience(annotations, kind.name, found)
    labels = _pairs(tree, "labels", found)
    check_labels(labels, "metadata.labels", found)
    return Meta(
        "" if kind.cluster_wide else namespace or default_namespace,
        name,
        labels,
        tuple(pair for pair in annotations if pair[0].startswith(KEPT_ANNOTATIONS)),
        _text(tree, "creationTimestamp", found),
        deleting=tree.get("deletionTimestamp") is not None,
    )


def _check_names(name: str, namespace: str, found: Findings) -> None:
    if not name:
        found.error("missing-name", "metadata.name", "an object needs a name")
    elif not is_dns_name(name):
        found.error("bad-name", "metadata.name", f"{name!r} is not a name: lower-case letters, digits, '-' and '.'")
    if namespace and not is_dns_label(namespace):
        message = f"{namespace!r} is not a namespace: at most 63 lower-case letters, digits and '-'"
        found.error("bad-name", "metadata.namespace", message)


def _text(tree: dict[str, Any], key: str, found: Findings) -> str:
    value = tree.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        found.error("wrong-type", f"metadata.{key}", f"this must be text: put it in quotes ({str(value)!r})")
        return ""
    return value


def _pairs(tree: dict[str, Any], key: str, found: Findings) -> Labels:
    value = tree.get(key)
    if value is None:
        return ()
    path = f"metadata.{key}"
    if not isinstance(value, dict):
        found.error("wrong-type", path, "this must be a map of text to text")
        return ()
    for name, text in value.items():
        if not isinstance(text, str):
            found.error("wrong-type", join(path, name), f'this must be text: put it in quotes ("{_shown(text)}")')
    return tuple(sorted((name, text) for name, text in value.items() if isinstance(text, str)))


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else "..."
