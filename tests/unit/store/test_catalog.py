from itertools import permutations

import pytest

from pidalio.api.load import Loaded, load
from pidalio.derive import Database
from pidalio.model import ObjectRef, Place, Severity
from pidalio.store.catalog import Catalog
from pidalio.store.change import Owner, Write
from pidalio.store.tables import SERVICES, VIRTUAL_SERVICES

REVIEWS = ObjectRef("VirtualService", "default", "reviews")
RATINGS = ObjectRef("VirtualService", "default", "ratings")
BAD_YAML = "a: [1, 2\nb: }"


def rule(name: str = "reviews", subset: str = "v1", *, note: str = "", extra: str = "") -> str:
    return f"""\
{f"# {note}" if note else "#"}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: {name}
spec:
  hosts: [{name}]
  http:
  - route:
    - destination: {{host: {name}, subset: {subset}}}
{extra}"""


def broken(name: str = "reviews") -> str:
    return rule(name, extra="  nonsense: true\n")


def both(*texts: str) -> str:
    return "---\n".join(texts)


def put(catalog: Catalog, file: str, text: str):
    return catalog.replace_all("files", {file: load(text, file)})


def subset_of(catalog: Catalog, ref: ObjectRef = REVIEWS) -> str | None:
    found = catalog.get(ref)
    return found.spec.http[0].route[0].destination.subset if found else None


def codes(reports) -> list[str]:
    return [report.code for report in reports]


def test_the_objects_of_a_file_are_live_with_their_rows_and_owner():
    catalog = Catalog()
    change = put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    assert (change.added, change.changed, change.removed) == ((RATINGS, REVIEWS), (), ())
    assert list(change.edits) == [VIRTUAL_SERVICES]
    assert set(change.edits[VIRTUAL_SERVICES]) == {("default", "reviews"), ("default", "ratings")}
    assert catalog.owner(REVIEWS) == Owner("files", "a.yaml")
    assert [item.ref for item in catalog.objects()] == [RATINGS, REVIEWS]
    assert change.writes == catalog.snapshot()
    assert change.reports == catalog.reports() == ()


def test_objects_that_left_their_file_are_removed():
    catalog = Catalog()
    put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    change = put(catalog, "a.yaml", rule("reviews"))
    assert change.removed == (RATINGS,)
    assert change.edits == {VIRTUAL_SERVICES: {("default", "ratings"): None}}
    assert change.writes == (Write(RATINGS, None, Owner("files", "a.yaml")),)
    assert catalog.remove_unit("files", "a.yaml").removed == (REVIEWS,)
    assert catalog.objects() == ()


def test_a_changed_object_is_one_edit():
    catalog = Catalog()
    put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    change = put(catalog, "a.yaml", both(rule("reviews", "v2"), rule("ratings")))
    assert change.changed == (REVIEWS,)
    assert set(change.edits[VIRTUAL_SERVICES]) == {("default", "reviews")}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(both(rule("reviews", note="why"), rule("ratings")), id="comment"),
        pytest.param(both(rule("ratings"), rule("reviews")), id="reordered"),
        pytest.param(
            both(rule("reviews"), rule("ratings")).replace(
                "  name: reviews", "  name: reviews\n  annotations: {team: shop}"
            ),
            id="annotation",
        ),
        pytest.param(
            both(rule("reviews"), rule("ratings")).replace("networking.istio.io/v1", "networking.istio.io/v1beta1"),
            id="version",
        ),
    ],
)
def test_what_changes_no_meaning_changes_nothing(text):
    catalog = Catalog()
    put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    assert put(catalog, "a.yaml", text).is_empty


def test_places_follow_a_move_to_another_line_and_another_file_without_an_edit():
    catalog = Catalog()
    put(catalog, "a.yaml", rule())
    assert catalog.place(REVIEWS, "http[0].route[0]") == Place("a.yaml", 10)
    assert catalog.place(REVIEWS, "spec.http[0].route[0].weight") == Place("a.yaml", 10)
    put(catalog, "a.yaml", "\n\n" + rule())
    assert catalog.place(REVIEWS, "spec.hosts[0]") == Place("a.yaml", 9)
    change = catalog.replace_all("files", {"a.yaml": None, "b.yaml": load(rule(), "b.yaml")})
    assert not change.edits
    assert (change.added, change.changed, change.removed) == ((), (), ())
    assert change.writes == (Write(REVIEWS, catalog.get(REVIEWS), Owner("files", "b.yaml")),)
    assert catalog.place(REVIEWS) == Place("b.yaml", 2)


def test_a_broken_object_keeps_its_last_version_and_hinders_no_other():
    catalog = Catalog()
    put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    change = put(catalog, "a.yaml", both(broken("reviews"), rule("ratings", "v2")))
    assert change.changed == (RATINGS,)
    assert codes(change.reports) == ["unknown-field"]
    assert subset_of(catalog) == "v1"
    assert codes(catalog.reports()) == ["unknown-field"]
    assert catalog.reports()[0].place == Place("a.yaml", 11)
    put(catalog, "a.yaml", both(rule("reviews", "v3"), rule("ratings", "v2")))
    assert subset_of(catalog) == "v3"
    assert catalog.reports() == ()


def test_a_broken_object_that_never_was_good_is_not_live():
    catalog = Catalog()
    assert put(catalog, "a.yaml", broken()).is_empty
    assert catalog.get(REVIEWS) is None
    assert catalog.place(REVIEWS) == Place("a.yaml", 2)


def test_a_file_that_cannot_be_read_keeps_all_it_held_until_it_is_mended():
    catalog = Catalog()
    put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    assert put(catalog, "a.yaml", BAD_YAML).is_empty
    assert "bad-yaml" in codes(catalog.reports())
    assert [item.ref for item in catalog.objects()] == [RATINGS, REVIEWS]
    assert put(catalog, "a.yaml", rule("reviews")).removed == (RATINGS,)
    assert catalog.reports() == ()


def test_a_file_that_ends_early_gives_what_came_before_and_keeps_the_rest():
    catalog = Catalog()
    put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    change = put(catalog, "a.yaml", both(rule("reviews", "v2"), BAD_YAML))
    assert change.changed == (REVIEWS,)
    assert change.removed == ()
    assert codes(change.reports) == ["bad-yaml"]


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param(rule("reviews").replace("  name: reviews\n", "  labels: {a: b}\n"), id="no name"),
        pytest.param(broken("review"), id="renamed and broken"),
        pytest.param(rule("reviews").replace("VirtualService", "VirtualServise"), id="kind misspelt"),
    ],
)
def test_an_object_whose_mistake_hides_its_name_stays(hidden):
    catalog = Catalog()
    put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    for _ in range(2):  # the second time, the broken name is no longer new
        change = put(catalog, "a.yaml", both(hidden, rule("ratings")))
        assert change.is_empty
        assert codes(change.reports).count("kept") == 1
    assert subset_of(catalog) == "v1"
    assert put(catalog, "a.yaml", rule("ratings")).removed == (REVIEWS,)


def test_a_known_broken_object_does_not_keep_others_from_being_removed():
    catalog = Catalog()
    put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    put(catalog, "a.yaml", both(broken("reviews"), rule("ratings")))
    assert put(catalog, "a.yaml", broken("reviews")).removed == (RATINGS,)


def test_a_broken_object_may_move_to_another_file_and_stays_live():
    catalog = Catalog()
    put(catalog, "a.yaml", rule())
    change = catalog.replace_all("files", {"a.yaml": load("", "a.yaml"), "b.yaml": load(broken(), "b.yaml")})
    assert not change.edits
    assert catalog.owner(REVIEWS) == Owner("files", "b.yaml")
    assert subset_of(catalog) == "v1"


def test_the_accepted_version_stays_live_while_two_places_contradict_each_other():
    catalog = Catalog()
    put(catalog, "b.yaml", rule(subset="v1"))
    change = put(catalog, "a.yaml", rule(subset="v2"))
    assert change.is_empty
    assert subset_of(catalog) == "v1"
    assert [(r.code, r.severity, r.place) for r in catalog.reports()] == [
        ("declared-twice", Severity.ERROR, Place("a.yaml", 2)),
        ("declared-twice", Severity.ERROR, Place("b.yaml", 2)),
    ]
    assert "b.yaml:2" in catalog.reports()[0].message
    put(catalog, "b.yaml", rule(subset="v3"))
    assert subset_of(catalog) == "v1"
    change = catalog.remove_unit("files", "b.yaml")
    assert (subset_of(catalog), change.changed, catalog.reports()) == ("v2", (REVIEWS,), ())
    assert catalog.owner(REVIEWS) == Owner("files", "a.yaml")


def test_two_contradicting_places_seen_at_once_are_both_not_live_in_any_order():
    for order in permutations(["a.yaml", "b.yaml", "c.yaml"]):
        catalog = Catalog()
        change = catalog.replace_all("files", {file: load(rule(subset=file[0]), file) for file in order})
        assert change.is_empty
        assert catalog.get(REVIEWS) is None
        assert codes(catalog.reports()) == ["declared-twice"] * 3


def test_two_documents_of_one_file_contradict_like_two_files():
    catalog = Catalog()
    put(catalog, "a.yaml", rule(subset="v1"))
    assert put(catalog, "a.yaml", both(rule(subset="v2"), rule(subset="v1"))).is_empty
    assert [str(report.place) for report in catalog.reports()] == ["a.yaml:2", "a.yaml:13"]
    assert put(catalog, "a.yaml", rule(subset="v2")).changed == (REVIEWS,)


def test_the_same_content_in_two_places_is_live_and_only_warned_of():
    catalog = Catalog()
    put(catalog, "a.yaml", rule())
    assert put(catalog, "b.yaml", rule()).is_empty
    assert {report.severity for report in catalog.reports()} == {Severity.WARNING}
    change = catalog.remove_unit("files", "a.yaml")
    assert not change.edits
    assert catalog.owner(REVIEWS) == Owner("files", "b.yaml")
    assert catalog.reports() == ()


def test_what_is_applied_belongs_to_the_api():
    catalog = Catalog()
    change = catalog.apply(load(rule(), "").parsed)
    assert change.added == (REVIEWS,)
    assert str(catalog.owner(REVIEWS)) == "the API"
    assert catalog.place(REVIEWS) is None
    assert catalog.apply(load(rule("ratings"), "").parsed).added == (RATINGS,)
    assert catalog.apply(load(rule(subset="v2"), "").parsed).changed == (REVIEWS,)
    assert catalog.delete([REVIEWS]).removed == (REVIEWS,)
    assert [item.ref for item in catalog.objects()] == [RATINGS]


def test_apply_and_delete_refuse_what_a_file_owns_and_name_it():
    catalog = Catalog()
    put(catalog, "rules/a.yaml", rule())
    refused = catalog.apply(load(both(rule("ratings"), rule(subset="v2")), "").parsed)
    assert refused.is_refused
    assert codes(refused.reports) == ["owned-elsewhere"]
    assert "rules/a.yaml:2" in refused.reports[0].message
    assert catalog.get(RATINGS) is None
    assert subset_of(catalog) == "v1"
    refused = catalog.delete([REVIEWS])
    assert refused.is_refused
    assert "rules/a.yaml:2" in refused.reports[0].message
    assert catalog.reports() == ()


def test_apply_takes_all_or_nothing():
    catalog = Catalog()
    refused = catalog.apply(load(both(rule("ratings"), broken()), "").parsed)
    assert refused.is_refused
    assert refused.is_empty
    assert codes(refused.reports) == ["unknown-field"]
    assert codes(catalog.apply(load(both(rule(), rule()), "").parsed).reports) == ["declared-twice"]
    assert catalog.objects() == ()
    assert catalog.reports() == ()


def test_delete_of_what_does_not_exist_is_refused():
    catalog = Catalog()
    catalog.apply(load(rule(), "").parsed)
    refused = catalog.delete([REVIEWS, RATINGS])
    assert codes(refused.reports) == ["not-found"]
    assert subset_of(catalog) == "v1"


def test_a_file_that_claims_an_applied_object_waits_until_it_is_deleted():
    catalog = Catalog()
    catalog.apply(load(rule(subset="v1"), "").parsed)
    assert put(catalog, "a.yaml", rule(subset="v2")).is_empty
    assert codes(catalog.reports()) == ["declared-twice"] * 2
    assert catalog.apply(load(rule(subset="v3"), "").parsed).is_refused
    assert catalog.delete([REVIEWS]).changed == (REVIEWS,)
    assert (subset_of(catalog), str(catalog.owner(REVIEWS))) == ("v2", "a.yaml")


def test_platform_rows_come_go_and_yield_to_objects():
    catalog = Catalog(lambda item: {SERVICES: {item.meta.name: "object"}})
    assert catalog.feed("consul", {SERVICES: {"reviews": "consul", "cart": "consul"}}).edits == {
        SERVICES: {"reviews": "consul", "cart": "consul"}
    }
    assert catalog.feed("consul", {SERVICES: {"cart": "consul"}}).is_empty
    assert put(catalog, "a.yaml", rule()).edits == {SERVICES: {"reviews": "object"}}
    assert catalog.feed("consul", {SERVICES: {"reviews": "other"}}).is_empty
    assert catalog.remove_unit("files", "a.yaml").edits == {SERVICES: {"reviews": "other"}}
    assert catalog.feed("mesos", {SERVICES: {"cart": "mesos"}}).is_empty
    assert catalog.feed("consul", {SERVICES: {"reviews": "other"}}, complete=True).edits == {
        SERVICES: {"cart": "mesos"}
    }
    assert catalog.feed("mesos", {SERVICES: {"cart": None}}).edits == {SERVICES: {"cart": None}}


def test_a_trial_leaves_no_trace():
    catalog = Catalog()
    put(catalog, "a.yaml", both(rule("reviews"), rule("ratings")))
    catalog.feed("consul", {SERVICES: {("x", "", ""): 1}})
    before = catalog.snapshot()
    with catalog.trial():
        assert catalog.apply(load(rule("cart"), "").parsed).added
        assert put(catalog, "a.yaml", broken()).removed == (RATINGS,)
        with catalog.trial():
            assert catalog.feed("consul", {}, complete=True).edits
            put(catalog, "b.yaml", rule(subset="v9"))
        assert codes(catalog.reports()) == ["unknown-field"]
    assert catalog.snapshot() == before
    assert catalog.reports() == ()
    assert catalog.feed("consul", {SERVICES: {("x", "", ""): 1}}).is_empty
    assert put(catalog, "a.yaml", both(rule("reviews"), rule("ratings"))).is_empty


def test_what_the_history_remembers_is_live_only_when_its_object_is_broken_or_contested():
    earlier = Catalog()
    put(earlier, "a.yaml", both(rule("reviews"), rule("ratings"), rule("cart")))
    catalog = Catalog()
    catalog.remember(earlier.snapshot())
    assert catalog.objects() == ()
    change = put(catalog, "a.yaml", both(broken("reviews"), rule("ratings", "v2")))
    assert change.added == (RATINGS, REVIEWS)
    assert (subset_of(catalog), subset_of(catalog, RATINGS)) == ("v1", "v2")
    catalog.forget()
    put(catalog, "a.yaml", both(broken("reviews"), rule("ratings", "v2"), broken("cart")))
    assert subset_of(catalog) == "v1"
    assert catalog.get(ObjectRef("VirtualService", "default", "cart")) is None


def test_kinds_that_are_not_read_are_counted_in_one_line():
    catalog = Catalog()
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    catalog.replace_all("files", {"a.yaml": load(both(text, text), "a.yaml"), "b.yaml": load(text, "b.yaml")})
    assert [report.message for report in catalog.reports()] == ["documents of kinds that are not read: ConfigMap 3"]


def test_reports_of_the_compiler_get_the_line_of_their_field():
    catalog = Catalog()
    put(catalog, "a.yaml", rule())
    report = put(catalog, "x.yaml", broken("ratings")).reports[0]
    unplaced = type(report)(Severity.WARNING, "unknown-host", "no such host", REVIEWS, "http[0].route[0].destination")
    located = catalog.locate([unplaced, report])
    assert located[0].line().startswith("a.yaml:10: unknown-host")
    assert located[1] == report


def test_what_the_catalog_emits_adds_up_to_what_is_live():
    catalog, database = Catalog(), Database()
    texts = [both(rule("reviews"), rule("ratings")), broken(), BAD_YAML, rule("ratings", "v2"), "", rule()]
    for step, text in enumerate([*texts, *reversed(texts)]):
        database.apply(put(catalog, f"{step % 2}.yaml", text).edits)
        rows = {("default", item.meta.name): item for item in catalog.objects()}
        assert database.tables[VIRTUAL_SERVICES].rows == rows


def test_an_empty_text_is_a_unit_without_objects():
    assert Catalog().replace_all("files", {"a.yaml": Loaded((), (), ())}).is_empty
