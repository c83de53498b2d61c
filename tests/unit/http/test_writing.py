"""Changes: what is answered, what is refused, and that a refused one changed nothing."""

import pytest
from tests.unit.http.embedded import SERVICES, Embedded, decoded, rule

from pidalio.errors import Conflict, InvalidInput, UsageError
from pidalio.http.wire import SourceFile
from pidalio.model import ObjectRef, Place, Severity

REVIEWS = ObjectRef("VirtualService", "default", "reviews")


async def test_apply_tells_what_was_added_and_changed(mesh: Embedded) -> None:
    first = await mesh.apply(rule("v1"))
    second = await mesh.apply(rule("v2"))
    third = await mesh.apply(rule("v2"))
    assert (first.added, first.changed) == ((REVIEWS,), ())
    assert (second.added, second.changed) == ((), (REVIEWS,))
    assert (third.added, third.changed, third.revision) == ((), (), second.revision)
    assert (await mesh.client.objects("VirtualService"))[0].place == Place("rules.yaml", 2)


async def test_concerned_are_the_connected_proxies_whose_resources_differ(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    applied = await mesh.apply(rule("v1"))
    host = "http_proxy/reviews.default.svc.cluster.local:9080"
    assert applied.concerned == {proxy.id: {"VirtualHost": (host,)}}
    gone = mesh.connect("other-0", "10.0.0.2").start()
    gone.leave()
    assert gone.id not in (await mesh.apply(rule("v2"))).concerned


async def test_dry_run_says_the_same_and_changes_nothing(mesh: Embedded) -> None:
    mesh.connect().start()
    before = mesh.control.revision
    planned = await mesh.apply(rule("v1"), dry_run=True)
    assert planned.dry_run
    assert mesh.control.revision == before
    assert await mesh.client.objects("VirtualService") == ()
    done = await mesh.apply(rule("v1"))
    assert (planned.added, planned.concerned) == (done.added, done.concerned)


async def test_missing_reference_is_refused_unless_forced(mesh: Embedded) -> None:
    with pytest.raises(InvalidInput) as refused:
        await mesh.apply(rule("v3"))
    assert [one.code for one in refused.value.reports] == ["unknown-subset"]
    assert refused.value.reports[0].place == Place("rules.yaml", 10)
    assert mesh.control.revision == 1
    forced = await mesh.apply(rule("v3"), force=True)
    assert forced.added == (REVIEWS,)
    assert [one.code for one in forced.reports] == ["unknown-subset"]


REFERRED = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings}
spec: {host: ratings, subsets: [{name: v1, labels: {version: v1}}]}
"""


async def test_what_another_rule_refers_to_is_kept_unless_forced(mesh: Embedded) -> None:
    await mesh.apply(REFERRED + "---" + rule("v1", "ratings"))
    referred = ObjectRef("DestinationRule", "default", "ratings")
    without = REFERRED.replace("subsets: [{name: v1, labels: {version: v1}}]", "trafficPolicy: {tls: {mode: DISABLE}}")
    for attempt in (mesh.apply(without), mesh.client.delete([referred])):
        with pytest.raises(InvalidInput) as refused:
            await attempt
        told = [(one.code, one.object) for one in refused.value.reports if one.severity is Severity.ERROR]
        assert told == [("unknown-subset", ObjectRef("VirtualService", "default", "ratings"))]
        assert [one.place for one in refused.value.reports if one.code == "unknown-subset"] == [Place("rules.yaml", 15)]
    assert mesh.control.revision == 2
    forced = await mesh.client.delete([referred], force=True)
    assert (forced.removed, [one.code for one in forced.reports]) == ((referred,), ["unknown-subset"])
    later = await mesh.apply(rule("v1", "reviews"))
    assert [one.code for one in later.reports] == []


async def test_what_goes_together_with_what_refers_to_it_is_removed(mesh: Embedded) -> None:
    await mesh.apply(REFERRED + "---" + rule("v1", "ratings"))
    both = [ObjectRef("DestinationRule", "default", "ratings"), ObjectRef("VirtualService", "default", "ratings")]
    assert set((await mesh.client.delete(both)).removed) == set(both)


async def test_a_broken_object_refuses_all_of_them(mesh: Embedded) -> None:
    broken = rule("v1", name="other").replace("hosts:", "hostz:")
    with pytest.raises(InvalidInput) as refused:
        await mesh.client.apply([SourceFile("good.yaml", rule()), SourceFile("bad.yaml", broken)])
    assert {one.place.file for one in refused.value.reports if one.place} == {"bad.yaml"}
    assert await mesh.client.objects("VirtualService") == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "bad-yaml"),
        ("a: &a [1]\n" + "".join(f"k{n}: [*a, *a]\n" for n in range(3)) + "b: *missing\n", "bad-yaml"),
        ("[" * 100_000, "too-deep"),
        ("# nothing\n", None),
    ],
    ids=["broken", "unknown-alias", "nested", "empty"],
)
async def test_a_text_that_cannot_be_read_is_refused(mesh: Embedded, text: str, code: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        await mesh.apply(text)
    assert [one.code for one in refused.value.reports] == ([code] if code else [])
    assert mesh.control.revision == 1


async def test_plain_text_is_a_body_too(mesh: Embedded) -> None:
    answer = await mesh.http.post("/v1/apply?file=x.yaml&author=eve", content=rule())
    assert answer.status_code == 200
    assert decoded(answer)["added"] == [{"kind": "VirtualService", "namespace": "default", "name": "reviews"}]
    assert (await mesh.client.objects("VirtualService"))[0].place == Place("x.yaml", 2)
    assert (await mesh.client.history())[0].author == "eve"


async def test_namespace_of_objects_that_name_none(mesh: Embedded) -> None:
    applied = await mesh.apply(SERVICES, namespace="shop")
    assert {ref.namespace for ref in applied.added} == {"shop"}


async def test_another_revision_than_expected_is_a_conflict(mesh: Embedded) -> None:
    await mesh.apply(rule("v1"), expected=1)
    with pytest.raises(Conflict):
        await mesh.apply(rule("v2"), expected=1)


@pytest.mark.parametrize(
    "query", ["?dryrun=true", "?dryRun=perhaps", "?expected=x"], ids=["unknown", "no-boolean", "no-number"]
)
async def test_unknown_or_wrong_parameters_are_errors(mesh: Embedded, query: str) -> None:
    answer = await mesh.http.post(f"/v1/apply{query}", content=rule())
    assert (answer.status_code, decoded(answer)["code"]) == (400, "bad-request")
    assert mesh.control.revision == 1


async def test_names_that_would_break_a_line_are_refused(mesh: Embedded) -> None:
    with pytest.raises(UsageError):
        await mesh.apply(rule(), "a\nb.yaml")


async def test_kinds_that_are_not_read_are_told(mesh: Embedded) -> None:
    applied = await mesh.apply(rule() + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    assert [one.code for one in applied.reports] == ["kinds-not-read"]


async def test_what_has_no_effect_yet_is_told_on_apply_and_stands_in_status(mesh: Embedded) -> None:
    applied = await mesh.apply(
        rule() + "  tcp: [{match: [{sourceSubnet: 10.0.0.0/8}], route: [{destination: {host: reviews}}]}]\n"
    )
    assert [(one.code, one.path) for one in applied.reports] == [
        ("refused-field", "spec.tcp[0].match[0].sourceSubnet"),
        ("ineffective", "spec.tcp[0]"),
    ]
    assert [one.code for one in (await mesh.client.status()).reports] == ["refused-field", "ineffective"]


TO = "route: [{destination: {host: reviews}}]"
SHADOWED = rule().replace(
    "  - route:",
    f"  - {{match: [{{uri: {{prefix: /a}}}}], {TO}}}\n  - {{match: [{{uri: {{exact: /a/b}}}}], {TO}}}\n  - route:",
)


async def test_apply_tells_what_has_no_effect_and_strict_refuses_it(mesh: Embedded) -> None:
    with pytest.raises(InvalidInput) as refused:
        await mesh.apply(SHADOWED, strict=True)
    assert [(one.code, one.path) for one in refused.value.reports] == [("ineffective", "spec.http[1].match[0]")]
    assert await mesh.client.objects("VirtualService") == ()
    planned = await mesh.apply(SHADOWED, dry_run=True)
    applied = await mesh.apply(SHADOWED)
    assert [one.line for one in applied.reports] == [one.line for one in planned.reports]
    assert applied.reports[0].line.endswith(
        "shadowed by VirtualService default/reviews http[0].match[0] (rules.yaml:9)"
    )


async def test_strict_refuses_what_takes_the_effect_of_another(mesh: Embedded) -> None:
    await mesh.apply(rule("v1"), strict=True)
    older = rule("v2", name="older").replace("name: older", "name: older\n  creationTimestamp: '2020-01-01T00:00:00Z'")
    younger = rule("v2", name="zebra")
    with pytest.raises(InvalidInput) as refused:
        await mesh.apply(younger, strict=True)
    assert {one.object.name for one in refused.value.reports} == {"zebra"}
    assert "conflict-host" in [one.code for one in refused.value.reports]
    await mesh.apply(older)
    with pytest.raises(InvalidInput):
        await mesh.apply(younger, strict=True)
    assert len(await mesh.client.objects("VirtualService")) == 2


async def test_delete_removes_and_says_so(mesh: Embedded) -> None:
    await mesh.apply(rule())
    planned = await mesh.client.delete([REVIEWS], dry_run=True)
    assert (planned.removed, planned.dry_run) == ((REVIEWS,), True)
    assert (await mesh.client.delete([REVIEWS], author="ada")).removed == (REVIEWS,)
    assert await mesh.client.objects("VirtualService") == ()


async def test_delete_of_nothing_is_refused(mesh: Embedded) -> None:
    with pytest.raises(InvalidInput) as refused:
        await mesh.client.delete([REVIEWS])
    assert [one.code for one in refused.value.reports] == ["not-found"]


async def test_what_a_file_owns_is_refused_with_its_name(mesh: Embedded) -> None:
    from pidalio.api.load import load

    await mesh.control.replace_units("files", {"mesh/r.yaml": load(rule(), "mesh/r.yaml")}, author="files")
    for attempt in (mesh.apply(rule("v2")), mesh.client.delete([REVIEWS])):
        with pytest.raises(InvalidInput) as refused:
            await attempt
        assert [one.code for one in refused.value.reports] == ["owned-elsewhere"]
        assert "mesh/r.yaml" in refused.value.reports[0].message


async def test_restore_brings_objects_back_and_takes_new_ones_away(mesh: Embedded) -> None:
    await mesh.apply(rule("v1"))
    await mesh.apply(rule("v2"))
    await mesh.apply("apiVersion: v1\nkind: Service\nmetadata: {name: new}\nspec: {ports: [{name: http, port: 80}]}\n")
    restored = await mesh.client.restore(2, author="ada")
    assert (restored.changed, restored.removed) == ((REVIEWS,), (ObjectRef("Service", "default", "new"),))
    shown = (await mesh.client.objects("VirtualService"))[0].object
    assert shown["spec"]["http"][0]["route"][0]["destination"]["subset"] == "v1"
    assert [one.message for one in await mesh.client.history(2)] == ["restore revision 2"] * 2


async def test_a_body_over_the_limit_is_refused_unread(mesh: Embedded) -> None:
    from pidalio.http.app import app

    mesh.http._transport.app = app(mesh.served, body_bytes=1000)

    async def endless():
        while True:
            yield b"#" * 100

    answer = await mesh.http.post("/v1/apply", content=endless())
    assert (answer.status_code, decoded(answer)["code"]) == (413, "too-large")


async def test_a_change_that_cannot_be_recorded_is_503_and_changes_nothing(mesh: Embedded) -> None:
    await mesh.control.history.close()
    answer = await mesh.http.post("/v1/apply", content=rule())
    assert (answer.status_code, decoded(answer)["code"]) == (503, "history-unavailable")
    assert await mesh.client.objects("VirtualService") == ()
