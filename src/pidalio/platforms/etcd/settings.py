"""What the etcd adapter can be told, and whoever else asks an etcd."""

from pidalio.errors import UsageError
from pidalio.platforms.asking import HttpSettings, check_url
from pidalio.platforms.offers import NamedSettings


class EtcdSettings(HttpSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Where etcd is, and where services are in it.

    `address` is the URL of a member; several are separated by commas, and the first that answers is kept. With `user`
    a `password` (or `password_file`, read anew at each login) gets a token. Services are keys `PREFIX` `NAME/ID`.
    Callers use `port` where an instance does not name its ports.
    """

    address: str = "http://127.0.0.1:2379"
    user: str = ""
    password: str = ""
    password_file: str = ""
    prefix: str = "/services/"
    port: int = 80

    def check(self) -> None:
        """Raise `UsageError` for what makes no sense."""
        NamedSettings.check(self)
        if not self.addresses():
            raise UsageError("address: write http://HOST:PORT of a member of the cluster")
        for address in self.addresses():
            check_url("address", address)
        if self.token or self.token_file:
            raise UsageError("etcd makes tokens itself: say user and password, or cert and key")
        if bool(self.cert) != bool(self.key):
            raise UsageError("cert and key go together")
        if bool(self.user) != bool(self.password or self.password_file):
            raise UsageError("user and password (or passwordFile) go together")
        if self.password and self.password_file:
            raise UsageError("password and passwordFile exclude each other")
        if not self.prefix.strip("/"):
            raise UsageError("prefix: name the part of etcd where services are, for example /services/")
        if not 0 < self.port < 65536:
            raise UsageError(f"port: {self.port} is not a port")
        self.host_of("web")

    def addresses(self) -> tuple[str, ...]:
        """Return the members in the order in which they are tried."""
        return tuple(one.strip().rstrip("/") for one in self.address.split(",") if one.strip())

    def root(self) -> str:
        """Return the prefix, ending in a slash, so that `/services` does not mean `/services-old` too."""
        return self.prefix.rstrip("/") + "/"

    def host_of(self, name: str) -> str:
        """Return what callers call a service; "" where no hostname can be made of its name."""
        return self.named("{name}.etcd", name=name)
