"""What differs between the two variants of ADS, delta and state-of-the-world; all else is one code.

Inside, everything is said as differences, as delta says it: which names are added and taken back, which resources are
new and which are removed. `delta` says the same on the wire, `state_of_the_world` translates.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from pidalio.envoy.resource import Resource
from pidalio.xds.status import Rejection
from pidalio.xds.subscription import Subscription
from pidalio.xds.wire import Request

if TYPE_CHECKING:
    from pidalio.xds.batch import Batch
    from pidalio.xds.session import Session


class Held(msgspec.Struct, frozen=True):
    """All that a proxy holds of a type: versions by name, and the resources where they are needed to say it again."""

    versions: Mapping[str, str]
    resources: Mapping[tuple[str, str], Resource] = {}


class Memory(msgspec.Struct, frozen=True):
    """What is remembered of a proxy that is away.

    `refused` it is not sent again. `held` says by type what it held under each version of a set that it may name when
    it comes back (state of the world only: in delta the proxy says itself what it holds).
    """

    refused: tuple[Rejection, ...] = ()
    held: Mapping[str, Mapping[str, Held]] = {}

    def __bool__(self) -> bool:
        return bool(self.refused or self.held)


class Variant(Protocol):
    """One stream's variant.

    `confirms` says that a proxy that comes back is answered also where it holds everything.
    """

    confirms: bool

    def parse(self, data: bytes) -> Request:
        """Parse one request; raise `InvalidInput` when `data` is not one."""

    def understand(self, session: "Session", request: Request) -> tuple[Request, ...]:
        """Return what `request` means as requests that say differences, in order."""

    def is_whole(self, type_url: str) -> bool:
        """Tell whether every response of the type holds all that the proxy is to hold."""

    def write(self, asked: Subscription, nonce: str, generation: int, batch: "Batch") -> bytes:
        """Return the response; `asked.sent` has it already."""

    def remember(self, session: "Session") -> Mapping[str, Mapping[str, Held]]:
        """Return `Memory.held` of a stream that ends."""
