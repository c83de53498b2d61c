"""What a fault campaign does to a request, in the shares that the proxy is lent."""

import pytest

from pidalio.ir import AbortPlan, CampaignPlan, DelayPlan, FaultPlan, HeaderMatch, MatchKind, MatchPlan, StringPattern
from pidalio.simulate import Request
from pidalio.simulate.campaigns import injected
from pidalio.simulate.decision import Verdict
from pidalio.simulate.outcome import with_faults

REQUEST = Request.from_url("GET", "http://a/", (("user", "t"),))
CAMPAIGN = CampaignPlan("storm", delay=20, http_status=503)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((), None),
        ((("pidalio.fault.other.abort", 10),), None),
        (((CAMPAIGN.abort_key, 1),), FaultPlan(None, AbortPlan(0.0001, 503))),
        (((CAMPAIGN.delay_key, 500_000),), FaultPlan(DelayPlan(20, 50.0), None)),
    ],
)
def test_only_what_is_lent_counts(shares, expected):
    assert injected(CAMPAIGN, shares, REQUEST) == expected


def test_requests_that_it_is_not_about_pass():
    about = MatchPlan(headers=(HeaderMatch("user", StringPattern(MatchKind.EXACT, "other")),))
    assert injected(CampaignPlan("storm", about, http_status=503), ((CAMPAIGN.abort_key, 10),), REQUEST) is None
    assert injected(None, (), REQUEST) is None


def test_faults_of_a_rule_and_of_a_campaign_are_independent_and_their_delays_add_up():
    one = (Verdict(0.4, None, "-", "via_upstream"),)
    inner = with_faults(FaultPlan(DelayPlan(20, 50), AbortPlan(50, 503)), one, grpc=False)
    assert sum(each.share for each in inner) == pytest.approx(0.4)
    both = with_faults(FaultPlan(DelayPlan(100, 50), AbortPlan(10, 418)), inner, grpc=False)
    assert sum(each.share for each in both) == pytest.approx(0.4)
    longest = [each for each in both if each.delay == 120]
    assert sum(each.share for each in longest) == pytest.approx(0.4 * 0.9 * 0.5 * 0.5)
    assert {each.flag for each in longest} == {"DI", "DI,FI"}
    assert sum(each.share for each in both if each.status == 503) == pytest.approx(0.4 * 0.9 * 0.5)
