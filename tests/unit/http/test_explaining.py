"""Why a request goes where it goes, asked over the API."""

import pytest
from tests.unit.http.embedded import Embedded, rule

from pidalio.errors import NotFound, UsageError
from pidalio.http.explaining import Explained, Question
from pidalio.http.wire import Registration, WorkloadView
from pidalio.simulate import Request

URL = "http://reviews:9080/reviews/7"


async def test_the_decision_comes_with_the_place_of_every_rule(mesh: Embedded) -> None:
    await mesh.apply(rule("v1"))
    proxy = mesh.connect().start()
    found = await mesh.client.explain(Question(caller="web-0", url=URL), Explained)
    assert found.proxy == proxy.id
    (destination,) = found.decision.action.destinations
    assert destination.subset == "v1"
    assert found.places[str(destination.origin)] == "rules.yaml:10"
    assert found.places[str(found.decision.route.origin)] == "rules.yaml:9"


async def test_a_request_may_come_in_parts(mesh: Embedded) -> None:
    mesh.connect().start()
    asked = Request(method="POST", authority="ratings:9080", path="/", headers=(("a", "b"),))
    found = await mesh.client.explain(Question(caller="default/web-0", request=asked), Explained)
    assert found.decision.request.method == "POST"


async def test_an_instance_whose_proxy_is_not_connected_is_answered_for(mesh: Embedded) -> None:
    await mesh.client.register(Registration(WorkloadView("web-1", "default", "10.0.0.8", {"app": "web"})))
    found = await mesh.client.explain(Question(caller="web-1", url=URL), Explained)
    assert found.proxy.startswith("sidecar~10.0.0.8~web-1.default~")


async def test_unknown_callers_are_told_the_nearest(mesh: Embedded) -> None:
    mesh.connect("productpage-v1-0")
    with pytest.raises(NotFound, match="productpage-v1-0"):
        await mesh.client.explain(Question(caller="productpage-v1", url=URL), Explained)


@pytest.mark.parametrize("url", ["", "reviews:9080/x"], ids=["none", "relative"])
async def test_a_request_without_host_is_wrong_usage(mesh: Embedded, url: str) -> None:
    mesh.connect()
    with pytest.raises(UsageError):
        await mesh.client.explain(Question(caller="web-0", url=url), Explained)
