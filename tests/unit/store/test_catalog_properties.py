"""Over random histories: rows add up, trials leave no trace, and neither order nor split of files decides."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pidalio.api.load import Loaded, load
from pidalio.derive import Database
from pidalio.store.catalog import Catalog
from pidalio.store.tables import VIRTUAL_SERVICES

FILES = ("a.yaml", "b.yaml")


def rule(name: str, subset: str, *, is_broken: bool = False) -> str:
    mistake = "  nonsense: true\n" if is_broken else ""
    route = f"[{{route: [{{destination: {{host: {name}, subset: {subset}}}}}]}}]"
    head = f"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n"
    return f"{head}spec:\n  hosts: [{name}]\n  http: {route}\n{mistake}"


DOCUMENTS = [rule(n, s) for n in ("x", "y") for s in ("v1", "v2")] + [rule("x", "v1", is_broken=True), "a: [", "b: 1\n"]
LOADED = {
    (file, texts): load("---\n".join(texts), file)
    for file in FILES
    for texts in [(), *((one,) for one in DOCUMENTS), *((one, two) for one in DOCUMENTS for two in DOCUMENTS)]
}
APPLIED = {text: load(text, "").parsed for text in DOCUMENTS}

content = st.lists(st.sampled_from(DOCUMENTS), max_size=2).map(tuple)
step = st.one_of(
    st.tuples(st.just("file"), st.sampled_from(FILES), st.none() | content),
    st.tuples(st.just("apply"), st.sampled_from(DOCUMENTS), st.none()),
    st.tuples(st.just("delete"), st.sampled_from(DOCUMENTS[:4]), st.none()),
)


def take(catalog: Catalog, done):
    what, name, texts = done
    match what:
        case "file":
            return catalog.replace_all("files", {name: None if texts is None else LOADED[name, texts]})
        case "apply":
            return catalog.apply(APPLIED[name])
        case _:
            return catalog.delete([APPLIED[name][0].ref])


def seen(catalog: Catalog):
    return catalog.snapshot(), catalog.reports()


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=12))
def test_rows_and_writes_add_up_to_what_is_live(steps):
    catalog, database, written = Catalog(), Database(), {}
    for one in steps:
        change = take(catalog, one)
        database.apply(change.edits)
        for write in change.writes:
            if write.object is None:
                del written[write.ref]
            else:
                written[write.ref] = write
        assert tuple(written[ref] for ref in sorted(written)) == catalog.snapshot()
        rows = {(w.ref.namespace, w.ref.name): w.object for w in catalog.snapshot()}
        assert database.tables[VIRTUAL_SERVICES].rows == rows
        assert not (change.is_refused and not change.is_empty)


@settings(max_examples=100, deadline=None)
@given(st.lists(step, max_size=8), st.lists(step, min_size=1, max_size=4))
def test_a_trial_leaves_no_trace_and_foretells_the_change(steps, tried):
    catalog = Catalog()
    for one in steps:
        take(catalog, one)
    before = seen(catalog)
    with catalog.trial():
        foretold = [take(catalog, one) for one in tried]
    assert seen(catalog) == before
    assert [take(catalog, one) for one in tried] == foretold


@settings(max_examples=100, deadline=None)
@given(content, content)
def test_what_is_there_at_the_start_is_live_or_not_in_any_order_and_split(first, second):
    in_order, reversed_, merged = Catalog(), Catalog(), Catalog()
    units: dict[str, Loaded | None] = {"a.yaml": LOADED["a.yaml", first], "b.yaml": LOADED["b.yaml", second]}
    in_order.replace_all("files", units)
    reversed_.replace_all("files", dict(reversed(units.items())))
    assert seen(reversed_) == seen(in_order)
    if "a: [" not in first:  # what follows bad YAML in one file is unread
        merged.replace_all("files", {"a.yaml": load("---\n".join((*first, *second)), "a.yaml")})
        assert merged.objects() == in_order.objects()
