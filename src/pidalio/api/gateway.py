"""Gateway: ports and hosts that a gateway proxy opens to the outside (reference §1.3)."""

import enum

from pidalio.api.scalars import Message, StringMap


class ServerTLSMode(enum.Enum):
    """How TLS of callers is handled."""

    PASSTHROUGH = "PASSTHROUGH"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    OPTIONAL_MUTUAL = "OPTIONAL_MUTUAL"


class TLSProtocol(enum.Enum):
    """Versions of TLS; TLS_AUTO leaves the choice to the proxy."""

    TLS_AUTO = "TLS_AUTO"
    TLSV1_0 = "TLSV1_0"
    TLSV1_1 = "TLSV1_1"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


class GatewayPort(Message, frozen=True):
    """A port with its protocol; `target_port` is deprecated and refused."""

    number: int = 0
    protocol: str = ""
    name: str = ""
    target_port: int = 0


class TLSCertificate(Message, frozen=True):
    """One certificate with its key, as files."""

    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""


class ServerTLSSettings(Message, frozen=True):
    """TLS of a server; `https_redirect` answers plain requests with 301."""

    https_redirect: bool = False
    mode: ServerTLSMode = ServerTLSMode.PASSTHROUGH
    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    ca_crl: str = ""
    credential_name: str = ""
    credential_names: tuple[str, ...] = ()
    ca_cert_credential_name: str = ""
    tls_certificates: tuple[TLSCertificate, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
    verify_certificate_spki: tuple[str, ...] = ()
    verify_certificate_hash: tuple[str, ...] = ()
    min_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    max_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    cipher_suites: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = ()
    insecure_skip_verify: bool | None = None


class Server(Message, frozen=True):
    """One port and the hosts it serves, each `[namespace/]host`."""

    port: GatewayPort | None = None
    bind: str = ""
    hosts: tuple[str, ...] = ()
    tls: ServerTLSSettings | None = None
    default_endpoint: str = ""
    name: str = ""


class Gateway(Message, frozen=True):
    """Servers of the gateway proxies that `selector` picks by labels; an empty selector picks all."""

    servers: tuple[Server, ...] = ()
    selector: StringMap = ()
