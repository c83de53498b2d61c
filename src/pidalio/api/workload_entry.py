"""WorkloadEntry and WorkloadGroup: instances outside the platform, one by one or as a template (reference §1.5)."""

from typing import ClassVar

from pidalio.api.scalars import Message, StringMap


class WorkloadEntry(Message, frozen=True):
    """One instance; `ports` maps a service port's name to the instance's own number, `weight` 0 means 1."""

    address: str = ""
    ports: tuple[tuple[str, int], ...] = ()
    labels: StringMap = ()
    network: str = ""
    locality: str = ""
    weight: int = 0
    service_account: str = ""


class HTTPHeader(Message, frozen=True):
    """A header that a probe sends."""

    name: str = ""
    value: str = ""


class HTTPHealthCheckConfig(Message, frozen=True):
    """Probe by GET; a status below 400 is healthy. Empty path means `/`, empty scheme HTTP."""

    path: str = ""
    port: int = 0
    host: str = ""
    scheme: str = ""
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPHealthCheckConfig(Message, frozen=True):
    """Probe by opening a connection."""

    host: str = ""
    port: int = 0


class ExecHealthCheckConfig(Message, frozen=True):
    """Probe by a command; exit status 0 is healthy."""

    command: tuple[str, ...] = ()


class GrpcHealthCheckConfig(Message, frozen=True):
    """Probe by the gRPC health service."""

    port: int = 0
    service: str = ""


class ReadinessProbe(Message, frozen=True):
    """How and how often an instance is asked; seconds, 0 means the default 0/1/10/1/3 in field order."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("!", "http_get", "tcp_socket", "exec", "grpc"),)

    initial_delay_seconds: int = 0
    timeout_seconds: int = 0
    period_seconds: int = 0
    success_threshold: int = 0
    failure_threshold: int = 0
    http_get: HTTPHealthCheckConfig | None = None
    tcp_socket: TCPHealthCheckConfig | None = None
    exec: ExecHealthCheckConfig | None = None
    grpc: GrpcHealthCheckConfig | None = None


class ObjectMeta(Message, frozen=True):
    """Labels and annotations that generated entries get."""

    labels: StringMap = ()
    annotations: StringMap = ()


class WorkloadGroup(Message, frozen=True):
    """A template of WorkloadEntries, and how their health is found out."""

    metadata: ObjectMeta | None = None
    template: WorkloadEntry | None = None
    probe: ReadinessProbe | None = None
