"""Layouts of objects: they follow the object through every change of the catalog, and belong to rules, not places."""

from itertools import permutations

import pytest
from tests.unit.store.test_buckets import counts, moved

from pidalio.api.load import load
from pidalio.api.virtual_service import HTTPRoute
from pidalio.model import ObjectRef
from pidalio.store.buckets import Layout
from pidalio.store.catalog import Catalog
from pidalio.store.sticky import layout_for, layouts_of, owners_of, rule_key, salt_of
from pidalio.store.tables import LAYOUTS

SHOP = ObjectRef("VirtualService", "default", "shop")
KEY = ("default", "shop")


def rule(*versions: str, sticky: str = "{header: user}", more: str = "", namespace: str = "default") -> str:
    """Return a VirtualService; a version is written `v1=90`."""
    pairs = [one.split("=") for one in versions]
    to = ", ".join(f"{{destination: {{host: shop, subset: {name}}}, weight: {weight}}}" for name, weight in pairs)
    return (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: shop, namespace: {namespace}}}\n"
        f"spec:\n  hosts: [shop]\n  http: [{{sticky: {sticky}, route: [{to}]{more}}}]\n"
    )


def route(text: str) -> HTTPRoute:
    found = load(text, "").parsed[0].object
    assert found is not None
    return found.spec.http[0]


def apply(catalog: Catalog, text: str):
    change = catalog.apply(load(text, "").parsed)
    assert not change.is_refused, change.reports
    return change


def layout(catalog: Catalog) -> Layout:
    (write,) = catalog.snapshot()
    (only,) = write.layouts
    return only.ranges


def test_a_sticky_object_comes_with_a_row_and_leaves_with_it():
    catalog = Catalog()
    change = apply(catalog, rule("v1=90", "v2=10"))
    assert change.edits[LAYOUTS][KEY] == change.writes[0].layouts
    assert counts(layout(catalog)) == {
        "shop.default.svc.cluster.local v1": 9000,
        "shop.default.svc.cluster.local v2": 1000,
    }
    change = catalog.delete([SHOP])
    assert change.edits[LAYOUTS] == {KEY: None}


def test_an_object_that_is_no_longer_sticky_loses_its_layout():
    catalog = Catalog()
    apply(catalog, rule("v1=90", "v2=10"))
    change = apply(catalog, rule("v1=90", "v2=10").replace("sticky: {header: user}, ", ""))
    assert change.edits[LAYOUTS] == {KEY: None}
    assert change.writes[0].layouts == ()


def test_what_owns_which_buckets_follows_from_what_was_before():
    catalog, fresh = Catalog(), Catalog()
    for weights in (("a=1", "b=1"), ("b=1", "c=1")):
        apply(catalog, rule(*weights))
    apply(fresh, rule("b=1", "c=1"))
    assert counts(layout(catalog)) == counts(layout(fresh))
    assert layout(catalog) != layout(fresh)


def test_a_trial_leaves_the_layout_as_it_was():
    catalog = Catalog()
    apply(catalog, rule("v1=90", "v2=10"))
    before = layout(catalog)
    with catalog.trial():
        apply(catalog, rule("v1=50", "v2=50"))
        assert layout(catalog) != before
    assert layout(catalog) == before


def test_a_broken_file_keeps_its_users():
    catalog = Catalog()
    good = rule("v1=1", "v2=1")
    catalog.replace_all("files", {"a.yaml": load(good, "a.yaml")})
    catalog.replace_all("files", {"a.yaml": load(rule("v1=1", "v3=1"), "a.yaml")})
    before = layout(catalog)
    assert catalog.replace_all(
        "files", {"a.yaml": load(good.replace("header: user", "nonsense: x"), "a.yaml")}
    ).is_empty
    assert layout(catalog) == before


def test_the_order_of_destinations_moves_nobody():
    layouts = set()
    for versions in permutations(("v1=80", "v2=10", "v3=10")):
        catalog = Catalog()
        apply(catalog, rule(*versions))
        layouts.add(layout(catalog))
    assert len(layouts) == 1


def test_the_order_of_rules_moves_nobody():
    def of(first: str, second: str) -> str:
        head = rule("v1=1", "v2=1").partition("  http:")[0]
        to = "route: [{destination: {host: a}, weight: 1}, {destination: {host: b}, weight: 1}]"
        return f"{head}  http: [{', '.join(f'{{{one}, sticky: {{header: u}}, {to}}}' for one in (first, second))}]"

    one, other = "match: [{uri: {prefix: /a}}]", "match: [{uri: {prefix: /b}}]"
    catalog = Catalog()
    before = apply(catalog, of(one, other)).writes[0].layouts
    assert apply(catalog, of(other, one)).writes[0].layouts == before
    assert len(before) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("sticky: {header: user}", "sticky: {header: user}, name: main", id="name"),
        pytest.param("match: [{uri: {prefix: /a}}]", "match: [{uri: {prefix: /b}}]", id="conditions"),
    ],
)
def test_rules_are_told_apart(first, second):
    to = "route: [{destination: {host: a}, weight: 1}, {destination: {host: b}, weight: 1}]"
    head = rule("v1=1", "v2=1").partition("  http:")[0]
    one, other = (route(f"{head}  http: [{{{each}, {to}}}]") for each in (first, second))
    assert rule_key(one) != rule_key(other)
    assert salt_of("default", "shop", one) != salt_of("default", "shop", other)


def test_a_salt_depends_on_the_object_and_not_on_weights_or_destinations():
    one, other = route(rule("v1=90", "v2=10")), route(rule("v1=50", "v3=50"))
    assert salt_of("default", "shop", one) == salt_of("default", "shop", other)
    assert len({salt_of("default", "shop", one), salt_of("far", "shop", one), salt_of("default", "cart", one)}) == 3
    assert all(digit in "0123456789abcdef" for digit in salt_of("default", "shop", one))


def test_a_host_is_the_same_version_however_it_is_written():
    short, full = (
        route(rule("v1=1", "v2=1")),
        route(rule("v1=1", "v2=1").replace("host: shop", "host: Shop.default.svc.cluster.local.")),
    )
    assert owners_of(short, "default") == owners_of(full, "default")
    assert owners_of(short, "default") != owners_of(short, "far")


def test_one_version_written_in_two_ways_is_two():
    text = rule("v1=1", "v1=1").replace("host: shop", "host: shop.default.svc.cluster.local", 1)
    assert len(set(owners_of(route(text), "default"))) == 2


def test_the_layout_of_another_rule_is_none():
    catalog = Catalog()
    change = apply(catalog, rule("v1=1", "v2=1", more=", name: one"))
    found = change.writes[0].object
    assert found is not None
    assert layout_for(change.writes[0].layouts, route(rule("v1=1", "v2=1"))) == ()
    assert layouts_of(found, change.writes[0].layouts) == change.writes[0].layouts
    assert not moved(layout(catalog), layout_for(change.writes[0].layouts, found.spec.http[0]))
