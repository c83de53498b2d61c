"""Fault campaigns on a real Envoy, steered by a whole control plane: whose requests, how many, and for how long.

Every share is that of the simulator, within a bound that chance leaves once in a million.
"""

import asyncio
import time
from collections import Counter

import httpx
import pytest
from tests.traffic.observe import plausible
from tests.xds.steered import PATIENCE, Steered, entry, rule, split, subsets
from tests.xds.test_envoy_state import RATINGS, REVIEWS, Run

from pidalio.envoy import messages as pb
from pidalio.ir import CampaignPlan, HeaderMatch, MatchKind, MatchPlan, PathKind, PathMatch, StringPattern
from pidalio.ir.campaign import CAMPAIGN
from pidalio.model import ObjectRef, Origin
from pidalio.server.explaining import decide_for
from pidalio.simulate import Request
from pidalio.store import tables
from pidalio.store.campaigns import Campaign

pytestmark = pytest.mark.envoy
TIMES = 600
WHOLE = 1_000_000
HALF = WHOLE // 2
EVERY = MatchPlan()


def campaign(name: str, host: str = REVIEWS, *, match=EVERY, delay=0, http=None, grpc=None, **rest) -> Campaign:
    origin = Origin(ObjectRef(CAMPAIGN, "", name))
    return Campaign(CampaignPlan(name, match, delay, http, grpc, origin), host, **rest)


class Faulty(Run):
    """A run whose campaigns come and go."""

    async def start(self, one: Campaign) -> None:
        self.steered.control.feed("faults", {tables.CAMPAIGNS: {one.name: one}})
        await self.steered.live()
        keys = {
            key
            for key, share in ((one.plan.delay_key, one.delay_share), (one.plan.abort_key, one.abort_share))
            if share
        }
        await self.runtime(lambda found: keys <= found)

    async def end(self, one: Campaign) -> None:
        self.steered.control.feed("faults", {tables.CAMPAIGNS: {one.name: None}})
        await self.steered.live()
        await self.runtime(lambda found: one.plan.abort_key not in found and one.plan.delay_key not in found)

    async def runtime(self, reached) -> None:
        """Wait until Envoy's runtime is as wished."""
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=f"{self.folder}/admin")) as admin,
        ):
            while not reached(set((await admin.get("http://admin/runtime")).json()["entries"])):
                await asyncio.sleep(0.01)

    async def shares(self, host: str = REVIEWS, times: int = TIMES, path: str = "/", **headers: str):
        """Send requests; hold what came of them against the simulator, and return status and text by count."""
        url = f"http://{self.outbound}{path}"
        found: Counter[int] = Counter()
        delays: list[float] = []
        for _ in range(times):
            begun = time.monotonic()
            answer = await self.client.request("GET", url, headers={"host": host, **headers})
            delays.append(time.monotonic() - begun)
            found[answer.status_code] += 1
        (proxy,) = self.steered.control.proxies().values()
        request = Request.from_url("GET", f"http://{host}{path}", tuple(headers.items()))
        decision = decide_for(self.steered.control.world, proxy, request)
        expected: Counter[int] = Counter()
        for verdict in decision.verdicts:
            expected[verdict.status or 200] += verdict.share
        for status in {*expected, *found}:
            assert plausible(found[status] / times, expected[status], times), (found, decision.verdicts)
        return found, delays, decision


@pytest.fixture(params=[pb.ApiConfigSource.DELTA_GRPC, pb.ApiConfigSource.GRPC], ids=["delta", "state"])
async def run(tmp_path, request):
    async with Steered(tmp_path) as steered:
        run = Faulty(tmp_path, steered)
        try:
            found = [await run.backend("v1"), await run.backend("v2")]
            rules = subsets(REVIEWS, "v1", "v2") + split(REVIEWS, v1=50, v2=50)
            await steered.announce(
                entry(REVIEWS, 80, *found) + rules + entry(RATINGS, 80, await run.backend("ratings"))
            )
            run.start_envoy(request.param)
            await steered.connected()
            yield run
        finally:
            await run.stop()


async def test_a_share_of_the_requests_is_aborted_until_the_campaign_ends(run):
    one = campaign("storm", http=503, abort_share=200_000)
    before = len(run.steered.log.lines)
    await run.start(one)
    assert {line[0] for line in run.steered.pushed(before)} <= {"VirtualHost", "RouteConfiguration", "Runtime"}
    found, _, decision = await run.shares()
    assert found[503] > 0
    assert "fault injected by FaultCampaign storm" in {verdict.why for verdict in decision.verdicts}
    assert (await run.shares(RATINGS, 50))[0] == {200: 50}
    await run.end(one)
    assert (await run.shares(times=100))[0] == {200: 100}


async def test_no_delayed_request_is_under_the_delay(run):
    await run.start(campaign("slow", delay=100, delay_share=HALF))
    _, delays, decision = await run.shares(times=80)
    held = [one for one in delays if one >= 0.1]
    assert plausible(len(held) / 80, 0.5, 80), delays
    assert sum(verdict.share for verdict in decision.verdicts if verdict.delay == 100) == pytest.approx(0.5)


async def test_it_concerns_one_subset_and_no_request_to_another(run):
    await run.start(campaign("subset", subset="v1", http=418, abort_share=WHOLE))
    found, _, _ = await run.shares()
    assert set(found) == {200, 418}
    texts = {(await run.get(REVIEWS))[1] for _ in range(40)}
    assert "v1" not in texts


async def test_it_is_about_some_requests_only(run):
    match = MatchPlan(
        PathMatch(PathKind.EXACT, "/pay"),
        (
            HeaderMatch(":method", StringPattern(MatchKind.EXACT, "GET")),
            HeaderMatch("x-user", StringPattern(MatchKind.EXACT, "t")),
        ),
    )
    await run.start(campaign("some", match=match, http=500, abort_share=WHOLE))
    for path, headers, status in (
        ("/pay", {"x-user": "t"}, 500),
        ("/pay?a=b", {"x-user": "t"}, 500),
        ("/pay", {"x-user": "u"}, 200),
        ("/payment", {"x-user": "t"}, 200),
        ("/", {"x-user": "t"}, 200),
    ):
        assert (await run.shares(times=3, path=path, **headers))[0] == {status: 3}


async def test_it_comes_on_top_of_the_faults_of_rules_and_two_campaigns_stand_side_by_side(run):
    fault = f"[{{fault: {{abort: {{percentage: {{value: 30}}, httpStatus: 555}}}}, route: [{{destination: {{host: {REVIEWS}}}}}]}}]"
    await run.steered.apply(rule(REVIEWS, fault))
    await run.start(campaign("both", http=503, abort_share=HALF))
    await run.start(campaign("other", RATINGS, grpc=14, abort_share=WHOLE))
    found, _, _ = await run.shares()
    assert set(found) == {200, 503, 555}
    answer = await run.client.get(
        f"http://{run.outbound}/", headers={"host": RATINGS, "content-type": "application/grpc", "te": "trailers"}
    )
    assert (answer.status_code, answer.headers["grpc-status"]) == (200, "14")


async def test_a_share_of_a_ten_thousandth_percent_is_one_of_a_million(run):
    await run.start(campaign("rare", RATINGS, http=503, abort_share=1))
    found, _, decision = await run.shares(RATINGS, times=50)
    assert found == {200: 50}
    (rare,) = [verdict for verdict in decision.verdicts if verdict.status == 503]
    assert rare.share == pytest.approx(1e-6)


@pytest.mark.parametrize("sources", [{"namespace": "elsewhere"}, {"labels": (("app", "other"),)}])
async def test_callers_that_it_is_not_about_are_lent_nothing(run, sources):
    one = campaign("theirs", http=503, abort_share=WHOLE, **sources)
    run.steered.control.feed("faults", {tables.CAMPAIGNS: {one.name: one}})
    await run.steered.live()
    assert (await run.shares(times=20))[0] == {200: 20}
    assert ("Runtime", "faults") not in run.steered.pushed()[1:]


async def test_no_request_is_lost_that_the_campaign_did_not_ask_to_lose(run):
    statuses: Counter[int] = Counter()

    async def load() -> None:
        while True:
            statuses[(await run.get(RATINGS))[0]] += 1
            statuses[(await run.get(REVIEWS))[0]] += 1

    task = asyncio.create_task(load())
    one = campaign("quiet", delay=1, delay_share=HALF)
    for _ in range(5):
        await run.start(one)
        await run.end(one)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(statuses) == {200}
    assert not run.steered.log.rejections
