"""What the other tables leave out of an HTTP rule: every form of every condition, and the small print of actions."""

from tests.traffic.case import Call, Case, get
from tests.traffic.fleet import rule, service, subsets


def _matched(name: str, conditions: str) -> str:
    """Return a service whose v2 gets what meets the conditions, and v1 the rest."""
    spec = f"""
        http:
        - {{name: yes, match: [{conditions}], route: [{{destination: {{host: {name}, subset: v2}}}}]}}
        - {{name: no, route: [{{destination: {{host: {name}, subset: v1}}}}]}}
    """
    return service(name, "v1 v2") + subsets(name, "v1", "v2") + rule(name, spec)


def _yes(name: str, rest: str = "/", **more: object) -> Call:
    return Call(url=f"http://{name}{rest}", to=f"{name} v2", route="yes", **more)


def _no(name: str, rest: str = "/", **more: object) -> Call:
    return Call(url=f"http://{name}{rest}", to=f"{name} v1", route="no", **more)


_CONDITIONS = (
    _matched("scheme-prefix", "{scheme: {prefix: http}, uri: {prefix: /a}}")
    + _matched("scheme-regex", "{scheme: {regex: 'ht+p'}, uri: {prefix: /a}}")
    + _matched("method-prefix", "{method: {prefix: P}}")
    + _matched("authority-exact", "{authority: {exact: 'authority-exact:80'}}")
    + _matched("authority-regex", "{authority: {regex: 'authority-regex(:80)?'}, uri: {prefix: /a}}")
    + _matched("absent-prefix", "{withoutHeaders: {x-v: {prefix: ab}}}")
    + _matched("absent-regex", "{withoutHeaders: {x-v: {regex: 'a+'}}}")
    + _matched("any-value", "{headers: {x-v: {regex: '*'}}}")
    + _matched("any-query", "{queryParams: {q: {}}}")
    + _matched("no-value", "{withoutHeaders: {x-v: {regex: '*'}}}")
    + _matched("upper-name", "{headers: {X-Upper: {exact: a}}}")
    + _matched("named-like-fields", "{headers: {uri: {exact: /x}, method: {exact: PUT}, x-v: {exact: a}}}")
    + _matched("prefix-empty", "{uri: {prefix: ''}, headers: {x-v: {}}}")
)
_CORS = service("cors") + rule(
    "cors",
    """
    http:
    - match: [{uri: {prefix: /any}}]
      corsPolicy: {allowOrigins: [{exact: '*'}], allowMethods: [GET, PUT], allowHeaders: [x-a, x-b], maxAge: 60s}
      route: [{destination: {host: cors}}]
    - match: [{uri: {prefix: /old}}]
      corsPolicy: {allowOrigin: [http://old.test], exposeHeaders: [x-c, x-d], allowCredentials: true}
      route: [{destination: {host: cors}}]
    - match: [{uri: {prefix: /strict}}]
      corsPolicy: {allowOrigins: [{prefix: http://a}, {regex: 'http://[0-9]+[.]test'}], unmatchedPreflights: IGNORE}
      route: [{destination: {host: cors}}]
    - match: [{uri: {prefix: /forward}}]
      corsPolicy: {allowOrigins: [{exact: http://a.test}], unmatchedPreflights: FORWARD}
      route: [{destination: {host: cors}}]
    - match: [{uri: {prefix: /missing}}]
      corsPolicy: {allowOrigins: [{exact: http://a.test}]}
      route: [{destination: {host: cors, subset: none}}]
    """,
)


def _preflight(path: str, origin: str, **expected: object) -> Call:
    headers = {"origin": origin, "access-control-request-method": "PUT"}
    return Call(method="OPTIONS", url=f"http://cors{path}", headers=headers, **expected)


_ANSWERED = {"details": "cors_response", "to": {}}
_REWRITES = (
    service("moved", "v1 v2")
    + subsets("moved", "v1", "v2")
    + rule(
        "moved",
        """
        http:
        - match: [{uri: {exact: /exact}}]
          rewrite: {uri: /there, authority: there.test}
          route: [{destination: {host: moved}}]
        - match: [{uri: {prefix: /Any}, ignoreUriCase: true}]
          rewrite: {uri: /lower}
          route: [{destination: {host: moved}}]
        - match: [{uri: {regex: '/v[0-9]+/.*'}}]
          rewrite: {uri: /whole}
          route: [{destination: {host: moved}}]
        - match: [{uri: {prefix: /host}}]
          headers: {request: {add: {Host: added.test}, remove: [x-gone]}}
          route: [{destination: {host: moved}, headers: {request: {add: {x-own: a}}, response: {set: {x-set: b}, remove: [x-drop-me]}}}]
        - match: [{uri: {prefix: /vars}}]
          headers:
            request: {set: {x-path: '%REQ(:path)%', x-percent: '100%%'}}
            response: {add: {x-protocol: '%PROTOCOL%'}}
          route: [{destination: {host: moved}}]
        - match: [{uri: {prefix: /old/}}]
          redirect: {prefixRewrite: /new/, redirectCode: 307}
        - match: [{uri: {prefix: /derived}}]
          redirect: {scheme: https, derivePort: FROM_REQUEST_PORT}
        - match: [{uri: {prefix: /bytes}}]
          directResponse: {status: 599, body: {bytes: AAEC}}
        """,
    )
)
_RETRIES = service("tried", "v1*2", ports="80/http") + rule(
    "tried",
    """
        http:
        - match: [{uri: {prefix: /other}}]
          retries: {attempts: 1, retryOn: 5xx, backoff: 1ms}
          route: [{destination: {host: tried}}]
        - match: [{uri: {prefix: /same}}]
          retries: {attempts: 3, retryOn: "gateway-error,418", retryIgnorePreviousHosts: false, backoff: 1ms}
          route: [{destination: {host: tried}}]
        - match: [{uri: {prefix: /far}}]
          retries: {attempts: 2, retryOn: 5xx, retryRemoteLocalities: true, backoff: 30ms}
          route: [{destination: {host: tried}}]
        - match: [{uri: {prefix: /whole}}]
          timeout: 150ms
          retries: {attempts: 9, retryOn: 5xx, perTryTimeout: 100ms, backoff: 1ms}
          route: [{destination: {host: tried}}]
        """,
)
_MIRRORS = (
    service("copied", "v1", ports="80/http 8080/http")
    + service("old-copy", "v1", ports="80/http 8080/http")
    + rule(
        "copied",
        """
        http:
        - match: [{uri: {prefix: /port}}]
          mirror: {host: old-copy, port: {number: 8080}}
          route: [{destination: {host: copied, port: {number: 8080}}}]
        - match: [{uri: {prefix: /many}}]
          mirrors: [{destination: {host: old-copy, port: {number: 8080}}}]
          route: [{destination: {host: copied, port: {number: 80}}}]
        - match: [{uri: {prefix: /none}}]
          mirror: {host: old-copy, port: {number: 80}}
          mirrorPercent: 0
          route: [{destination: {host: copied}}]
        - match: [{uri: {prefix: /wins}}]
          mirror: {host: old-copy, port: {number: 80}}
          mirrorPercent: 0
          mirrorPercentage: {value: 100}
          route: [{destination: {host: copied}}]
        - match: [{uri: {prefix: /wrong}}]
          mirror: {host: old-copy, port: {number: 81}}
          route: [{destination: {host: copied}}]
        """,
    )
)
_FAULTS = service("faulty") + rule(
    "faulty",
    """
    http:
    - match: [{uri: {prefix: /old}}]
      fault: {delay: {fixedDelay: 60ms, percent: 100}}
      route: [{destination: {host: faulty}}]
    - match: [{uri: {prefix: /both}}]
      fault: {delay: {fixedDelay: 60ms, percentage: {value: 100}}, abort: {httpStatus: 599, percentage: {value: 100}}}
      corsPolicy: {allowOrigins: [{exact: '*'}]}
      route: [{destination: {host: faulty}}]
    """,
)
_TOLD = {"x-echo-status": "503"}

CASES = (
    Case(
        id="conditions",
        intent="Every form of every condition; a regex * means any value; names are compared without case.",
        config=_CONDITIONS,
        calls=(
            _yes("scheme-prefix", "/a"),
            _no("scheme-prefix", "/b"),
            _yes("scheme-regex", "/a"),
            _no("scheme-regex", "/b"),
            _yes("method-prefix", method="PUT"),
            _yes("method-prefix", method="PATCH"),
            _no("method-prefix", method="GET"),
            _no("authority-exact"),
            _yes("authority-exact", ":80/"),
            _yes("authority-regex", ":80/a"),
            _no("authority-regex", "/b"),
            _yes("absent-prefix"),
            _yes("absent-prefix", headers={"x-v": "b"}),
            _no("absent-prefix", headers={"x-v": "abc"}),
            _no("absent-regex", headers={"x-v": "aa"}),
            _yes("absent-regex", headers={"x-v": "ab"}),
            _yes("any-value", headers={"x-v": ""}),
            _no("any-value"),
            _yes("any-query", "/?q"),
            _no("any-query", "/?r=1"),
            _yes("no-value"),
            _no("no-value", headers={"x-v": ""}),
            _yes("upper-name", headers={"x-UPPER": "a"}),
            _no("upper-name", headers={"x-upper": "A"}),
            _yes("named-like-fields", headers={"x-v": "a"}),
            _no("named-like-fields"),
            _yes("prefix-empty", headers={"x-v": "a"}),
            _no("prefix-empty"),
        ),
    ),
    Case(
        id="cors",
        intent="Preflights of allowed origins are answered, others forwarded or ignored, and answers bear permissions.",
        config=_CORS,
        calls=(
            _preflight(
                "/any",
                "http://x.test",
                gets={
                    "access-control-allow-origin": "http://x.test",
                    "access-control-allow-methods": "GET,PUT",
                    "access-control-allow-headers": "x-a,x-b",
                    "access-control-max-age": "60",
                    "access-control-allow-credentials": None,
                },
                **_ANSWERED,
            ),
            get(
                "http://cors/old",
                headers={"origin": "http://old.test"},
                gets={
                    "access-control-allow-origin": "http://old.test",
                    "access-control-expose-headers": "x-c,x-d",
                    "access-control-allow-credentials": "true",
                    "access-control-allow-methods": None,
                },
            ),
            _preflight("/old", "http://old.test", gets={"access-control-allow-credentials": "true"}, **_ANSWERED),
            get("http://cors/old", headers={"origin": "http://new.test"}, gets={"access-control-allow-origin": None}),
            get("http://cors/old", gets={"access-control-allow-origin": None}),
            _preflight("/strict", "http://a.test", gets={"access-control-allow-origin": "http://a.test"}, **_ANSWERED),
            _preflight(
                "/strict", "http://12.test", gets={"access-control-allow-origin": "http://12.test"}, **_ANSWERED
            ),
            _preflight("/strict", "http://b.test", gets={"access-control-allow-origin": None}, **_ANSWERED),
            _preflight("/forward", "http://b.test", to="cors v1", gets={"access-control-allow-origin": None}),
            _preflight("/forward", "http://a.test", **_ANSWERED),
            get(
                "http://cors/missing",
                headers={"origin": "http://a.test"},
                status=503,
                flag="NC",
                to={},
            ),
        ),
    ),
    Case(
        id="rewrites",
        intent="The small print of rewrites, of headers with variables, and of answers.",
        config=_REWRITES,
        calls=(
            get("http://moved/exact?q=1", path="/there?q=1", host="there.test"),
            get("http://moved/aNy/x", path="/lower/x"),
            get("http://moved/v12/x?y", path="/whole?y"),
            get(
                "http://moved/host",
                headers={"x-gone": "1", "x-own": "b"},
                host="added.test",
                sees={"x-gone": None},
                gets={"x-set": "b", "x-drop-me": None},
            ),
            get("http://moved/vars"),
            get("http://moved/old/a?b", status=307, location="http://moved/new/a?b", to={}),
            get("http://moved/derived/x", status=301, location="https://moved:80/derived/x", to={}),
            get("http://moved/bytes", status=599, body="\x00\x01\x02", to={}),
            get("http://moved/bytes", headers={"content-type": "application/grpc"}, status=200, to={}),
        ),
    ),
    Case(
        id="retries-in-detail",
        intent="A try goes to another instance unless the rule says otherwise; the whole has its own limit.",
        config=_RETRIES,
        calls=(
            get("http://tried/other", headers=_TOLD | {"x-echo-fails": "1"}, status=200, tries=2),
            get("http://tried/same", headers={"x-echo-status": "418"}, status=418, tries=4),
            get("http://tried/far", headers=_TOLD, status=503, tries=3),
            get("http://tried/whole", headers={"x-echo-delay": "2000"}, status=504, timeout=150),
        ),
    ),
    Case(
        id="mirrors-in-detail",
        intent="A mirror has a port and a share; the newer way to state the share wins over the older.",
        config=_MIRRORS,
        calls=(
            get(
                "http://copied/port",
                mirrors=frozenset({"old-copy v1"}),
                cluster="outbound|8080||copied.default.svc.cluster.local",
            ),
            get("http://copied/many", mirrors=frozenset({"old-copy v1"}), to="copied v1"),
            get("http://copied/none", mirrors=frozenset()),
            get("http://copied/wins", mirrors=frozenset({"old-copy v1"})),
            get("http://copied/wrong", mirrors=frozenset()),
        ),
    ),
    Case(
        id="faults-in-detail",
        intent="The older share of a delay counts; an abort leaves no trace of other filters.",
        config=_FAULTS,
        calls=(
            get("http://faulty/old", slow=60, flag="DI", to="faulty v1"),
            get("http://faulty/both", headers={"origin": "http://a.test"}, status=599, slow=60, flag="DI,FI", to={}),
            Call(method="OPTIONS", url="http://faulty/both", status=599, flag="DI,FI", to={}),
        ),
    ),
)
