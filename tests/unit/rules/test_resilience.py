"""Profiles and the switch for callers' overrides: who says what, and what comes of it (design record 0017)."""

import pytest
from tests.unit.rules.world import clusters, document, entry, mesh, plans

from pidalio.ir import ForwardPlan, RetryBudgetPlan
from pidalio.model import Origin, Profile
from pidalio.rules import resilience

SAFE, ISTIO = "pidalio.dev/resilience: safe", "pidalio.dev/resilience: istio"
DEAF, HEEDING = "pidalio.dev/caller-overrides: ignored", "pidalio.dev/caller-overrides: allowed"
SHOP, CART = ("shop.com", "default"), ("cart.com", "default")
NEVER_SEEN = ("connect-failure", "refused-stream", "reset-before-request")


def annotated(text: str, *annotations: str) -> str:
    """Return an object with annotations."""
    before, mark, after = text.partition("metadata: {")
    return f"{before}{mark}annotations: {{{', '.join(annotations)}}}, {after}"


def shop(*annotations: str) -> str:
    return annotated(entry("shop", "shop.com", ports="80"), *annotations)


def cart(*annotations: str) -> str:
    return annotated(entry("cart", "cart.com", ports="80"), *annotations)


def wide(*annotations: str, spec: str = "{}") -> str:
    return annotated(
        f"apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {{name: mesh}}\nspec: {spec}\n", *annotations
    )


def forward(found, host: str = "shop.com") -> ForwardPlan:
    """Return the action of the first route of a host."""
    hosts = [one for table in plans(found).tables for one in table.virtual_hosts]
    (route, *_) = next(one for one in hosts if f"{host}:80" in one.domains).routes
    return route.action


def rule(retries: str) -> str:
    return document(
        "VirtualService",
        "shop",
        f"{{hosts: [shop.com], http: [{{retries: {retries}, route: [{{destination: {{host: shop.com}}}}]}}]}}",
    )


def policy(text: str) -> str:
    return document("DestinationRule", "shop", f"{{host: shop.com, trafficPolicy: {{{text}}}}}")


def where(kind: str, name: str, annotation: str) -> tuple[str, str]:
    return f"{kind} {name}", f'metadata.annotations["{annotation}"]'


def told(origin: Origin | None) -> tuple[str, str] | None:
    return (str(origin.object), origin.path) if origin else None


@pytest.mark.parametrize(
    ("mesh_says", "shop_says", "profile", "by"),
    [
        ((), (), Profile.ISTIO, None),
        ((SAFE,), (), Profile.SAFE, "MeshConfig"),
        ((), (SAFE,), Profile.SAFE, "ServiceEntry"),
        ((SAFE,), (ISTIO,), Profile.ISTIO, "ServiceEntry"),
        ((ISTIO,), (DEAF,), Profile.ISTIO, "MeshConfig"),
    ],
)
def test_a_services_word_comes_before_the_meshs(mesh_says, shop_says, profile, by):
    found = resilience.of_service(mesh(wide(*mesh_says), shop(*shop_says)).world, SHOP)
    assert found.profile is profile
    assert (found.origin.object.kind if found.origin else None) == by


def test_callers_are_heeded_unless_somebody_says_no():
    def deaf(*documents):
        return resilience.of_service(mesh(*documents).world, SHOP).deaf

    assert deaf(shop()) is None
    assert told(deaf(shop(DEAF))) == where("ServiceEntry", "default/shop", "pidalio.dev/caller-overrides")
    assert told(deaf(wide(DEAF), shop())) == where("MeshConfig", "mesh", "pidalio.dev/caller-overrides")
    assert deaf(wide(DEAF), shop(HEEDING)) is None


def test_of_several_services_the_strictest_word_holds():
    world = mesh(shop(SAFE), cart(DEAF)).world
    found = resilience.of_services(world, (CART, SHOP, None))
    assert (found.profile, told(found.origin)) == (
        Profile.SAFE,
        where("ServiceEntry", "default/shop", "pidalio.dev/resilience"),
    )
    assert told(found.deaf) == where("ServiceEntry", "default/cart", "pidalio.dev/caller-overrides")
    assert resilience.of_services(world, (None,)) == resilience.of_mesh(world)
    assert resilience.of_services(mesh(wide(SAFE), shop()).world, ()).profile is Profile.SAFE


@pytest.mark.parametrize(
    ("retries", "attempts", "conditions", "for_others"),
    [
        (None, 2, (*NEVER_SEEN, "reset", "retriable-status-codes"), NEVER_SEEN),
        ("{attempts: 5}", 5, (*NEVER_SEEN, "reset", "retriable-status-codes"), NEVER_SEEN),
        ("{attempts: 1, retryOn: 5xx}", 1, ("5xx",), NEVER_SEEN),
        ("{attempts: 1, retryOn: gateway-error}", 1, ("gateway-error",), NEVER_SEEN),
        ("{attempts: 1, retryOn: '503'}", 1, ("retriable-status-codes",), ()),
        (
            "{attempts: 1, retryOn: 'connect-failure,unavailable'}",
            1,
            ("connect-failure", "unavailable"),
            ("connect-failure",),
        ),
    ],
)
def test_a_rules_values_hold_field_by_field_and_other_methods_are_guarded(retries, attempts, conditions, for_others):
    found = mesh(shop(SAFE), *((rule(retries),) if retries else ()))
    plan = forward(found).retry
    assert (plan.attempts, plan.retry_on, plan.unsafe_retry_on) == (attempts, conditions, for_others)
    assert plan.for_method("GET") == plan
    assert (plan.for_method("POST").retry_on, plan.for_method("POST").status_codes) == (for_others, ())
    assert told(plan.profile_origin) == where("ServiceEntry", "default/shop", "pidalio.dev/resilience")
    assert (plan.origin is not None) == (retries is not None)
    assert (plan.conditions_origin is not None) == ("retryOn" in (retries or ""))


def test_the_profile_of_istio_is_istios_default():
    assert forward(mesh(shop(ISTIO))).retry.unsafe_retry_on is None
    assert forward(mesh(shop(ISTIO))).retry.retry_on == forward(mesh(shop())).retry.retry_on


def budget(*documents) -> RetryBudgetPlan | None:
    return clusters(mesh(*documents))["outbound|80||shop.com"].retry_budget


def test_safe_has_a_budget_of_a_fifth_unless_a_rule_bounds_retries():
    assert budget(shop()) is None
    own = budget(shop(SAFE))
    assert (own.percent, own.min_concurrency, own.interval) == (20.0, 3, None)
    assert told(own.origin) == where("ServiceEntry", "default/shop", "pidalio.dev/resilience")
    assert budget(shop(SAFE), policy("retryBudget: {percent: 5}")).percent == 5.0
    assert budget(shop(SAFE), policy("connectionPool: {http: {maxRetries: 1}}")) is None
    assert budget(shop(SAFE), policy("connectionPool: {http: {maxRequestsPerConnection: 1}}")).percent == 20.0


def test_services_of_the_platform_may_say_it_too():
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80, name: http}]}\n"
    found = resilience.of_service(mesh(annotated(text, SAFE, DEAF)).world, ("web.default.svc.cluster.local", "default"))
    assert found.profile is Profile.SAFE
    assert found.deaf.object.kind == "Service"
