"""What a caller's own `x-envoy-*` headers change: an application's at its own sidecar, and nobody else's."""

from tests.traffic.case import GATEWAY, SIDECAR, Call, Case, get
from tests.traffic.fleet import rule, service

_503 = {"x-echo-status": "503"}
_SLOW = {"x-echo-delay": "400"}
_PATIENT = {"x-envoy-upstream-rq-timeout-ms": "50"}
_EAGER = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}
_FORGED = {"x-envoy-internal": "true"}
_ELSEWHERE = {"x-forwarded-for": "192.0.2.7"}
_RULED = """
http:
- match: [{uri: {prefix: /hasty}}]
  timeout: 100ms
  route: [{destination: {host: HOST}}]
- match: [{uri: {prefix: /twice}}]
  retries: {attempts: 2, retryOn: 5xx}
  route: [{destination: {host: HOST}}]
- match: [{uri: {prefix: /never}}]
  retries: {attempts: 0}
  route: [{destination: {host: HOST}}]
- route: [{destination: {host: HOST}}]
"""


def _own(url: str, to: str, dst: str = "") -> tuple[Call, ...]:
    """Return calls of an application whose word counts."""
    return (
        get(f"{url}/", headers=_503 | _EAGER, status=503, tries=4, to=to, dst=dst),
        get(f"{url}/", headers=_503 | {"x-envoy-max-retries": "3"}, status=503, tries=1, to=to, dst=dst),
        get(f"{url}/twice", headers=_503 | {"x-envoy-max-retries": "1"}, status=503, tries=2, to=to, dst=dst),
        get(f"{url}/twice", headers=_503 | {"x-envoy-max-retries": "0"}, status=503, tries=1, to=to, dst=dst),
        get(f"{url}/never", headers=_503 | _EAGER, status=503, tries=4, to=to, dst=dst),
        get(f"{url}/", headers=_SLOW | _PATIENT, status=504, timeout=50, tries=1, dst=dst),
        get(
            f"{url}/hasty",
            headers={"x-echo-delay": "300", "x-envoy-upstream-rq-timeout-ms": "10000"},
            timeout=10_000,
            to=to,
            dst=dst,
        ),
        get(
            f"{url}/hasty",
            headers={"x-echo-delay": "300", "x-envoy-upstream-rq-timeout-ms": "0"},
            timeout=0,
            to=to,
            dst=dst,
        ),
        # Called on behalf of another: then what it says may be the other's word.
        get(f"{url}/", headers=_503 | _EAGER | _ELSEWHERE, status=503, tries=1, to=to, dst=dst),
        get(f"{url}/", headers=_SLOW | _PATIENT | _ELSEWHERE, timeout=0, to=to, dst=dst),
    )


def _foreign(url: str, to: str) -> tuple[Call, ...]:
    """Return calls from outside, whose headers are taken away and change nothing."""
    gone = dict.fromkeys((*_EAGER, *_PATIENT, *_FORGED), None)
    return (
        get(f"{url}/", headers=_503 | _EAGER, status=503, tries=1, to=to, sees=gone),
        get(f"{url}/", headers=_SLOW | _PATIENT | _FORGED, timeout=0, to=to, sees=gone),
        get(f"{url}/", headers=_SLOW | _PATIENT | {"x-forwarded-for": "127.0.0.1"}, timeout=0, to=to, sees=gone),
    )


_SHOP = service("shop") + rule("shop", _RULED.replace("HOST", "shop"))
_REDIRECTED = service("vip", extra="addresses: [10.7.0.1]") + rule("vip", _RULED.replace("HOST", "vip"))
_EDGE = (
    rule(
        "edge",
        "selector: {istio: edge}\nservers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]",
        kind="Gateway",
    )
    + service("inner")
    + rule(
        "inner",
        "hosts: [inner.example.com]\ngateways: [edge]\n" + "http: [{route: [{destination: {host: inner}}]}]",
    )
)
_SERVED = """
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: $PORT}]}
"""
CASES = (
    Case(
        id="override-explicit",
        intent="An application's own headers replace timeout and retries of its call, in both directions.",
        config=_SHOP,
        calls=_own("http://shop", "shop"),
    ),
    Case(
        id="override-redirected",
        intent="Where connections are redirected they come from the workload's own address, and its headers count too.",
        config=_REDIRECTED,
        calls=_own("http://vip", "vip", "10.7.0.1:80"),
        mode="transparent",
    ),
    Case(
        id="override-forwarded-headers",
        intent="What an application says of the callers before it (x-forwarded-*) goes on as it is.",
        config=_SHOP,
        calls=(
            get(
                "http://shop/",
                headers={"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7, 192.0.2.8"},
                sees={"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7, 192.0.2.8"},
            ),
            get("http://shop/", sees={"x-forwarded-proto": "http", "x-forwarded-for": None}),
            get("http://shop/", headers={"x-request-id": "mine"}, sees={"x-request-id": "mine"}),
        ),
    ),
    Case(
        id="override-at-gateway",
        intent="Callers from outside cannot change timeouts or retries: a gateway takes their headers away.",
        config=_EDGE,
        calls=_foreign("http://inner.example.com", "inner"),
        proxy=GATEWAY,
        labels=(("istio", "edge"),),
    ),
    Case(
        id="override-inbound",
        intent="What comes in to a workload cannot change how its sidecar treats it.",
        config=_SERVED,
        calls=_foreign("http://web:$PORT", "127.0.0.1"),
        proxy=SIDECAR.replace("10.0.0.1", "127.8.1.1"),
        labels=(("app", "web"),),
        inbound=True,
    ),
)
