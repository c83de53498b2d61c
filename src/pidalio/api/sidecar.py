"""Sidecar: what the sidecars of a namespace or workload may see and open (reference §1.6)."""

import enum

from pidalio.api.gateway import ServerTLSSettings
from pidalio.api.scalars import Message
from pidalio.api.strings import Destination, WorkloadSelector
from pidalio.api.traffic_policy import ConnectionPoolSettings


class CaptureMode(enum.Enum):
    """How traffic reaches a listener; NONE binds the port."""

    DEFAULT = "DEFAULT"
    IPTABLES = "IPTABLES"
    NONE = "NONE"


class OutboundMode(enum.Enum):
    """What happens to hosts that no service declares; an empty policy block means REGISTRY_ONLY."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    ALLOW_ANY = "ALLOW_ANY"
    ALLOW_ANY_DYNAMIC_DNS = "ALLOW_ANY_DYNAMIC_DNS"


class SidecarPort(Message, frozen=True):
    """A port with its protocol."""

    number: int = 0
    protocol: str = ""
    name: str = ""
    target_port: int = 0


class IstioIngressListener(Message, frozen=True):
    """An inbound port, in place of those derived from services."""

    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    default_endpoint: str = ""
    tls: ServerTLSSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None


class IstioEgressListener(Message, frozen=True):
    """What is visible, each `namespace/host`; with `port` an extra listener."""

    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    hosts: tuple[str, ...] = ()


class OutboundTrafficPolicy(Message, frozen=True):
    """What happens to requests for undeclared hosts."""

    mode: OutboundMode = OutboundMode.REGISTRY_ONLY
    egress_proxy: Destination | None = None


class Sidecar(Message, frozen=True):
    """The scope of the workloads that `workload_selector` picks; None means the whole namespace."""

    workload_selector: WorkloadSelector | None = None
    ingress: tuple[IstioIngressListener, ...] = ()
    egress: tuple[IstioEgressListener, ...] = ()
    inbound_connection_pool: ConnectionPoolSettings | None = None
    outbound_traffic_policy: OutboundTrafficPolicy | None = None
