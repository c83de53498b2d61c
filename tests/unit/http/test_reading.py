"""Objects, status, holdings: what is shown is what is so."""

import asyncio

import pytest
from tests.unit.http.embedded import Embedded, rule, warning

from pidalio.cli.get import notes
from pidalio.errors import InvalidInput, NotFound, UsageError
from pidalio.http.reading import unhurried


async def test_objects_are_filtered(mesh: Embedded) -> None:
    await mesh.apply(rule())
    names = [one.object["metadata"]["name"] for one in await mesh.client.objects("Service")]
    assert names == ["ratings", "reviews"]
    assert len(await mesh.client.objects("Service", "default", "ratings")) == 1
    assert await mesh.client.objects("Service", "elsewhere") == ()
    (only,) = await mesh.client.objects("VirtualService", None, "reviews")
    assert (only.source, only.unit, only.object["apiVersion"]) == ("api", "", "networking.istio.io/v1")


@pytest.mark.parametrize(("kind", "name"), [("Nope", None), ("Service", "nope")])
async def test_what_does_not_exist_is_not_found(mesh: Embedded, kind: str, name: str | None) -> None:
    with pytest.raises(NotFound):
        await mesh.client.objects(kind, "default", name)


async def test_status_has_every_proxy_and_how_far_it_is_behind(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    status = await mesh.client.status()
    (shown,) = status.proxies
    assert (shown.id, shown.type, shown.name, shown.namespace, shown.behind) == (
        proxy.id,
        "sidecar",
        "web-0",
        "default",
        0,
    )
    assert {one.type for one in shown.types} >= {"Cluster", "Listener", "RouteConfiguration", "VirtualHost"}
    await mesh.apply(rule())
    proxy.take()
    (shown,) = (await mesh.client.status()).proxies
    assert (shown.behind, sum(one.sent for one in shown.types)) == (1, 1)
    assert status.revision == 1


async def test_status_has_rejections_with_their_line(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    await mesh.apply(rule())
    proxy.refuse("no")
    status = await mesh.client.status()
    rejected = [one for kind in status.proxies[0].types for one in kind.rejected]
    assert [(one.error, str(one.place)) for one in rejected] == [("no", "rules.yaml:9")]
    assert "rejected-by-envoy" in [one.code for one in status.reports]


async def test_status_has_what_stands_around_the_mesh(mesh: Embedded) -> None:
    mesh.around.standing.append(warning("web-0 listens elsewhere"))
    await mesh.apply(rule("v3"), force=True)
    status = await mesh.client.status()
    assert [one.code for one in status.reports] == ["unknown-subset", "workload-ignores-port"]
    assert status.reports[0].line.startswith("rules.yaml:")
    assert [one.name for one in status.platforms] == ["files"]


async def test_objects_say_what_becomes_of_them(mesh: Embedded) -> None:
    mesh.connect().start()
    await mesh.apply(rule())
    await mesh.apply(rule(name="younger"))
    found = {one.object["metadata"]["name"]: one.status for one in await mesh.client.objects("VirtualService")}
    assert (found["reviews"].compiled, found["reviews"].effective_on, found["reviews"].proxies) == (True, 1, 1)
    assert found["reviews"].ineffective == found["reviews"].conflicts == ()
    lost = found["younger"]
    assert (lost.effective_on, [one.code for one in lost.ineffective]) == (0, ["ineffective"])
    assert [one.path for one in lost.conflicts] == ["spec.hosts[0]"]
    assert "VirtualService default/reviews (rules.yaml:" in lost.conflicts[0].message
    (plain,) = await mesh.client.objects("VirtualService", name="younger", status=False)
    assert plain.status is None
    assert {"ineffective", "conflict-host"} <= {one.code for one in (await mesh.client.status()).reports}


async def test_objects_say_what_would_disappoint_and_strict_refuses_it(mesh: Embedded) -> None:
    risky = f"{rule()}    timeout: 1s\n    retries: {{attempts: 3, perTryTimeout: 1s, retryOn: 5xx}}\n"
    with pytest.raises(InvalidInput) as refused:
        await mesh.apply(risky, strict=True)
    assert "retries-beyond-timeout" in {one.code for one in refused.value.reports}
    await mesh.apply(risky)
    (found,) = await mesh.client.objects("VirtualService")
    codes = [one.code for one in found.status.risks]
    assert codes == ["retries-beyond-timeout", "retries-without-budget"]
    assert (found.status.ineffective, found.status.remarks) == ((), ())
    assert notes(found.status) == "2 risks"
    assert [one.code for one in (await mesh.client.status()).reports] == ["retries-beyond-timeout"]


async def test_what_nobody_is_connected_for_is_looked_at_for_those_who_are_implied(mesh: Embedded) -> None:
    await mesh.apply(rule())
    (found,) = await mesh.client.objects("VirtualService")
    assert found.status.effective_on == found.status.proxies > 0
    before = mesh.control.world.describe()
    await mesh.apply(rule("v2"))
    assert (await mesh.client.objects("VirtualService"))[0].status.effective_on
    assert mesh.control.world.describe() == before  # nothing is kept for proxies that do not exist


async def test_holdings_compare_what_is_held_with_what_should_be(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    host = "http_proxy/reviews.default.svc.cluster.local:9080"
    assert {one.state for one in (await mesh.client.holdings("web-0", "routes")).resources} == {"equal"}
    await mesh.apply(rule())
    changed = {one.name: one for one in (await mesh.client.holdings("web-0", "routes")).resources}
    assert {name for name, one in changed.items() if one.state == "differs"} == {host}
    assert changed[host].held != changed[host].wanted
    assert str(changed[host].origins[0].place) == "rules.yaml:9"
    assert changed[host].content["domains"]
    proxy.settle()
    states = {one.name: one.state for one in (await mesh.client.holdings(proxy.id, "routes")).resources}
    assert states[host] == "equal"


async def test_holdings_before_anything_is_acknowledged_are_missing(mesh: Embedded) -> None:
    mesh.connect()
    found = await mesh.client.holdings("web-0.default", "clusters")
    assert {one.state for one in found.resources} == {"missing"}


async def test_holdings_have_what_should_be_gone(mesh: Embedded) -> None:
    from pidalio.model import ObjectRef

    mesh.connect().start()
    await mesh.client.delete([ObjectRef("Service", "default", "ratings")])
    found = await mesh.client.holdings("web-0", "routes")
    assert [one.name for one in found.resources if one.state == "extra"] == [
        "http_proxy/ratings.default.svc.cluster.local:9080"
    ]


async def test_unknown_proxies_and_kinds_of_holdings(mesh: Embedded) -> None:
    mesh.connect()
    with pytest.raises(NotFound, match=r"there are: web-0\.default"):
        await mesh.client.holdings("nobody", "routes")
    with pytest.raises(UsageError, match="listeners, routes"):
        await mesh.client.holdings("web-0", "secrets")


async def test_readiness_is_told_with_its_reason(mesh: Embedded) -> None:
    assert (await mesh.client.ready()).ok
    mesh.around.why_not = "starting"
    answer = await mesh.http.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "reason": "starting"})
    assert (await mesh.http.get("/healthz")).status_code == 200


async def test_holdings_without_content_are_the_same_otherwise(mesh: Embedded) -> None:
    mesh.connect().start()
    full = (await mesh.client.holdings("web-0", "clusters")).resources
    short = (await mesh.client.holdings("web-0", "clusters", content=False)).resources
    assert all(one.content for one in full)
    assert [(one.name, one.state, one.content) for one in short] == [(one.name, one.state, None) for one in full]


async def test_reading_thousands_lets_others_go_on(mesh: Embedded) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(other())
    async for _ in unhurried(range(1000)):
        pass
    counting.cancel()
    assert turns > 20
