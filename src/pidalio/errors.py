"""Every exception that Pidalio raises, and what its catcher should do.

Mistakes of users are not exceptions: they are `model.Report` values, returned beside a result.
Exceptions are for what stops an operation as a whole::

    PidalioError                 base: the message is one line, ready for stderr
    ├── UsageError               wrong arguments or settings: exit status 2
    ├── Refused                  well-formed but not accepted: exit status 1
    │   ├── InvalidInput         carries the reports that say why
    │   ├── Conflict             the object belongs to another owner, or the revision moved on: read again
    │   └── NotFound             no such object, proxy or revision
    ├── Unavailable              try again later, nothing was changed
    │   ├── HistoryUnavailable   a change could not be recorded (full disk, locked file)
    │   ├── ServerUnreachable    no control plane answers at the address
    │   ├── PlatformUnavailable  a platform does not answer, or not as it should: what is known of it stays
    │   └── PortInUse            another process holds the address
    └── EnvoyError               the data plane cannot run
        ├── EnvoyNotFound        no executable
        ├── EnvoyVersionMismatch another version than the one compiled for
        ├── EnvoyExited          it stopped; the message quotes its log
        └── EnvoyUnresponsive    its admin interface gives no answer: it starts, hangs, or is gone
"""

from collections.abc import Sequence
from typing import Protocol


class Told(Protocol):
    """What can be told to the user in one line: `model.Report`, which this layer does not know."""

    def line(self) -> str:
        """Return the line."""


class PidalioError(Exception):
    """Something stopped the whole operation; `str(error)` is one line for the user."""


class UsageError(PidalioError):
    """Arguments or settings are wrong; nothing was tried."""


class Refused(PidalioError):
    """The request was understood and not accepted; asking again changes nothing."""


class InvalidInput(Refused):
    """Input is wrong; `reports` say where and what to do."""

    def __init__(self, message: str, reports: Sequence[Told] = ()) -> None:
        super().__init__(message)
        self.reports = tuple(reports)


class Conflict(Refused):
    """The object belongs to another owner, or has changed since it was read."""


class NotFound(Refused):
    """No such object, proxy or revision."""


class Unavailable(PidalioError):
    """Nothing was changed; asking again later may succeed."""


class HistoryUnavailable(Unavailable):
    """A change could not be recorded, and was therefore refused."""


class ServerUnreachable(Unavailable):
    """No control plane answers at the address."""


class PlatformUnavailable(Unavailable):
    """A platform does not answer, or not as it should; what is known of it stays in force.

    `is_lasting` says that asking again soon is no use (no permission, no such thing); `retry_after` is the platform's
    own word, in seconds, on when to ask again (0: none).
    """

    def __init__(self, message: str, *, is_lasting: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.is_lasting = is_lasting
        self.retry_after = retry_after


class PortInUse(Unavailable):
    """Another process holds the address."""


class EnvoyError(PidalioError):
    """The data plane cannot run."""


class EnvoyNotFound(EnvoyError):
    """No Envoy executable was found."""


class EnvoyVersionMismatch(EnvoyError):
    """The executable is of another version than the one Pidalio compiles for."""


class EnvoyExited(EnvoyError):
    """Envoy stopped; the message quotes the end of its log."""


class EnvoyUnresponsive(EnvoyError):
    """Envoy's admin interface gives no answer; whether it still runs is known from its process."""
