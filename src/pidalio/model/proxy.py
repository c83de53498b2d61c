"""A connected proxy: who it is, whom it serves, and hence what it may see."""

import enum

import msgspec

from pidalio.errors import UsageError
from pidalio.model.labels import Labels
from pidalio.model.service import Locality


class ProxyType(enum.Enum):
    """Istio's node types that Pidalio configures."""

    SIDECAR = "sidecar"
    ROUTER = "router"


class Mode(enum.Enum):
    """How requests reach a proxy: callers name it, the system redirects them to it, or it faces outside."""

    EXPLICIT = "explicit"
    TRANSPARENT = "transparent"
    GATEWAY = "gateway"

    __hash__ = object.__hash__  # members are singletons, and keys of clusters are hashed all the time


class Interception(enum.Enum):
    """How a sidecar's connections are redirected to it, in both directions; NONE where they are not."""

    NONE = "NONE"
    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"


class Delivery(enum.Enum):
    """How a proxy takes its routes: virtual host by virtual host, as whole tables (state-of-the-world xDS), or as gRPC.

    GRPC is no Envoy: a proxyless client, which asks for what it calls, in the words that gRPC itself understands.
    """

    PARTS = "parts"
    TABLES = "tables"
    GRPC = "grpc"


class Proxy(msgspec.Struct, frozen=True, gc=False):
    """One Envoy, or an application that follows rules without one (`Delivery.GRPC`).

    `outbound` is `address:port` of the explicit HTTP-proxy listener, empty where there is none;
    `address` is the instance's own address, on which inbound ports are bound;
    `app_address` is where the application listens (`127.0.0.1` unless the agent says otherwise) and
    `app_ports` maps a target port to the port on which the application really listens.
    `gateway_address` is where a gateway's servers are bound that name no address;
    `gateway_ports` maps a Gateway's port to the one that is bound instead (below 1024 without root).
    `access_log` is the file that its listeners write to, empty for none.
    `interception` says whether the system redirects its workload's connections to it.
    `delivery` says how it takes its routes.
    """

    type: ProxyType
    address: str
    name: str
    namespace: str
    domain: str = "cluster.local"
    labels: Labels = ()
    locality: Locality = Locality()
    outbound: str = ""
    app_address: str = "127.0.0.1"
    app_ports: tuple[tuple[int, int], ...] = ()
    gateway_address: str = "0.0.0.0"  # noqa: S104 - a gateway is what faces outside
    gateway_ports: tuple[tuple[int, int], ...] = ()
    access_log: str = ""
    interception: Interception = Interception.NONE
    delivery: Delivery = Delivery.PARTS

    @property
    def mode(self) -> Mode:
        """Return how requests reach it."""
        if self.type is ProxyType.ROUTER:
            return Mode.GATEWAY
        return Mode.EXPLICIT if self.interception is Interception.NONE else Mode.TRANSPARENT

    @property
    def id(self) -> str:
        """Return Istio's node id: `sidecar~10.0.0.7~reviews-v1-0.default~default.svc.cluster.local`."""
        return f"{self.type.value}~{self.address}~{self.name}.{self.namespace}~{self.namespace}.svc.{self.domain}"

    @classmethod
    def from_id(cls, node_id: str) -> "Proxy":
        """Parse Istio's node id; raise `UsageError` that shows the form when it is another."""
        parts = node_id.split("~")
        form = "sidecar~10.0.0.7~reviews-v1-0.default~default.svc.cluster.local"
        types = {kind.value: kind for kind in ProxyType}
        if len(parts) != 4 or parts[0] not in types or "." not in parts[2]:
            raise UsageError(f"{node_id!r} is not a proxy id; write it as TYPE~IP~NAME.NAMESPACE~DOMAIN, e.g. {form}")
        name, _, namespace = parts[2].rpartition(".")
        _, _, domain = parts[3].partition(".svc.")
        return cls(types[parts[0]], parts[1], name, namespace, domain or "cluster.local")
