"""Every value that shapes a call when something fails is told, with who says it."""

import pytest
from tests.unit.rules.world import document, entry, mesh, plans

from pidalio.simulate import Request, decide

SAFE = "pidalio.dev/resilience: safe"
MESH = "apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {{name: mesh{more}}}\nspec: {{{spec}}}\n"
ROUTE = {
    "timeout",
    "retries.attempts",
    "retries.retryOn",
    "retries.perTryTimeout",
    "retries.backoff",
    "retries.retryIgnorePreviousHosts",
    "retries.retryRemoteLocalities",
    "callerOverrides",
}
POOL = {
    "connectionPool.http.maxRetries",
    "connectionPool.tcp.maxConnections",
    "connectionPool.http.http1MaxPendingRequests",
    "connectionPool.http.http2MaxRequests",
    "connectionPool.http.maxRequestsPerConnection",
    "connectionPool.http.idleTimeout",
    "connectionPool.tcp.maxConnectionDuration",
    "connectionPool.tcp.tcpKeepalive",
    "outlierDetection",
}
EJECTION = {f"outlierDetection.{one}" for one in ("consecutive5xxErrors", "consecutiveGatewayErrors", "interval")} | {
    f"outlierDetection.{one}" for one in ("baseEjectionTime", "maxEjectionPercent", "minHealthPercent")
}


def rule(more: str = "") -> str:
    return document(
        "VirtualService",
        "shop",
        f"{{hosts: [shop.com], http: [{{{more}route: [{{destination: {{host: shop.com}}}}]}}]}}",
    )


def policy(text: str) -> str:
    return document("DestinationRule", "shop", f"{{host: shop.com, trafficPolicy: {{{text}}}}}")


def wide(spec: str = "", *annotations: str) -> str:
    more = f", annotations: {{{', '.join(annotations)}}}" if annotations else ""
    return MESH.format(more=more, spec=spec)


def settings(*documents: str, method: str = "GET", **headers: str):
    """Return the settings of a call by name: value, who says it, and the path of the rule."""
    compiled = plans(mesh(entry("shop", "shop.com", ports="80"), *documents))
    sent = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    found = decide(compiled, compiled.listeners[0], Request(method=method, authority="shop.com", headers=sent)).action
    every = (*found.settings, *found.destinations[0].settings)
    told: dict[str, list[tuple[str, str, str]]] = {}
    for one in every:
        told.setdefault(one.name, []).append((one.value, one.by, one.origin.path if one.origin else ""))
    return told


def only(found, name):
    (one,) = found[name]
    return one


def test_without_any_rule_every_value_is_a_default():
    found = settings()
    assert set(found) == ROUTE | POOL
    assert {by for values in found.values() for _, by, path in values if not path} == {
        "Istio's default",
        "Envoy's default",
        "Pidalio's default",
    }
    assert only(found, "timeout") == ("none", "Istio's default", "")
    assert only(found, "retries.attempts") == ("2", "Istio's default", "")
    assert only(found, "connectionPool.http.maxRetries") == ("unlimited", "Istio's default", "")
    assert only(found, "connectionPool.http.idleTimeout") == ("3600000 ms", "Envoy's default", "")


@pytest.mark.parametrize(
    ("more", "name", "value", "path"),
    [
        ("timeout: 2s, ", "timeout", "2000 ms", "timeout"),
        ("retries: {attempts: 4}, ", "retries.attempts", "4", "retries.attempts"),
        ("retries: {attempts: 0}, ", "retries.attempts", "0", "retries"),
        (
            "retries: {attempts: 1, retryOn: '5xx,418'}, ",
            "retries.retryOn",
            "5xx, retriable-status-codes, 418",
            "retries.retryOn",
        ),
        ("retries: {attempts: 1, perTryTimeout: 1s}, ", "retries.perTryTimeout", "1000 ms", "retries.perTryTimeout"),
        (
            "retries: {attempts: 1, backoff: 7ms}, ",
            "retries.backoff",
            "drawn from 0 to 7 ms, longer with each try, at most 70 ms",
            "retries.backoff",
        ),
        (
            "retries: {attempts: 1, retryRemoteLocalities: true}, ",
            "retries.retryRemoteLocalities",
            "true: instances of other priorities, too",
            "retries.retryRemoteLocalities",
        ),
        (
            "retries: {attempts: 1, retryIgnorePreviousHosts: false}, ",
            "retries.retryIgnorePreviousHosts",
            "false: any instance",
            "retries.retryIgnorePreviousHosts",
        ),
    ],
)
def test_what_a_route_states_names_its_field(more, name, value, path):
    assert only(settings(rule(more)), name) == (value, "", f"http[0].{path}")


def test_what_a_rule_leaves_out_is_a_default():
    found = settings(rule("retries: {attempts: 4}, "))
    assert {name: only(found, name)[1] for name in ("retries.retryOn", "retries.perTryTimeout", "retries.backoff")} == {
        "retries.retryOn": "Istio's default",
        "retries.perTryTimeout": "Istio's default",
        "retries.backoff": "Envoy's default",
    }


def test_the_meshs_policy_is_named():
    found = settings(wide("defaultHttpRetryPolicy: {attempts: 5}"))
    assert only(found, "retries.attempts") == ("5", "", "defaultHttpRetryPolicy.attempts")
    found = settings(wide("defaultHttpRetryPolicy: {attempts: 0}"))
    assert only(found, "retries.attempts") == ("0", "", "defaultHttpRetryPolicy")


def test_a_profile_is_named_with_where_it_is_chosen():
    at = 'metadata.annotations["pidalio.dev/resilience"]'
    found = settings(wide("", SAFE))
    assert only(found, "retries.attempts") == ("2", "profile safe", at)
    assert only(found, "retries.retryOn")[1:] == ("profile safe", at)
    assert only(found, "retryBudget") == ("20 % of the requests active, and at least 3", "profile safe", at)
    assert only(settings(wide("", "pidalio.dev/resilience: istio")), "retries.attempts") == ("2", "profile istio", at)


def test_what_the_method_narrows_is_told():
    first, narrowed = settings(wide("", SAFE), rule("retries: {attempts: 1, retryOn: 5xx}, "), method="POST")[
        "retries.retryOn"
    ]
    assert first == ("5xx", "", "http[0].retries.retryOn")
    only_unseen = "connect-failure, refused-stream, reset-before-request"
    assert narrowed[:2] == (f"POST is not idempotent: only {only_unseen}", "profile safe")
    (_, nothing) = settings(wide("", SAFE), rule("retries: {attempts: 1, retryOn: '503'}, "), method="POST")[
        "retries.retryOn"
    ]
    assert nothing[0] == "POST is not idempotent: only nothing"


def test_a_callers_headers_are_named():
    found = settings(
        rule("timeout: 2s, "),
        x_envoy_upstream_rq_timeout_ms="70",
        x_envoy_max_retries="3",
        x_envoy_retry_on="5xx",
        x_envoy_upstream_rq_per_try_timeout_ms="30",
    )
    assert only(found, "timeout") == ("70 ms", "header x-envoy-upstream-rq-timeout-ms", "")
    assert only(found, "retries.attempts") == ("3", "header x-envoy-max-retries", "")
    assert only(found, "retries.perTryTimeout") == ("30 ms", "header x-envoy-upstream-rq-per-try-timeout-ms", "")
    assert found["retries.retryOn"][1] == ("also 5xx", "header x-envoy-retry-on", "")
    off = settings(rule("retries: {attempts: 0}, "), x_envoy_retry_on="5xx")
    assert only(off, "retries.attempts") == ("1", "Envoy's default", "")


def test_who_is_deaf_is_named():
    found = settings(wide("", "pidalio.dev/caller-overrides: ignored"), x_envoy_max_retries="3")
    assert only(found, "callerOverrides") == ("ignored", "", 'metadata.annotations["pidalio.dev/caller-overrides"]')
    assert only(found, "retries.attempts")[0] == "2"
    foreign = settings(x_forwarded_for="192.0.2.1", x_envoy_max_retries="3")
    assert only(foreign, "callerOverrides")[0] == "taken away: the caller is not the workload itself"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("connectionPool: {http: {maxRetries: 4}}", "connectionPool.http.maxRetries", "4"),
        ("connectionPool: {tcp: {maxConnections: 4}}", "connectionPool.tcp.maxConnections", "4"),
        ("connectionPool: {http: {http1MaxPendingRequests: 4}}", "connectionPool.http.http1MaxPendingRequests", "4"),
        ("connectionPool: {http: {http2MaxRequests: 4}}", "connectionPool.http.http2MaxRequests", "4"),
        ("connectionPool: {http: {maxRequestsPerConnection: 4}}", "connectionPool.http.maxRequestsPerConnection", "4"),
        ("connectionPool: {http: {idleTimeout: 4s}}", "connectionPool.http.idleTimeout", "4000 ms"),
        ("connectionPool: {http: {idleTimeout: 0s}}", "connectionPool.http.idleTimeout", "none"),
        ("connectionPool: {tcp: {maxConnectionDuration: 4s}}", "connectionPool.tcp.maxConnectionDuration", "4000 ms"),
        (
            "connectionPool: {tcp: {tcpKeepalive: {probes: 4, time: 5s}}}",
            "connectionPool.tcp.tcpKeepalive",
            "probes 4, time 5000 ms",
        ),
        (
            "connectionPool: {tcp: {tcpKeepalive: {}}}",
            "connectionPool.tcp.tcpKeepalive",
            "as the operating system does",
        ),
        ("outlierDetection: {consecutive5xxErrors: 4}", "outlierDetection.consecutive5xxErrors", "4 in a row"),
        ("outlierDetection: {consecutive5xxErrors: 0}", "outlierDetection.consecutive5xxErrors", "never"),
        ("outlierDetection: {consecutiveGatewayErrors: 4}", "outlierDetection.consecutiveGatewayErrors", "4 in a row"),
        ("outlierDetection: {interval: 4s}", "outlierDetection.interval", "4000 ms"),
        ("outlierDetection: {baseEjectionTime: 4s}", "outlierDetection.baseEjectionTime", "4000 ms"),
        ("outlierDetection: {maxEjectionPercent: 4}", "outlierDetection.maxEjectionPercent", "4 %"),
        ("outlierDetection: {minHealthPercent: 4}", "outlierDetection.minHealthPercent", "4 %"),
    ],
)
def test_what_a_destination_states_names_its_field(text, name, value):
    assert only(settings(policy(text)), name) == (value, "", f"trafficPolicy.{name}")


def test_the_meshs_keep_alive_is_named():
    found = settings(wide("tcpKeepalive: {interval: 4s}"), policy("connectionPool: {tcp: {maxConnections: 1}}"))
    assert only(found, "connectionPool.tcp.tcpKeepalive") == ("interval 4000 ms", "", "tcpKeepalive")


def test_http2_has_streams_and_pings():
    upgraded = settings(policy("connectionPool: {http: {h2UpgradePolicy: UPGRADE}}"))
    assert only(upgraded, "connectionPool.http.maxConcurrentStreams") == ("unlimited", "Istio's default", "")
    assert only(upgraded, "connectionPool.http.http2KeepAlive") == ("none", "Istio's default", "")
    stated = "{h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 4, http2KeepAlive: {interval: 4s, timeout: 1s}}"
    found = settings(policy(f"connectionPool: {{http: {stated}}}"))
    where = "trafficPolicy.connectionPool.http"
    assert only(found, "connectionPool.http.maxConcurrentStreams") == ("4", "", f"{where}.maxConcurrentStreams")
    assert only(found, "connectionPool.http.http2KeepAlive") == (
        "every 4000 ms, answered within 1000 ms",
        "",
        f"{where}.http2KeepAlive",
    )


def test_ejection_that_states_nothing_is_envoys():
    found = settings(policy("outlierDetection: {}"))
    assert set(found) == ROUTE | (POOL - {"outlierDetection"}) | EJECTION
    assert only(found, "outlierDetection.maxEjectionPercent") == ("10 %", "Envoy's default", "")
    assert only(found, "outlierDetection.minHealthPercent")[1] == "Istio's default"
    split = settings(policy("outlierDetection: {splitExternalLocalOriginErrors: true}"))
    assert only(split, "outlierDetection.consecutiveLocalOriginFailures") == ("5 in a row", "Envoy's default", "")


def test_a_budget_names_its_rule():
    found = settings(policy("retryBudget: {percent: 5, budgetInterval: 10s}"))
    assert only(found, "retryBudget") == (
        "5 % of the requests of the last 10000 ms, and at least 3",
        "",
        "trafficPolicy.retryBudget",
    )
    assert "connectionPool.http.maxRetries" not in found


def test_a_key_keeps_its_instance():
    found = settings(policy("loadBalancer: {consistentHash: {httpHeaderName: x-user}}"))
    assert only(found, "retries.retryIgnorePreviousHosts") == (
        "false: the instance of the key",
        "",
        "trafficPolicy.loadBalancer.consistentHash",
    )
