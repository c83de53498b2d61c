"""The whole product over random histories: memo == scratch, and what was pushed equals scratch (design record 0001)."""

import os
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from tests.derive import histories as h
from tests.derive.product import Product

from pidalio.api.load import load
from pidalio.store import tables

LARGE = os.environ.get("PIDALIO_HYPOTHESIS") == "large"

_feeds = st.one_of(
    st.lists(h.fed_services, max_size=2).map(
        lambda rows: {tables.SERVICES: {(one.hostname, one.namespace, str(one.object)): one for one in rows}}
    ),
    st.dictionaries(
        st.tuples(h.exact_host.filter(lambda one: "." in one), h.space, st.just("consul")),
        st.one_of(st.none(), st.lists(h.fed_endpoints, max_size=2).map(tuple)),
        max_size=2,
    ).map(lambda rows: {tables.ENDPOINTS: rows}),
    st.lists(h.fed_workloads, max_size=2).map(
        lambda rows: {tables.WORKLOADS: {(one.namespace, one.name, "consul"): one for one in rows}}
    ),
)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), h.files),
        st.tuples(st.just("write"), h.files),
        st.tuples(st.just("base"), h.base),
        st.tuples(st.just("base"), h.base),
        st.tuples(st.just("remove"), st.sampled_from(["x.yaml", "y.yaml", "z.yaml"])),
        st.tuples(st.just("apply"), h.documents),
        st.tuples(st.just("delete"), st.integers(0, 3)),
        st.tuples(st.just("feed"), st.tuples(_feeds, st.booleans())),
        st.tuples(st.just("campaign"), h.campaigns),
        st.tuples(st.just("open"), st.tuples(h.proxies, st.booleans())),
        st.tuples(st.just("close"), st.integers(0, 3)),
        st.tuples(st.just("collect"), st.none()),
        st.tuples(st.just("drain"), st.none()),
    ),
    min_size=3,
    max_size=30 if LARGE else 14,
)


def _take(product: Product, step: str, what: Any) -> None:
    match step:
        case "write":
            product.write({file: "\n---\n".join(documents) for file, documents in what.items()})
        case "base":
            product.write({"base.yaml": what})
        case "remove":
            product.write({what: None})
        case "apply":
            product.commit(product.catalog.apply(load(what, "").parsed).edits)
        case "delete":
            found = [one.ref for one in product.catalog.objects() if product.catalog.place(one.ref) is None]
            product.commit(product.catalog.delete(found[what : what + 1]).edits)
        case "feed":
            rows, is_complete = what
            product.commit(product.catalog.feed("consul", rows, complete=is_complete).edits)
        case "campaign":
            name, row = what
            product.commit(product.catalog.feed("faults", {tables.CAMPAIGNS: {name: row}}).edits)
        case "open":
            proxy, is_slow = what
            product.open(proxy, is_slow=is_slow)
        case "close":
            for proxy in list(product.streams)[what : what + 1]:
                product.close(proxy)
        case "collect":
            product.collect()
        case "drain":
            for stream in product.streams.values():
                stream.drain()


PROXIES = (
    h.sidecar("a", app="web"),
    h.sidecar("c"),
    h.router("a"),
    h.redirected("a", app="web"),
    h.whole(h.sidecar("a", app="web")),
    h.grpc(h.sidecar("a")),
    h.placed(h.sidecar("a", app="web"), "eu", "w"),
    h.placed(h.router("a", app="web"), "us", "x"),
)


@given(steps=_steps)
@settings(
    max_examples=1500 if LARGE else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_what_every_proxy_holds_is_what_a_compile_from_scratch_says(steps):
    product = Product()
    for proxy in PROXIES:
        product.open(proxy)
    product.write({"base.yaml": "---\n".join(h.BASE)})
    product.check()
    for step, what in steps:
        note(f"{step}: {what}")
        _take(product, step, what)
        product.check()
    for stream in product.streams.values():
        stream.drain()
    product.check()
