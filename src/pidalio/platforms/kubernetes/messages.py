"""What the API server sends, so far as it is read: lists, watch events, and the kinds that become rows.

Everything else in a message is passed over without being built: a pod costs microseconds, and little memory.
Invariant: null means the same as a field that is not there, as everywhere in Kubernetes.
Source: Kubernetes' API conventions and API reference (v1, discovery.k8s.io/v1).
"""

from typing import Any, TypeVar

import msgspec

from pidalio.api import kubernetes
from pidalio.api.metadata import KEPT_ANNOTATIONS
from pidalio.api.object import Meta
from pidalio.model import labels_of

T = TypeVar("T")


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of an object's metadata."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: str = ""
    deletion_timestamp: str = ""

    def meta(self) -> Meta:
        """Return it as files' objects have it."""
        return Meta(
            self.namespace,
            self.name,
            labels_of(self.labels),
            tuple(sorted(pair for pair in self.annotations.items() if pair[0].startswith(KEPT_ANNOTATIONS))),
            self.creation_timestamp,
            deleting=bool(self.deletion_timestamp),
        )


class Head(msgspec.Struct, frozen=True):
    """Any object, so far as every kind has it."""

    metadata: Metadata = Metadata()


class TargetReference(kubernetes.ObjectReference, frozen=True):
    """The object that an address stands for, and which one of those that had its name."""

    uid: str = ""


class SliceEndpoint(kubernetes.SliceEndpoint, frozen=True):
    """An endpoint of a slice."""

    target_ref: TargetReference | None = None


class EndpointSlice(kubernetes.EndpointSlice, frozen=True):
    """A slice; `address_type` is IPv4, IPv6 or FQDN."""

    metadata: Metadata = Metadata()
    endpoints: tuple[SliceEndpoint, ...] = ()
    address_type: str = ""


class PodIP(msgspec.Struct, frozen=True):
    """One address of a pod."""

    ip: str = ""


class PodStatus(kubernetes.PodStatus, frozen=True):
    """What the platform says of a running pod, with all its addresses."""

    pod_ips: tuple[PodIP, ...] = msgspec.field(default=(), name="podIPs")


class PodSpec(kubernetes.PodSpec, frozen=True):
    """What a pod asks for, and whom it runs as."""

    service_account_name: str = ""


class Pod(kubernetes.Pod, frozen=True):
    """A pod."""

    metadata: Metadata = Metadata()
    spec: PodSpec | None = None
    status: PodStatus | None = None


class Families(msgspec.Struct, frozen=True, rename="camel"):
    """The address families of a service, the one that its clients use first."""

    ip_families: tuple[str, ...] = ()


class ListMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """Which version of the whole a page shows, and how to ask for the next."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(msgspec.Struct, frozen=True):
    """One page of a list."""

    metadata: ListMetadata = ListMetadata()
    items: list[msgspec.Raw] | None = None


class Event(msgspec.Struct, frozen=True):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    type: str
    object: msgspec.Raw


class Cause(msgspec.Struct, frozen=True):
    """One cause of a failure."""

    reason: str = ""


class Details(msgspec.Struct, frozen=True, rename="camel"):
    """More on a failure."""

    causes: tuple[Cause, ...] = ()
    retry_after_seconds: int = 0


class Status(msgspec.Struct, frozen=True):
    """What the API server says instead of an answer."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: Details = Details()
    metadata: ListMetadata = ListMetadata()


class Listed(msgspec.Struct, frozen=True):
    """A kind of one version of a group: its name in paths."""

    name: str


class Resources(msgspec.Struct, frozen=True):
    """The kinds of one version of a group."""

    resources: tuple[Listed, ...] = ()


def decoded(data: bytes | msgspec.Raw, type_: type[T]) -> T:
    """Return what `data` says; raise `msgspec.DecodeError` (a `ValueError`), one line, for what is none."""
    try:
        try:
            return msgspec.json.decode(data, type=type_)
        except msgspec.ValidationError:
            return msgspec.convert(_without_nulls(msgspec.json.decode(data)), type_)
    except RecursionError as error:
        raise msgspec.DecodeError("it holds something that is nested too deeply to be read") from error


def _without_nulls(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_nulls(value) for key, value in tree.items() if value is not None}
    return [_without_nulls(one) for one in tree] if isinstance(tree, list) else tree
