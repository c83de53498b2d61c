"""The profiles `istio` and `safe`, mesh-wide and by host, and the switch that makes a host deaf to its callers' words."""

from tests.traffic.case import GATEWAY, Call, Case
from tests.traffic.fleet import rule, service

_503 = {"x-echo-status": "503"}
_DROPS = {"x-echo-drops": "5"}
_SAFE, _ISTIO = "pidalio.dev/resilience: safe", "pidalio.dev/resilience: istio"
_DEAF, _HEEDING = "pidalio.dev/caller-overrides: ignored", "pidalio.dev/caller-overrides: allowed"
_OVERRIDES = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}
_HASTY = {"x-echo-delay": "400", "x-envoy-upstream-rq-timeout-ms": "50"}
_WIDE = "retries: {attempts: 3, retryOn: '5xx,418', backoff: 1ms}"
_IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
_OTHERS = ("POST", "PATCH", "REPORT")


def _mesh(*annotations: str, spec: str = "") -> str:
    stated = ", ".join(annotations)
    return (
        "---\napiVersion: pidalio.dev/v1\nkind: MeshConfig\n"
        f"metadata: {{name: mesh, annotations: {{{stated}}}}}\nspec: {{{spec}}}\n"
    )


def _ruled(name: str, more: str, annotations: str = "") -> str:
    return service(name, annotations=annotations) + rule(
        name, f"http: [{{{more}, route: [{{destination: {{host: {name}}}}}]}}]"
    )


def _call(method: str, host: str, tries: int, headers: dict[str, str] | None = None, **more: object) -> Call:
    return Call(method=method, url=f"http://{host}/", headers=headers or _503, tries=tries, **({"status": 503} | more))


_SPLIT = """
http:
- retries: {attempts: 3, retryOn: 5xx, backoff: 1ms}
  route:
  - {destination: {host: bold}, weight: 50}
  - {destination: {host: careful}, weight: 50}
"""
_STICKY = """
http:
- retries: {attempts: 3, retryOn: 5xx, backoff: 1ms}
  sticky: {header: x-user}
  route:
  - {destination: {host: bold}, weight: 50}
  - {destination: {host: careful}, weight: 50}
"""
CASES = (
    Case(
        id="profile-safe",
        intent="Below safe a 503 stands, whatever the method; what no answer came to is repeated where that is harmless.",
        config=_mesh(_SAFE) + service("plain") + service("also", annotations=_ISTIO),
        calls=(
            _call("POST", "plain", 1),
            _call("GET", "plain", 1),
            *(_call(method, "plain", 3, _DROPS) for method in _IDEMPOTENT),
            *(_call(method, "plain", 1, _DROPS) for method in _OTHERS),
            _call("GET", "plain", 2, {"x-echo-drops": "1"}, status=200),
            # The other profile does what Istio does: it repeats neither, nor asks for the method.
            _call("GET", "also", 1),
            _call("GET", "also", 1, _DROPS),
        ),
    ),
    Case(
        id="profile-safe-and-rules",
        intent="What a rule states holds, field by field; but nothing makes other than idempotent methods be repeated.",
        config=_mesh(_SAFE)
        + _ruled("wide", _WIDE)
        + _ruled("bold", _WIDE, _ISTIO)
        + _ruled("more", "retries: {attempts: 4, backoff: 1ms}")
        + _ruled("never", "retries: {attempts: 0}")
        + _ruled("each", "retries: {attempts: 1, retryOn: 5xx, perTryTimeout: 80ms}"),
        calls=(
            *(_call(method, "wide", 4) for method in _IDEMPOTENT),
            *(_call(method, "wide", 1) for method in _OTHERS),
            _call("POST", "wide", 1, _DROPS),
            _call("GET", "wide", 4, {"x-echo-status": "418"}, status=418),
            _call("POST", "wide", 1, {"x-echo-status": "418"}, status=418),
            _call("POST", "bold", 4),
            _call("POST", "bold", 4, _DROPS),
            _call("GET", "more", 5, _DROPS),
            _call("GET", "more", 1),
            _call("GET", "never", 1, _DROPS),
            _call("GET", "each", 2, {"x-echo-delay": "1000"}, status=504),
            _call("POST", "each", 1, {"x-echo-delay": "1000"}, status=504),
            # What an application asks for itself, it gets.
            _call("POST", "wide", 3, _503 | {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "2"}),
        ),
    ),
    Case(
        id="profile-safe-mesh-policy",
        intent="The mesh's own retry policy comes before its profile.",
        config=_mesh(_SAFE, spec="defaultHttpRetryPolicy: {attempts: 1, retryOn: 5xx, backoff: 1ms}")
        + service("plain"),
        calls=(_call("GET", "plain", 2), _call("POST", "plain", 1)),
    ),
    Case(
        id="profile-safe-by-host",
        intent="A service asks for it; where a request may go to several, one that asks is enough.",
        config=service("bold")
        + service("careful", annotations=_SAFE)
        + service("split")
        + rule("split", _SPLIT)
        + service("sticky")
        + rule("sticky", _STICKY),
        calls=(
            _call("GET", "bold", 1, _DROPS),
            _call("GET", "careful", 3, _DROPS),
            _call("POST", "careful", 1, _DROPS),
            _call("GET", "split", 4),
            _call("POST", "split", 1),
            _call("GET", "sticky", 4, _503 | {"x-user": "a"}),
            _call("POST", "sticky", 1, _503 | {"x-user": "a"}),
            _call("POST", "sticky", 1),
        ),
    ),
    Case(
        id="profile-safe-at-gateway",
        intent="What comes from outside is repeated by the same rules.",
        config=_mesh(_SAFE)
        + service("inner")
        + rule(
            "edge",
            "selector: {istio: edge}\nservers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]",
            kind="Gateway",
        )
        + rule(
            "inner",
            f"hosts: [inner.example.com]\ngateways: [edge]\nhttp: [{{{_WIDE}, route: [{{destination: {{host: inner}}}}]}}]",
        ),
        calls=(_call("GET", "inner.example.com", 4), _call("POST", "inner.example.com", 1)),
        proxy=GATEWAY,
        labels=(("istio", "edge"),),
    ),
    Case(
        id="overrides-ignored",
        intent="A host may be deaf to its callers' own timeouts and retries.",
        config=service("open") + service("deaf", annotations=_DEAF) + _ruled("ruled", _WIDE, _DEAF),
        calls=(
            _call("GET", "open", 4, _503 | _OVERRIDES),
            _call("GET", "open", 1, _HASTY, status=504, timeout=50),
            _call("GET", "deaf", 1, _503 | _OVERRIDES, sees=dict.fromkeys(_OVERRIDES)),
            _call("GET", "deaf", 1, _HASTY, status=200, timeout=0, sees={"x-envoy-upstream-rq-timeout-ms": None}),
            _call("GET", "ruled", 4, _503 | {"x-envoy-max-retries": "0"}),
        ),
    ),
    Case(
        id="overrides-ignored-mesh-wide",
        intent="The whole mesh may be deaf, unknown hosts included, and one host not.",
        config=_mesh(_DEAF) + service("deaf") + service("open", annotations=_HEEDING),
        calls=(
            _call("GET", "deaf", 1, _503 | _OVERRIDES),
            _call("GET", "open", 4, _503 | _OVERRIDES),
            Call(url="http://127.9.9.9:$PORT/", headers=_503 | _OVERRIDES, status=503, tries=1),
        ),
    ),
)
