"""Delta ADS: both sides say only what differs. This is what Envoys that Pidalio starts speak.

Source: Envoy's xDS protocol description, "incremental xDS".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pidalio.xds.subscription import Subscription
from pidalio.xds.variant import Held
from pidalio.xds.wire import Request, delta_response, parse_delta

if TYPE_CHECKING:
    from pidalio.xds.batch import Batch
    from pidalio.xds.session import Session

METHOD: Final = "DeltaAggregatedResources"


class Delta:
    """The delta variant: what is said is what is meant."""

    confirms = True

    def parse(self, data: bytes) -> Request:
        """Parse one request; raise `InvalidInput` when `data` is not one."""
        return parse_delta(data)

    def understand(self, session: "Session", request: Request) -> tuple[Request, ...]:
        """Return `request`."""
        del session
        return (request,)

    def is_whole(self, type_url: str) -> bool:
        """Return that no response need hold everything."""
        del type_url
        return False

    def write(self, asked: Subscription, nonce: str, generation: int, batch: "Batch") -> bytes:
        """Return the response: what is new and what is removed."""
        bodies = [each.body for each in batch.resources]
        return delta_response(asked.type_url, nonce, generation, bodies, batch.removed)

    def remember(self, session: "Session") -> Mapping[str, Mapping[str, Held]]:
        """Return nothing: the proxy says itself what it holds."""
        del session
        return {}
