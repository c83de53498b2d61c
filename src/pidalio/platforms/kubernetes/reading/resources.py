"""Which resources are read, and where each is served.

Whoever adds a kind of Istio's or ours to `api.kinds` has it read here, too. Source: Kubernetes' API reference.
"""

from typing import Final

import msgspec

from pidalio.api.kinds import ISTIO_GROUP, KINDS, OWN_GROUP


class Resource(msgspec.Struct, frozen=True):
    """A kind as the API server serves it; `versions` are those that we read, the best first.

    `fields` selects objects by their fields. `without` is what it means when it may not be read.
    """

    kind: str
    group: str
    plural: str
    versions: tuple[str, ...] = ("v1",)
    namespaced: bool = True
    fields: str = ""
    without: str = "what was known of them stays in force"

    @property
    def is_builtin(self) -> bool:
        """Tell whether every API server serves it."""
        return self.group not in (ISTIO_GROUP, OWN_GROUP)

    @property
    def said(self) -> str:
        """Return its name as people and RBAC write it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, version: str, namespace: str = "") -> str:
        """Return where it is listed, in one namespace or everywhere."""
        root = f"/apis/{self.group}/{version}" if self.group else f"/api/{version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"


NAMESPACES: Final = Resource("Namespace", "", "namespaces", namespaced=False, without="none is picked by its labels")
NODES: Final = Resource(
    "Node", "", "nodes", namespaced=False, without="localities are those that pods' labels and slices state"
)
PODS: Final = Resource(
    "Pod",
    "",
    "pods",
    fields="status.phase!=Failed,status.phase!=Succeeded",
    without="instances have no labels, so that no subset has any, and no identity",
)
SERVICES: Final = Resource("Service", "", "services")
SLICES: Final = Resource("EndpointSlice", "discovery.k8s.io", "endpointslices")

_NOT_HERE: Final = ("LocalWorkload",)
"""What agents write about their own machine."""


def _plural(kind: str) -> str:
    word = kind.lower()
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith("s") else "s")


RULES: Final = tuple(
    Resource(kind.name, kind.group, _plural(kind.name), kind.versions, namespaced=not kind.cluster_wide)
    for kind in KINDS
    if kind.group in (ISTIO_GROUP, OWN_GROUP, "networking.k8s.io") and kind.name not in _NOT_HERE
)
"""The kinds that are objects of the mesh: rules, not instances."""
