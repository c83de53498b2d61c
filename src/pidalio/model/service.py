"""Services, their ports, and the instances behind them: what every platform is mapped to."""

import enum

import msgspec

from pidalio.model.health import Health, Source
from pidalio.model.labels import Labels
from pidalio.model.report import ObjectRef


class Protocol(enum.Enum):
    """What is spoken on a port; UNSUPPORTED means undeclared, to be sniffed."""

    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-WEB"
    HTTPS = "HTTPS"
    TLS = "TLS"
    TCP = "TCP"
    UDP = "UDP"
    MONGO = "MONGO"
    REDIS = "REDIS"
    MYSQL = "MYSQL"
    UNSUPPORTED = "UNSUPPORTED"

    @property
    def is_http(self) -> bool:
        """Tell whether requests can be routed one by one without TLS."""
        return self in _HTTP

    @property
    def is_http2(self) -> bool:
        """Tell whether the upstream is spoken to in HTTP/2."""
        return self in (Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB)

    @property
    def is_tls(self) -> bool:
        """Tell whether connections are told apart by the server name that their TLS asks for."""
        return self in (Protocol.HTTPS, Protocol.TLS)


_HTTP = frozenset({Protocol.HTTP, Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB})


class Resolution(enum.Enum):
    """How the instances of a service are found (Istio's ServiceEntry.resolution, and the registry's own)."""

    STATIC = "STATIC"
    DNS = "DNS"
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    NONE = "NONE"
    DYNAMIC_DNS = "DYNAMIC_DNS"


class Nearness(enum.Enum):
    """Which instances a service prefers for every caller (Kubernetes' trafficDistribution); PreferClose is its zone."""

    ANYWHERE = ""
    SAME_ZONE = "PreferSameZone"
    SAME_NODE = "PreferSameNode"


class Profile(enum.Enum):
    """What calls do about failures where no rule says it: what Istio does, or less, so that nothing is done twice."""

    ISTIO = "istio"
    SAFE = "safe"


class Locality(msgspec.Struct, frozen=True, order=True, gc=False):
    """Say where an instance runs; empty parts are unknown."""

    region: str = ""
    zone: str = ""
    subzone: str = ""

    def __str__(self) -> str:
        return "/".join((self.region, self.zone, self.subzone)).rstrip("/")


class Port(msgspec.Struct, frozen=True, order=True, gc=False):
    """A port that callers use: `number`; instances listen on `target_port` (0: the same number)."""

    number: int
    name: str
    protocol: Protocol
    target_port: int = 0
    target_port_name: str = ""


class Service(msgspec.Struct, frozen=True, gc=False):
    """A named destination.

    `hostname` is fully qualified and lower-case, or a wildcard (ServiceEntry).
    `selector` picks `Workload`s of the same namespace when the platform gives no endpoints itself.
    `addresses` are virtual addresses; `created` is an RFC 3339 stamp, empty for "as old as all others".
    `node_local` sends callers to instances on their own node only; with `publish_not_ready` readiness does not count.
    `prefers` sends them to near instances first.
    `profile` and `heeds_callers` are its own word on failures, and on callers' own timeouts and retries; None is none.
    `instance_ca` holds the certificates (PEM, up to a line break) of who signs those of instances that speak TLS.
    With `round_robin` its platform wants instances to take turns, where no rule says how to balance.
    `registry` is `Kubernetes`, `ServiceEntry`, or the kind of platform; ServiceEntries come last where several declare
    one host, platforms by `rank`, in the order in which they were configured (files come first, with 0).
    """

    hostname: str
    namespace: str
    ports: tuple[Port, ...]
    registry: str
    object: ObjectRef
    addresses: tuple[str, ...] = ()
    resolution: Resolution = Resolution.STATIC
    external: bool = False
    headless: bool = False
    export_to: tuple[str, ...] = ()
    selector: Labels | None = None
    created: str = ""
    subject_alt_names: tuple[str, ...] = ()
    node_local: bool = False
    publish_not_ready: bool = False
    prefers: Nearness = Nearness.ANYWHERE
    profile: Profile | None = None
    heeds_callers: bool | None = None
    rank: int = 0
    instance_ca: str = ""
    round_robin: bool = False

    def port(self, number: int) -> Port | None:
        """Return the port numbered `number`, or None."""
        return next((port for port in self.ports if port.number == number), None)


class Alias(msgspec.Struct, frozen=True, gc=False):
    """A second name, `hostname`, for whatever service is called `target` (a platform service of type ExternalName)."""

    hostname: str
    target: str
    object: ObjectRef


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One instance's address for one service port.

    `address` is an IP, a DNS name (resolution DNS) or `unix:///path` (then `port` is 0);
    `service_port` is the number that callers use, or 0 where only `port_name` is known (EndpointSlice);
    `weight` is a relative load share (0 means 1); `workload` names the instance, which may add labels.
    `hostname` is its own name below that of a headless service; `node` the machine that it runs on.
    `identity` is the name that its certificate bears (a SPIFFE id or a DNS name), where the platform says it.
    With a `tls_name` connections to it are TLS, and go on only if its certificate bears this DNS name and is signed by
    the service's `instance_ca`.
    """

    address: str
    port: int
    service_port: int
    port_name: str = ""
    labels: Labels = ()
    weight: int = 0
    locality: Locality = Locality()
    health: Health = Health.HEALTHY
    workload: str = ""
    network: str = ""
    hostname: str = ""
    node: str = ""
    identity: str = ""
    tls_name: str = ""

    @property
    def instance(self) -> str:
        """Return the name by which this one instance of a headless service is called."""
        return self.hostname or self.workload


class Workload(msgspec.Struct, frozen=True, gc=False):
    """One running instance with its labels; selected by services of its namespace.

    `ports` maps a service port's name to the number this instance uses instead (WorkloadEntry.ports);
    `named_ports` are the instance's own port names, which a service's named target port refers to.
    `moved_ports` are ports that it could not have and the ones it has instead: applied to whatever number results.
    An empty `address` means that the instance is known by its labels only (a Deployment in a file).
    `health` is the word of `source`; several rows may be about one address.
    """

    name: str
    namespace: str
    address: str
    labels: Labels
    ports: tuple[tuple[str, int], ...] = ()
    named_ports: tuple[tuple[str, int], ...] = ()
    moved_ports: tuple[tuple[int, int], ...] = ()
    weight: int = 0
    locality: Locality = Locality()
    health: Health = Health.HEALTHY
    service_account: str = ""
    network: str = ""
    object: ObjectRef | None = None
    hostname: str = ""
    node: str = ""
    source: Source = Source.PLATFORM
