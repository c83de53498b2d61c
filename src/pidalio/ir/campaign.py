"""Fault campaigns: faults for a bounded time, beside those of rules.

What a campaign does travels with the routes and does nothing by itself; how many requests it concerns are values of the
proxy's runtime, which end unless they are renewed (design record 0018).
"""

import msgspec

from pidalio.ir.match import MatchPlan
from pidalio.model import Origin

WHOLE = 1_000_000
"""Shares are millionths."""
CAMPAIGN_KEYS = "pidalio.fault."
"""What every runtime key of a campaign begins with."""
CAMPAIGN = "FaultCampaign"
"""What campaigns are called where an object is named; there is no such kind, for nobody writes them down."""


class CampaignPlan(msgspec.Struct, frozen=True, gc=False):
    """Delay requests by `delay` milliseconds (0: not), abort them with an HTTP status or a gRPC status number.

    `match` holds for the requests concerned; which share of them, the proxy's runtime says under the two keys.
    """

    name: str
    match: MatchPlan = MatchPlan()
    delay: int = 0
    http_status: int | None = None
    grpc_status: int | None = None
    origin: Origin | None = None

    @property
    def delay_key(self) -> str:
        """Return the runtime key of the share that is delayed."""
        return f"{CAMPAIGN_KEYS}{self.name}.delay"

    @property
    def abort_key(self) -> str:
        """Return the runtime key of the share that is aborted."""
        return f"{CAMPAIGN_KEYS}{self.name}.abort"


class SharesPlan(msgspec.Struct, frozen=True, gc=False):
    """Shares by runtime key, in millionths; `ttl` in milliseconds is how long they hold unless they are renewed."""

    shares: tuple[tuple[str, int], ...]
    ttl: int
    origins: tuple[Origin, ...] = ()
