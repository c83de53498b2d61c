"""Fault campaigns over the API: what is accepted, whom it concerns, and that each one ends."""

import asyncio
import json

import msgspec
import pytest
from tests.unit.http.embedded import Embedded, Proxy

from pidalio.errors import Conflict, NotFound, UsageError
from pidalio.http.campaigns import Campaigns
from pidalio.http.explaining import Explained, Question
from pidalio.http.fault_bodies import FaultOrder
from pidalio.store import tables
from pidalio.xds.typeurls import RUNTIME

STORM = FaultOrder("storm", "reviews", http_status=503, abort_percent=5.0, author="ada")
TCP = """
apiVersion: v1
kind: Service
metadata: {name: base}
spec: {ports: [{name: tcp, port: 5432}]}
"""


def order(**changes) -> FaultOrder:
    return msgspec.structs.replace(STORM, **changes)


def caller(mesh: Embedded, *names: str) -> Proxy:
    proxy = mesh.connect(*names).start()
    proxy.ask(RUNTIME, "faults")
    proxy.settle()
    return proxy


def rows(mesh: Embedded) -> tuple[str, ...]:
    return tables.CAMPAIGNS.keys(mesh.control.world)


async def test_it_is_sent_to_its_callers_and_listed_until_it_is_stopped(mesh: Embedded) -> None:
    proxy = caller(mesh)
    answer = await mesh.client.start_fault(STORM)
    assert answer.fault.host == "reviews.default.svc.cluster.local"
    assert answer.fault.proxies == (proxy.id,)
    assert answer.concerned == {
        proxy.id: {
            "Runtime": ("faults",),
            "VirtualHost": ("http_proxy/reviews.default.svc.cluster.local:9080",),
        }
    }
    told = [message.type_url.rpartition(".")[2] for message in proxy.take()]
    assert told == ["Runtime", "VirtualHost"]
    proxy.ack()
    assert (await mesh.client.live(answer.generation, 5)).settled
    (running,) = await mesh.client.faults()
    assert running.running
    assert running.until - running.started == 300
    stopped = await mesh.client.stop_fault("storm", author="bob")
    assert set(stopped.concerned[proxy.id]) == {"Runtime", "VirtualHost"}
    (over,) = await mesh.client.faults()
    assert (over.running, over.why) == (False, "stopped by bob")
    assert rows(mesh) == ()
    with pytest.raises(NotFound, match="there are: none"):
        await mesh.client.stop_fault("storm")


async def test_proxies_that_are_gone_do_not_count(mesh: Embedded) -> None:
    proxy, gone = caller(mesh), caller(mesh, "web-1", "10.0.0.2")
    mesh.control.ads.close(gone.stream, "gone")
    answer = await mesh.client.start_fault(STORM)
    assert answer.fault.proxies == (proxy.id,)
    assert set(answer.concerned) == {proxy.id}


async def test_a_dry_run_tells_whom_it_concerns_and_does_nothing(mesh: Embedded) -> None:
    proxy = caller(mesh)
    answer = await mesh.client.start_fault(order(dry_run=True))
    assert set(answer.concerned) == {proxy.id}
    assert answer.dry_run
    assert rows(mesh) == ()
    assert await mesh.client.faults() == ()
    assert proxy.take() == []


async def test_its_time_ends_it(mesh: Embedded) -> None:
    await mesh.client.start_fault(order(duration=1))
    async with asyncio.timeout(20):
        while rows(mesh):
            await asyncio.sleep(0.01)
    (over,) = await mesh.client.faults()
    assert over.why == "its time was over"
    assert over.ended >= over.started + 1 - 0.1


async def test_a_restart_ends_it_and_the_list_tells(mesh: Embedded) -> None:
    await mesh.client.start_fault(STORM)
    killed = Campaigns(mesh.control, mesh.served.campaigns._file)
    killed.restore()
    (over,) = killed.all()
    assert (over.running, over.why) == (False, "the control plane ended")
    mesh.served.campaigns.close()
    orderly = Campaigns(mesh.control, mesh.served.campaigns._file)
    orderly.restore()
    assert [one.why for one in orderly.all()] == ["the control plane was stopped"]


async def test_what_is_on_disk_is_only_told_of(mesh: Embedded, caplog) -> None:
    file = mesh.served.campaigns._file
    file.write_text("{")
    broken = Campaigns(mesh.control, file)
    broken.restore()
    assert broken.all() == ()
    assert "not told of" in caplog.text
    await mesh.client.start_fault(STORM)
    assert [one["order"]["name"] for one in json.loads(file.read_text())] == ["storm"]


async def test_two_at_once_but_not_about_the_same_requests(mesh: Embedded) -> None:
    proxy = caller(mesh)
    await mesh.client.start_fault(order(subset="v1"))
    await mesh.client.start_fault(order(name="second", subset="v2"))
    await mesh.client.start_fault(order(name="third", host="ratings"))
    with pytest.raises(Conflict, match="runs already"):
        await mesh.client.start_fault(order(host="ratings"))
    for other in ({}, {"subset": "v1"}, {"subset": "v2", "port": 9080}):
        with pytest.raises(Conflict, match="too: stop it first"):
            await mesh.client.start_fault(order(name="more", **other))
    assert rows(mesh) == ("second", "storm", "third")
    proxy.settle()
    await mesh.client.stop_fault("second")
    await mesh.client.start_fault(order(name="more", subset="v2"))


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"host": "gone"}, NotFound, "no host gone"),
        ({"host": "reviews", "namespace": "elsewhere"}, NotFound, "no host"),
        ({"port": 80}, NotFound, "say 9080"),
        ({"subset": "v9"}, NotFound, "no DestinationRule"),
        ({"host": "base"}, UsageError, "takes no requests"),
        ({"name": "No Name"}, UsageError, "no name"),
        ({"duration": 3601}, UsageError, "between 1 and 3600"),
        ({"duration": 0.5}, UsageError, "between 1 and 3600"),
        ({"lease": 61}, UsageError, "a lease"),
        ({"abort_percent": 50.1}, UsageError, "needs force"),
        ({"abort_percent": 101, "force": True}, UsageError, "0.0001 to 100"),
        ({"abort_percent": 0.00001}, UsageError, "^0.00001 % .* 0.0001 to 100"),
        ({"abort_percent": -1}, UsageError, "0.0001 to 100"),
        ({"abort_percent": 0}, UsageError, "go together: say 0.0001 to 100"),
        ({"delay": 0.3}, UsageError, "delay and its percentage go together"),
        ({"delay_percent": 1}, UsageError, "say a delay, or leave its percentage out"),
        ({"http_status": None}, UsageError, "say a delay, a status"),
        ({"http_status": 700}, UsageError, "200 to 599"),
        ({"grpc_status": "UNAVAILABLE"}, UsageError, "one status"),
        ({"http_status": None, "grpc_status": "BAD"}, UsageError, "no status of gRPC"),
        ({"delay": 61, "delay_percent": 1}, UsageError, "a delay is"),
        ({"path": "pay"}, UsageError, "begins with /"),
        ({"headers": {"a b": "c"}}, UsageError, "no name of a header"),
        ({"headers": {f"h{number}": "v" for number in range(21)}}, UsageError, "at most 20 headers"),
        ({"headers": {"a": "b\nc"}}, UsageError, "printable"),
        ({"path": "/" + "x" * 500}, UsageError, "at most 500"),
        ({"author": "a\x1b[31m"}, UsageError, "printable"),
        ({"method": "GET /"}, UsageError, "no method"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_one_line(mesh: Embedded, changes, error, says) -> None:
    await mesh.apply(TCP, "base.yaml")
    with pytest.raises(error, match=says):
        await mesh.client.start_fault(order(**changes))
    assert rows(mesh) == ()


async def test_a_large_share_needs_force_and_the_smallest_is_one_of_a_million(mesh: Embedded) -> None:
    await mesh.client.start_fault(order(abort_percent=100, force=True))
    await mesh.client.start_fault(order(name="rare", host="ratings", abort_percent=0.0001))
    shares = [tables.CAMPAIGNS.get(mesh.control.world, name).abort_share for name in ("storm", "rare")]
    assert shares == [1_000_000, 1]


async def test_more_than_twenty_are_refused(mesh: Embedded) -> None:
    services = [
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{n}}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n"
        for n in range(21)
    ]
    await mesh.apply("".join(services), "many.yaml")
    for number in range(20):
        await mesh.client.start_fault(order(name=f"n{number}", host=f"s{number}"))
    with pytest.raises(Conflict, match="20 fault campaigns"):
        await mesh.client.start_fault(order(name="n20", host="s20"))


async def test_explain_names_it_and_status_tells_of_it(mesh: Embedded) -> None:
    caller(mesh)
    await mesh.client.start_fault(order(delay=0.2, delay_percent=10, path="/pay/*"))
    question = Question("web-0", "GET", "http://reviews:9080/pay/now")
    explained = await mesh.client.explain(question, Explained)
    (destination,) = explained.decision.action.destinations
    assert (destination.fault.delay.percent, destination.fault.abort.percent) == (10, 5)
    assert str(destination.fault.origin) == "FaultCampaign storm"
    assert "fault injected by FaultCampaign storm" in {one.why for one in explained.decision.verdicts}
    assert sum(one.share for one in explained.decision.verdicts) == pytest.approx(1)
    elsewhere = await mesh.client.explain(Question("web-0", "GET", "http://reviews:9080/"), Explained)
    assert elsewhere.decision.action.destinations[0].fault is None
    assert "pidalio_fault_campaigns 1.0" in (await mesh.http.get("/metrics")).text
    reports = (await mesh.client.status()).reports
    (told,) = [one for one in reports if one.code == "fault-campaign"]
    assert "delay 10 % by 200 ms and abort 5 % with 503" in told.message


async def test_callers_elsewhere_are_lent_nothing(mesh: Embedded) -> None:
    caller(mesh)
    answer = await mesh.client.start_fault(order(source_namespace="shop"))
    assert answer.fault.proxies == ()
    assert answer.notes == ("it concerns no connected proxy",)
