"""For whom a certificate may speak."""

import pytest

from pidalio.http.identity import objection

SHOP = "spiffe://mesh/ns/shop/sa/reviews"


@pytest.mark.parametrize(
    ("identities", "namespace", "may"),
    [
        ((), "shop", True),
        (("agent",), "shop", True),
        (("spiffe://mesh/something/else",), "shop", True),
        ((SHOP, "reviews"), "shop", True),
        ((SHOP, "reviews"), "default", False),
        (("spiffe://mesh/ns/default/sa/x", SHOP), "shop", True),
        (("spiffe://mesh/ns/shop/sa/x/ns/default/sa/y",), "default", True),
        (("spiffe://mesh/ns/shopping/sa/x",), "shop", False),
    ],
)
def test_for_its_own_namespace(identities: tuple[str, ...], namespace: str, may: bool) -> None:
    assert (objection(identities, namespace) == "") is may
