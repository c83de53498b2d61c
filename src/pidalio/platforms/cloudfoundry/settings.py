"""What Cloud Foundry's adapter can be told, and what is wrong with it: one line each, at start."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from pidalio.errors import PlatformUnavailable, UsageError
from pidalio.platforms.offers import NamedSettings

_SCHEMES = ("nats", "tls")


class CloudFoundrySettings(NamedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How a Cloud Foundry is reached and read.

    `nats` are the servers on which route messages come, separated by commas; `user` with `password` or the content of
    `password_file`; `ca`, `cert` and `key` are PEM files for TLS to them (`tls://HOST:PORT`), mutual with the last two.
    `api` is the Cloud Controller, for names, labels and weights; `client` with `secret` or `secret_file` are asked a
    token of, at `uaa` or where the API says; `api_ca` is a PEM file. Every `reconcile` seconds all of it is read anew;
    with `stats` each process too, for instances that are registered and may not be routed to.
    `instance_ca` is the PEM file with who signs instances' certificates; `trust_domain` begins their identities.
    `port` is what callers use, `internal_port` where instances listen for routes of internal domains, which state none;
    `region` is that of all zones. With `gateways` (as a VirtualService names them) hosts are served there too.
    `hostname` may have the parts `{host}`, `{name}` (its first label) and `{domain}` (the rest).
    `interval` and `threshold` are the seconds between registrations and until an instance without TLS is forgotten, 0
    for what the routers say; `settle` those until everything was heard once, 0 for an interval and a tenth.
    `prune_offline` forgets instances also while NATS is gone, as the platform's own router does. With `announce` this
    says `router.start` and answers `router.greet`, as only a router should. `unserved` says what becomes of routes
    whose requests belong to a route service: `leave` leaves them out, `bypass` sends them past it.
    """

    nats: str = ""
    user: str = ""
    password: str = ""
    password_file: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    api: str = ""
    uaa: str = ""
    client: str = ""
    secret: str = ""
    secret_file: str = ""
    api_ca: str = ""
    reconcile: float = 180.0
    stats: bool = False
    instance_ca: str = ""
    trust_domain: str = "cluster.local"
    port: int = 80
    internal_port: int = 8080
    region: str = ""
    gateways: str = ""
    interval: float = 0.0
    threshold: float = 0.0
    settle: float = 0.0
    prune_offline: bool = False
    announce: bool = False
    unserved: str = "leave"

    @property
    def servers(self) -> tuple[str, ...]:
        """Return the URLs of the NATS servers."""
        return tuple(_url(one) for part in self.nats.split(",") if (one := part.strip()))

    @property
    def bound_to(self) -> tuple[str, ...]:
        """Return the gateways that serve routes."""
        return tuple(one for part in self.gateways.split(",") if (one := part.strip()))

    def check(self) -> None:
        """Raise `UsageError` for servers that are none, and for parts of what belongs together."""
        super().check()
        if not self.servers:
            raise UsageError("nats: no server: write nats://HOST:4222, or several separated by commas")
        for one in self.servers:
            if not _is_server(one):
                raise UsageError(f"nats: {one!r} is not a server: write nats://HOST:4222 or tls://HOST:4224")
        if bool(self.cert) != bool(self.key):
            raise UsageError("cert and key go together")
        if self.client and not self.api:
            raise UsageError("client needs api")
        for name in ("password", "secret"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise UsageError(f"{name} and {name}File exclude each other")
        if self.api and not (self.api.startswith(("http://", "https://")) and self.client):
            raise UsageError("api: write https://HOST, and a client with a secret that may read everything")
        if self.unserved not in ("leave", "bypass"):
            raise UsageError(f"unserved: {self.unserved!r} is neither leave nor bypass")
        self._check_numbers()
        self.named("{host}", host="a.b", name="a", domain="b")

    def _check_numbers(self) -> None:
        for name in ("port", "internal_port"):
            if not 0 < getattr(self, name) < 1 << 16:
                raise UsageError(f"{_camel(name)}: {getattr(self, name)} is not a port: write 1 to 65535")
        for name in ("interval", "threshold", "settle"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name}: {getattr(self, name)} is less than 0 seconds")
        if self.reconcile < 1:
            raise UsageError(f"reconcile: {self.reconcile} is less than a second")

    def nats_password(self) -> str:
        """Return the password as it is now; raise `PlatformUnavailable` when its file cannot be read."""
        return _read(self.password_file, "the password of NATS") if self.password_file else self.password

    def client_secret(self) -> str:
        """Return the client's secret as it is now; raise `PlatformUnavailable` when its file cannot be read."""
        return _read(self.secret_file, "the client's secret") if self.secret_file else self.secret

    def authority(self) -> str:
        """Return who signs instances' certificates, "" for nobody; raise `PlatformUnavailable` when it is unread."""
        found = _read(self.instance_ca, "instanceCa") if self.instance_ca else ""
        if not self.instance_ca:
            return ""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found)
        except (ssl.SSLError, ValueError) as error:
            message = f"{self.instance_ca}: instanceCa has no certificates in PEM that can be read: {error}"
            raise PlatformUnavailable(message, is_lasting=True) from error
        return found + "\n"


def _is_server(url: str) -> bool:
    try:
        found = urlsplit(url)
        return found.scheme in _SCHEMES and bool(found.hostname) and found.port != 0
    except ValueError:  # a port that is none
        return False


def _url(text: str) -> str:
    return text if "://" in text else f"nats://{text}"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _read(path: str, what: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise PlatformUnavailable(f"{path}: {what} cannot be read: {error}", is_lasting=True) from error
