"""Fault campaigns as a request meets them: what its destination's campaign does, in the shares that the proxy is lent.

Source: Envoy's fault filter with percentages from the runtime; a key that the runtime lacks is 0 (design record 0018).
"""

from pidalio.ir import AbortPlan, CampaignPlan, DelayPlan, FaultPlan
from pidalio.ir.campaign import WHOLE
from pidalio.simulate.matching import meets
from pidalio.simulate.request import Request


def injected(campaign: CampaignPlan | None, shares: tuple[tuple[str, int], ...], request: Request) -> FaultPlan | None:
    """Return the faults that `campaign` adds to `request`, None for none; `shares` are millionths by runtime key."""
    if campaign is None or not meets(campaign.match, request):
        return None
    lent = dict(shares)
    delayed, aborted = lent.get(campaign.delay_key, 0), lent.get(campaign.abort_key, 0)
    delay = DelayPlan(campaign.delay, _percent(delayed)) if campaign.delay and delayed else None
    abort = AbortPlan(_percent(aborted), campaign.http_status, campaign.grpc_status) if aborted else None
    return FaultPlan(delay, abort, campaign.origin) if delay or abort else None


def _percent(millionths: int) -> float:
    return millionths * 100 / WHOLE
