"""Fault campaigns that run: rows of no object, for nobody edits a rule for them.

They are in memory only, so that none outlives the process that ends it (design record 0018).
"""

import msgspec

from pidalio.ir import CampaignPlan
from pidalio.model import Labels


class Campaign(msgspec.Struct, frozen=True):
    """One campaign: what `plan` does to requests for a host, and to which share of them.

    `port` 0 is any, `subset` "" is any, and what is sent to no subset. The shares are millionths. Only callers in
    `namespace` ("" for any) that bear `labels` are concerned. `lease` in milliseconds is how long an Envoy goes on
    by itself.
    """

    plan: CampaignPlan
    host: str
    port: int = 0
    subset: str = ""
    delay_share: int = 0
    abort_share: int = 0
    namespace: str = ""
    labels: Labels = ()
    lease: int = 10_000

    @property
    def name(self) -> str:
        """Return its name, unique while it runs."""
        return self.plan.name

    def concerns(self, port: int, subset: str) -> bool:
        """Tell whether requests to this port and subset of its host are concerned."""
        return self.port in (0, port) and self.subset in ("", subset)

    def overlaps(self, other: "Campaign") -> bool:
        """Tell whether some request may be concerned by both."""
        return (
            self.host == other.host
            and (0 in (self.port, other.port) or self.port == other.port)
            and ("" in (self.subset, other.subset) or self.subset == other.subset)
        )
