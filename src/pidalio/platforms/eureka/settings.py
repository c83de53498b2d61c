"""What the Eureka adapter can be told."""

from typing import Final, Literal

from pidalio.errors import UsageError
from pidalio.platforms.asking import HttpSettings, SecretSettings, check_url

_SHORTEST: Final = 0.1


class EurekaSettings(HttpSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Where Eureka is and how its words are read.

    `address` is the base of its REST interface (`http://HOST:8761/eureka`); several servers are separated by commas,
    and the first that answers is kept. A service is a `vip` address, or an `app`. Callers use `port` for the
    instances' plain ports and `secure_port` for their secure ones, whatever the numbers there are. `interval` is the
    time between two questions, `settle` how long a server that shows much less than before may take to show it again
    (a restarted one knows nothing until each instance's next heartbeat), `silence` how long an answer may take, and
    `reconcile` the time after which everything is read anew; all in seconds.
    """

    by: Literal["vip", "app"] = "vip"
    port: int = 80
    secure_port: int = 443
    interval: float = 30.0
    settle: float = 180.0
    silence: float = 30.0
    reconcile: float = 300.0

    def check(self) -> None:
        """Raise `UsageError` for what makes no sense."""
        SecretSettings.check(self)
        for address in self.addresses() or ("",):
            check_url("address", address)
        for field in ("interval", "silence", "reconcile"):
            if getattr(self, field) < _SHORTEST:
                raise UsageError(f"{field}: at least {_SHORTEST:g} seconds")
        self.named("{name}", name="web", app="web")

    def addresses(self) -> tuple[str, ...]:
        """Return the servers in the order in which they are tried."""
        return tuple(one.strip().rstrip("/") for one in self.address.split(",") if one.strip())
