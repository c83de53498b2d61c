"""Messages that several kinds share: string conditions, destinations, ports, selectors."""

from typing import ClassVar

from pidalio.api.scalars import Message, StringMap


class StringMatch(Message, frozen=True):
    """A condition on text; none of the three set means "present"."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("exact", "prefix", "regex"),)

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


CLAIMS = "@request.auth.claims"
"""How a condition on a claim of a token begins, where the name of a header is expected."""


def claim_of(header: str) -> tuple[str, ...]:
    """Return the path of the claim that a condition called `header` asks for; empty where it is of a header.

    Written `@request.auth.claims.a.b`, or `@request.auth.claims[a][b]` where names have dots.
    """
    if not header.lower().startswith(CLAIMS):
        return ()
    rest = header[len(CLAIMS) :]
    if rest.startswith("[") and rest.endswith("]"):
        parts = rest[1:-1].split("][")
    elif rest.startswith("."):
        parts = rest[1:].split(".")
    else:
        return ()
    return tuple(parts) if all(parts) else ()


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
