"""Timeouts, retries, faults and mirrors."""

from tests.traffic.case import STATISTICAL, Case, get
from tests.traffic.fleet import rule, service, subsets


def _ruled(name: str, more: str, instances: str = "v1*2") -> str:
    return service(name, instances) + rule(name, f"http: [{{{more}, route: [{{destination: {{host: {name}}}}}]}}]")


def _always(status: int) -> dict[str, str]:
    return {"x-echo-status": str(status)}


def _first(fails: int, status: int = 503) -> dict[str, str]:
    return {"x-echo-status": str(status), "x-echo-fails": str(fails)}


CASES = (
    Case(
        id="timeout",
        intent="There is no timeout unless a rule states one; then 504.",
        config=service("patient")
        + _ruled("hasty", "timeout: 100ms, retries: {attempts: 0}")
        + _ruled("slack", "timeout: 20s"),
        calls=(
            get("http://patient/", timeout=0),
            get("http://patient/", headers={"x-echo-delay": "300"}, timeout=0, tries=1),
            get("http://slack/", timeout=20_000),
            get("http://hasty/", timeout=100),
            get("http://hasty/", headers={"x-echo-delay": "2000"}, status=504, timeout=100, tries=1),
        ),
    ),
    Case(
        id="retries",
        intent="By default only failures before a response are repeated; a rule widens that by condition and code.",
        config=service("plain", "v1*2")
        + _ruled("thrice", "retries: {attempts: 3, retryOn: '5xx'}")
        + _ruled("gateway", "retries: {attempts: 2, retryOn: gateway-error}")
        + _ruled("by-code", "retries: {attempts: 2, retryOn: '500,418'}")
        + _ruled("never", "retries: {attempts: 0}")
        + _ruled("only-attempts", "retries: {attempts: 4}")
        + _ruled("conflict", "retries: {attempts: 1, retryOn: retriable-4xx}")
        + _ruled("per-try", "retries: {attempts: 2, retryOn: '5xx', perTryTimeout: 80ms}"),
        calls=(
            get("http://plain/", headers=_always(503), status=503, tries=1),
            get("http://plain/", headers=_always(500), status=500, tries=1),
            get("http://thrice/", headers=_always(503), status=503, tries=4),
            get("http://thrice/", headers=_first(2), status=200, tries=3),
            get("http://thrice/", headers=_always(404), status=404, tries=1),
            get("http://gateway/", headers=_always(502), status=502, tries=3),
            get("http://gateway/", headers=_always(500), status=500, tries=1),
            get("http://by-code/", headers=_always(418), status=418, tries=3),
            get("http://by-code/", headers=_always(500), status=500, tries=3),
            get("http://by-code/", headers=_always(503), status=503, tries=1),
            get("http://never/", headers=_always(503), status=503, tries=1),
            get("http://only-attempts/", headers=_always(503), status=503, tries=1),
            get("http://conflict/", headers=_always(409), status=409, tries=2),
            get("http://per-try/", headers={"x-echo-delay": "2000"}, status=504, tries=3),
        ),
    ),
    Case(
        id="retries-grpc",
        intent="A gRPC status is repeated where its condition is stated; by default unavailable and cancelled are.",
        config=service("plain")
        + "".join(
            _ruled(name, f"retries: {{attempts: 3, retryOn: {name}, backoff: 1ms}}")
            for name in ("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable")
        ),
        calls=tuple(
            get(f"http://{host}/", headers={"x-echo-grpc": str(status)}, tries=tries)
            for host, status, tries in (
                ("plain", 14, 3),
                ("plain", 1, 3),
                ("plain", 13, 1),
                ("cancelled", 1, 4),
                ("cancelled", 14, 1),
                ("deadline-exceeded", 4, 4),
                ("deadline-exceeded", 1, 1),
                ("internal", 13, 4),
                ("internal", 2, 1),
                ("resource-exhausted", 8, 4),
                ("resource-exhausted", 4, 1),
                ("unavailable", 14, 4),
                ("unavailable", 13, 1),
            )
        ),
    ),
    Case(
        id="fault-abort",
        intent="An abort ends a request at the caller's proxy, by its own draw; 0 % never does.",
        config=_ruled("aborted", "fault: {abort: {httpStatus: 418, percentage: {value: 100}}}")
        + _ruled("never-aborted", "fault: {abort: {httpStatus: 418, percentage: {value: 0}}}")
        + _ruled("without-share", "fault: {abort: {httpStatus: 418}}")
        + _ruled("tenth", "fault: {abort: {httpStatus: 503, percentage: {value: 10}}}")
        + _ruled("grpc-aborted", "fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}")
        + service("some-aborted")
        + rule(
            "some-aborted",
            """
            http:
            - match: [{headers: {x-user: {exact: jason}}}]
              fault: {abort: {httpStatus: 500, percentage: {value: 100}}}
              route: [{destination: {host: some-aborted}}]
            - route: [{destination: {host: some-aborted}}]
            """,
        ),
        calls=(
            get("http://aborted/", status=418, flag="FI", details="fault_filter_abort", to={}),
            get("http://never-aborted/", to="never-aborted"),
            get("http://without-share/", to="without-share"),
            get("http://tenth/", to={"tenth": 0.9}, status=None, times=STATISTICAL),
            get("http://grpc-aborted/", status=200, flag="FI", to={}),
            get("http://grpc-aborted/", headers={"content-type": "application/grpc"}, status=200, flag="FI", to={}),
            get("http://aborted/", headers={"content-type": "application/grpc"}, status=200, flag="FI", to={}),
            get("http://some-aborted/", headers={"x-user": "jason"}, status=500, flag="FI"),
            get("http://some-aborted/", to="some-aborted v1"),
        ),
    ),
    Case(
        id="fault-delay",
        intent="A delay holds a request before it is sent; with an abort it comes first.",
        config=_ruled("delayed", "fault: {delay: {fixedDelay: 200ms, percentage: {value: 100}}}")
        + _ruled("never-delayed", "fault: {delay: {fixedDelay: 60s, percentage: {value: 0}}}")
        + _ruled(
            "delayed-aborted",
            "fault: {delay: {fixedDelay: 200ms, percentage: {value: 100}}, abort: {httpStatus: 400, percentage: {value: 100}}}",
        ),
        calls=(
            get("http://delayed/", to="delayed", slow=200, flag="DI"),
            get("http://never-delayed/", to="never-delayed", flag="-"),
            get("http://delayed-aborted/", status=400, slow=200, flag="DI,FI"),
        ),
    ),
    Case(
        id="mirror",
        intent="A mirror gets a copy, and what it answers changes nothing.",
        config=service("mirrored", "v1 v2")
        + subsets("mirrored", "v1", "v2")
        + service("watcher")
        + rule(
            "mirrored",
            """
            http:
            - match: [{uri: {prefix: /one}}]
              mirror: {host: mirrored, subset: v2}
              route: [{destination: {host: mirrored, subset: v1}}]
            - match: [{uri: {prefix: /two}}]
              mirrors:
              - {destination: {host: mirrored, subset: v2}}
              - {destination: {host: watcher}, percentage: {value: 100}}
              route: [{destination: {host: mirrored, subset: v1}}]
            - match: [{uri: {prefix: /none}}]
              mirror: {host: mirrored, subset: v2}
              mirrorPercentage: {value: 0}
              route: [{destination: {host: mirrored, subset: v1}}]
            - match: [{uri: {prefix: /nowhere}}]
              mirror: {host: absent.example.com}
              route: [{destination: {host: mirrored, subset: v1}}]
            - route: [{destination: {host: mirrored, subset: v1}}]
            """,
        ),
        calls=(
            get("http://mirrored/none", to="mirrored v1", mirrors=frozenset()),
            get("http://mirrored/one/x?y", to="mirrored v1", mirrors=frozenset({"mirrored v2"}), path="/one/x?y"),
            get("http://mirrored/two", to="mirrored v1", mirrors=frozenset({"mirrored v2", "watcher v1"})),
            get("http://mirrored/nowhere", to="mirrored v1", mirrors=frozenset()),
            get("http://mirrored/", to="mirrored v1", mirrors=frozenset()),
        ),
    ),
)
