"""Waiting until a change is live: who counts, who lags, who refused, and who is not to blame."""

import asyncio

from tests.unit.http.embedded import Embedded, rule

from pidalio.http.recent import Recent
from pidalio.model import ObjectRef, Place


async def test_live_when_every_concerned_proxy_acknowledged(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    applied = await mesh.apply(rule())
    waiting = asyncio.create_task(mesh.client.live(applied.generation, 30))
    await asyncio.sleep(0)
    assert not waiting.done()
    proxy.settle()
    answer = await waiting
    assert answer.settled
    assert [(one.proxy, one.state) for one in answer.proxies] == [(proxy.id, "live")]


async def test_a_proxy_that_lags_is_named_with_what_it_waits_for(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    applied = await mesh.apply(rule())
    proxy.take()
    answer = await mesh.client.live(applied.generation, 0)
    assert not answer.settled
    assert [(one.proxy, one.state) for one in answer.proxies] == [(proxy.id, "lagging")]
    assert answer.proxies[0].reason


async def test_a_refusal_is_told_with_the_line_of_the_rule(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    applied = await mesh.apply(rule())
    proxy.refuse("duplicate domain")
    answer = await mesh.client.live(applied.generation, 30)
    assert answer.settled
    (one,) = answer.proxies[0].rejections
    assert (answer.proxies[0].state, one.type, one.error) == ("rejected", "VirtualHost", "duplicate domain")
    assert (one.object, one.place) == (ObjectRef("VirtualService", "default", "reviews"), Place("rules.yaml", 9))


async def test_an_earlier_refusal_is_not_the_fault_of_another_change(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    await mesh.apply(rule())
    proxy.refuse("duplicate domain")
    await mesh.apply("""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings}
spec:
  host: ratings
  subsets: [{name: v1, labels: {version: v1}}]
""")
    proxy.settle()
    applied = await mesh.apply(rule("v1", "ratings"))
    proxy.settle()
    answer = await mesh.client.live(applied.generation, 30)
    assert [one.state for one in answer.proxies] == ["live"]


async def test_a_proxy_that_the_change_does_not_concern_is_not_waited_for(mesh: Embedded) -> None:
    mesh.connect("stuck-0", "10.0.0.9").ask("type.googleapis.com/envoy.config.cluster.v3.Cluster")
    proxy = mesh.connect().start()
    applied = await mesh.apply(rule())
    proxy.settle()
    mesh.served.recent.note(applied.generation, {})
    mesh.served.recent._concerned[applied.generation] = {
        proxy.id: mesh.served.recent.concerned(applied.generation)[proxy.id]
    }
    answer = await mesh.client.live(applied.generation, 30)
    assert [(one.proxy, one.state) for one in answer.proxies] == [(proxy.id, "live")]


async def test_a_proxy_that_left_holds_nobody_up(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    applied = await mesh.apply(rule())
    proxy.leave()
    answer = await mesh.client.live(applied.generation, 30)
    assert (answer.settled, [one.state for one in answer.proxies]) == (True, ["gone"])


async def test_a_generation_of_no_known_change_concerns_everyone(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    answer = await mesh.client.live(0, 0)
    assert [one.proxy for one in answer.proxies] == [proxy.id]


async def test_a_dry_run_before_does_not_make_a_change_wait(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    await mesh.apply(rule())
    proxy.settle()
    await mesh.apply(rule("v2"), dry_run=True)
    again = await mesh.apply(rule())
    answer = await mesh.client.live(again.generation, 30)
    assert answer.settled


def test_two_changes_of_one_generation_concern_both() -> None:
    recent = Recent()
    recent.note(3, {"a": {"t": ("x",)}})
    recent.note(3, {"b": {"t": ("y",)}})
    assert recent.concerned(3) == {"a": {"t": ("x",)}, "b": {"t": ("y",)}}


def test_only_so_many_changes_are_remembered() -> None:
    recent = Recent()
    for generation in range(1000):
        recent.note(generation, {})
    assert (recent.concerned(999), recent.concerned(0)) == ({}, None)
