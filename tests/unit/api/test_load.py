import gc
import json

import pytest

from pidalio.api import Loaded, load
from pidalio.model import Place

SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: %s}}"


def names(loaded):
    return [parsed.ref.name for parsed in loaded.parsed]


def test_documents_and_lists_are_one_sequence():
    text = f"{SERVICE % 'a'}\n---\napiVersion: v1\nkind: List\nitems:\n- {SERVICE % 'b'}\n- {SERVICE % 'c'}\n"
    loaded = load(text, "f.yaml")
    assert names(loaded) == ["a", "b", "c"]
    assert loaded.parsed[2].places.place("metadata.name") == Place("f.yaml", 7)


@pytest.mark.parametrize("kind", ["List", "ServiceList", "VirtualServiceList"])
def test_lists_of_lists(kind):
    inner = f"{{apiVersion: v1, kind: {kind}, items: [{SERVICE % 'a'}]}}"
    assert names(load(f"{{apiVersion: v1, kind: List, items: [{inner}, {SERVICE % 'b'}]}}", "f")) == ["a", "b"]


@pytest.mark.parametrize("items", ["[]", "null", "~"])
def test_an_empty_list_is_nothing(items):
    assert load(f"{{apiVersion: v1, kind: List, items: {items}}}", "f") == Loaded((), (), ())


def test_kinds_that_are_not_read_are_counted():
    text = (
        "apiVersion: v1\nkind: ConfigMap\n---\n"
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n---\n"
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
    )
    loaded = load(text, "f.yaml")
    assert loaded.parsed == ()
    assert [(skipped.kind, skipped.place.line) for skipped in loaded.skipped] == [
        ("ConfigMap", 1),
        ("PeerAuthentication", 4),
        ("Gateway", 7),
    ]


def test_json_is_read_by_the_same_door():
    tree = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}
    assert load(json.dumps(tree, indent="\t"), "f.json").parsed[0].object == load(SERVICE % "a", "f").parsed[0].object


def test_what_comes_before_a_break_is_told_apart():
    loaded = load(f"{SERVICE % 'a'}\n---\n[", "f.yaml")
    assert names(loaded) == ["a"]
    assert [report.code for report in loaded.reports] == ["bad-yaml"]
    assert loaded.all_reports() == loaded.reports


def test_a_body_without_file_has_no_places():
    (report,) = load("hello", "").parsed[0].reports
    assert report.place is None


def test_a_list_in_a_broken_document_keeps_its_reports():
    text = f"apiVersion: v1\nkind: List\nkind: List\nitems:\n- {SERVICE % 'a'}\n"
    loaded = load(text, "f.yaml")
    assert [report.code for report in loaded.all_reports()] == ["duplicate-key"]
    assert loaded.parsed[0].object is None


@pytest.mark.parametrize("text", [SERVICE % "a", "a: ["])
def test_the_collector_is_left_as_it_was(text):
    load(text, "f")
    assert gc.isenabled()
    gc.disable()
    try:
        load(text, "f")
        assert not gc.isenabled()
    finally:
        gc.enable()
