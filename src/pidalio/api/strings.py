"""Messages that several kinds share: string conditions, destinations, ports, selectors."""

from typing import ClassVar

from pidalio.api.scalars import Message, StringMap


class StringMatch(Message, frozen=True):
    """A condition on text; none of the three set means "present"."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("exact", "prefix", "regex"),)

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


class PortSelector(Message, frozen=True):
    """A port by its number."""

    number: int = 0


class Destination(Message, frozen=True):
    """A service, a subset of its instances, and a port."""

    host: str = ""
    subset: str = ""
    port: PortSelector | None = None


class WorkloadSelector(Message, frozen=True):
    """Workloads of the same namespace by labels (ServiceEntry, Sidecar)."""

    labels: StringMap = ()


class MatchLabelsSelector(Message, frozen=True):
    """Workloads by labels, in the form of DestinationRule and Kubernetes' apps group."""

    match_labels: StringMap = ()
