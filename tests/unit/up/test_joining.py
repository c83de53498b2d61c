"""What an agent asks for before it starts its Envoy."""

import pytest

from pidalio.errors import NotFound, ServerUnreachable
from pidalio.ir import ProcessPlan
from pidalio.model import Proxy
from pidalio.up.joining import AgentOptions, JoinedAgent, ServerPlace

PROXY = Proxy.from_id("sidecar~10.0.0.1~reviews-0.shop~shop.svc.cluster.local")


class Api:
    def __init__(self, answer) -> None:
        self.answer, self.asked = answer, []

    async def process(self, namespace, labels, group=""):
        self.asked.append((namespace, labels, group))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def joined(tmp_path):
    told = []
    agent = JoinedAgent(AgentOptions(ServerPlace("127.0.0.1:1"), tmp_path), told.append)
    agent.told = told
    return agent


async def test_settings_are_asked_for_by_namespace_and_labels(joined):
    api = Api(ProcessPlan(concurrency=3))
    assert await joined._settings(api, PROXY) == ProcessPlan(concurrency=3)
    assert api.asked == [("shop", (), "")]
    assert joined.told == []


@pytest.mark.parametrize("error", [ServerUnreachable("no answer"), NotFound("an older control plane")])
async def test_an_api_that_does_not_answer_keeps_no_proxy_from_starting(joined, error):
    assert await joined._settings(Api(error), PROXY) == ProcessPlan()
    (line,) = joined.told
    assert line.startswith("settings-unknown: ")
    assert str(error) in line
