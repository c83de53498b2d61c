"""What comes in to a workload, where a Sidecar says by which ports and where to (reference §1.6)."""

from tests.traffic.case import Case, get
from tests.traffic.fleet import rule

_ADDRESS = "127.8.1.1"
_PROXY = f"sidecar~{_ADDRESS}~web-1.default~default.svc.cluster.local"
_WEB = (("app", "web"),)
_SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: $PORT}]}
"""


def _listener(number: int, endpoint: str, protocol: str = "HTTP", more: str = "") -> str:
    return (
        f"  - {{port: {{number: {number}, protocol: {protocol}, name: p-{number}}}, "
        f"defaultEndpoint: '{endpoint}'{more}}}\n"
    )


def _sidecar(name: str, *listeners: str, selector: str = "", namespace: str = "default") -> str:
    chosen = f"workloadSelector: {{labels: {selector}}}\n" if selector else ""
    return rule(name, f"{chosen}ingress:\n{''.join(listeners)}", kind="Sidecar", namespace=namespace)


def _case(name: str, intent: str, config: str, *calls, labels=_WEB, proxy: str = _PROXY) -> Case:
    return Case(id=name, intent=intent, config=config, calls=calls, proxy=proxy, labels=labels, inbound=True)


_LOOPBACK, _INSTANCE = "127.0.0.1:$PORT", "0.0.0.0:$PORT"
_ELSEWHERE = "sidecar~127.8.1.2~web-1.other~other.svc.cluster.local"
_SCOPES = (
    _sidecar("chosen", _listener(9001, _LOOPBACK), _listener(9002, _LOOPBACK), selector="{app: web}")
    + _sidecar("all", _listener(9001, _INSTANCE), _listener(9003, _LOOPBACK))
    + _sidecar("everywhere", _listener(9001, _LOOPBACK), _listener(9004, _INSTANCE), namespace="istio-system")
)
CASES = (
    _case(
        "inbound-service",
        "Without a Sidecar the ports of services are taken in, and go to the application's loopback.",
        _SERVICE,
        get("http://web:$PORT/a//b?c", to="127.0.0.1", path="/a//b?c"),
        get("http://anything:$PORT/", to="127.0.0.1", route="default", virtual_host="inbound|http|80"),
        get("http://web:$PORT/", headers={"x-echo-status": "503"}, to="127.0.0.1", status=503, tries=1),
    ),
    _case(
        "ingress-endpoints",
        "An ingress listener sends to the loopback or to the instance's own address.",
        _SERVICE
        + _sidecar(
            "default",
            _listener(9001, _LOOPBACK),
            _listener(9002, _INSTANCE),
            _listener(9003, _LOOPBACK, "HTTP"),
            _listener(9004, "[::]:$PORT", "HTTP", ", bind: 127.0.0.9"),
            _listener(9005, _LOOPBACK, "HTTP", ", captureMode: NONE"),
        ),
        get("http://web:9001/", to="127.0.0.1", cluster="inbound|9001||", virtual_host="inbound|http|9001"),
        get("http://web:9002/", to=_ADDRESS, cluster="inbound|9002||"),
        get("http://web:9003/", to="127.0.0.1"),
        get("http://web:9004/", to=_ADDRESS),
        get("http://web:9005/", to="127.0.0.1"),
        get("http://web:9001/a/../b", to="127.0.0.1", path="/b"),
        get("http://web:9001/", headers={"x-echo-status": "503"}, status=503, tries=1),
    ),
    _case(
        "ingress-selector",
        "The Sidecar whose selector picks the workload decides alone.",
        _SCOPES,
        get("http://web:9001/", to="127.0.0.1"),
        get("http://web:9002/", to="127.0.0.1"),
    ),
    _case(
        "ingress-namespace",
        "Without one that picks it the namespace's own decides alone.",
        _SCOPES,
        get("http://web:9001/", to=_ADDRESS),
        get("http://web:9003/", to="127.0.0.1"),
        labels=(("app", "other"),),
    ),
    _case(
        "ingress-root",
        "A namespace without any has the root namespace's.",
        _SCOPES,
        get("http://web:9001/", to="127.0.0.1"),
        get("http://web:9004/", to="127.8.1.2"),
        proxy=_ELSEWHERE,
    ),
)
