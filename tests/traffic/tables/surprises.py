"""What the simulator once got wrong: each case is a former difference from Envoy, or a trap measured on it."""

from tests.traffic.case import GATEWAY, Call, Case, get
from tests.traffic.fleet import rule, service, subsets


def _split(name: str, match: str) -> str:
    spec = f"""
        http:
        - {{name: yes, match: [{match}], route: [{{destination: {{host: {name}, subset: v2}}}}]}}
        - {{name: no, route: [{{destination: {{host: {name}, subset: v1}}}}]}}
    """
    return service(name, "v1 v2") + subsets(name, "v1", "v2") + rule(name, spec)


_GRPC = (("content-type", "application/grpc"),)
_TWICE = (("x-user", "jane"), ("x-user", "jason"))
_ACCEPT = (("accept", "a"), ("accept", ""), ("accept", "b"))

CASES = (
    Case(
        id="repeated-headers",
        intent="A repeated header meets a condition when one of its values does; some well-known ones are joined first.",
        config=_split("one-value", "{headers: {x-user: {exact: jason}}}")
        + _split("joined-value", "{headers: {x-user: {exact: 'jane,jason'}}}")
        + _split("without-value", "{withoutHeaders: {x-user: {exact: jason}}}")
        + _split("joined-accept", "{headers: {accept: {exact: 'a,b'}}}")
        + _split("one-accept", "{headers: {accept: {exact: a}}}"),
        calls=(
            get("http://one-value/", headers=_TWICE, to="one-value v2"),
            get("http://joined-value/", headers=_TWICE, to="joined-value v1"),
            get("http://without-value/", headers=_TWICE, to="without-value v1"),
            get("http://joined-accept/", headers=_ACCEPT, to="joined-accept v2"),
            get("http://one-accept/", headers=_ACCEPT, to="one-accept v1"),
        ),
    ),
    Case(
        id="told-deadline",
        intent="Of a route with a timeout a gRPC upstream learns how long a try may take: the shortest that holds.",
        config=service("deadline")
        + rule(
            "deadline",
            """
            http:
            - match: [{uri: {prefix: /tries}}]
              timeout: 15s
              retries: {attempts: 2, perTryTimeout: 5s}
              route: [{destination: {host: deadline}}]
            - match: [{uri: {prefix: /whole}}]
              timeout: 15s
              route: [{destination: {host: deadline}}]
            - route: [{destination: {host: deadline}}]
            """,
        ),
        calls=(
            get("http://deadline/tries", headers=_GRPC, sees={"grpc-timeout": "5000m"}),
            get("http://deadline/whole", headers=_GRPC, sees={"grpc-timeout": "15000m"}),
            get("http://deadline/whole", headers=(*_GRPC, ("grpc-timeout", "9S")), sees={"grpc-timeout": "9000m"}),
            get("http://deadline/whole", headers=(*_GRPC, ("grpc-timeout", "1H")), sees={"grpc-timeout": "15000m"}),
            get("http://deadline/none", headers=(*_GRPC, ("grpc-timeout", "9S")), sees={"grpc-timeout": "9000m"}),
        ),
    ),
    Case(
        id="rewritten-away",
        intent="A rewrite that would leave no path leaves the path as it is.",
        config=service("nothing-left")
        + rule(
            "nothing-left",
            """
            http:
            - rewrite: {uriRegexRewrite: {match: '^/gone', rewrite: '\\0'}}
              match: [{uri: {prefix: /gone/same}}]
              route: [{destination: {host: nothing-left}}]
            - rewrite: {uriRegexRewrite: {match: '^/(gone)?', rewrite: '/'}}
              route: [{destination: {host: nothing-left}}]
            """,
        ),
        calls=(
            get("http://nothing-left/gone/same", path="/gone/same"),
            get("http://nothing-left/gone?x", path="/?x"),
            get("http://nothing-left/gone/a", path="//a"),
        ),
    ),
    Case(
        id="scheme-of-proxied-requests",
        intent="Through a proxy the URL's scheme counts, whatever x-forwarded-proto says; an empty one finds no route.",
        config=_split("schemed", "{scheme: {exact: https}}")
        + _split("told", "{headers: {x-forwarded-proto: {exact: https}}}"),
        calls=(
            get("http://schemed/", headers={"x-forwarded-proto": "https"}, to="schemed v1"),
            get("http://told/", headers={"x-forwarded-proto": "https"}, to="told v2"),
            get("http://told/", headers={"x-forwarded-proto": ""}, status=404, flag="NR", to={}),
        ),
    ),
    Case(
        id="headers-taken-away",
        intent="Hop-by-hop headers and Envoy's own switches of strangers meet no condition; its own additions do.",
        config=_split("switched", "{headers: {x-envoy-retry-on: {}}}")
        + _split("kept-alive", "{headers: {keep-alive: {}}}")
        + _split("identified", "{headers: {x-request-id: {}}}"),
        calls=(
            get("http://kept-alive/", headers={"keep-alive": "5"}, to="kept-alive v1"),
            get("http://identified/", to="identified v2"),
            Call(url="http://switched/", to="switched v1"),
        ),
    ),
    Case(
        id="preflights",
        intent="A preflight of an allowed origin is answered by the proxy; others, and those of redirects, go their way.",
        config=service("shared")
        + rule(
            "shared",
            "http: [{corsPolicy: {allowOrigins: [{exact: 'http://a.test'}], allowMethods: [GET]}, route: [{destination: {host: shared}}]}]",
        )
        + service("moved")
        + rule("moved", "http: [{corsPolicy: {allowOrigins: [{exact: 'http://a.test'}]}, redirect: {uri: /new}}]"),
        calls=(
            Call(
                method="OPTIONS",
                url="http://shared/",
                headers={"origin": "http://a.test", "access-control-request-method": "GET"},
                details="cors_response",
                to={},
            ),
            Call(
                method="OPTIONS",
                url="http://shared/",
                headers={"origin": "http://b.test", "access-control-request-method": "GET"},
                to="shared v1",
            ),
            Call(method="OPTIONS", url="http://shared/", headers={"origin": "http://a.test"}, to="shared v1"),
            get("http://shared/", headers={"origin": "http://a.test"}, to="shared v1"),
            Call(
                method="OPTIONS",
                url="http://moved/",
                headers={"origin": "http://a.test", "access-control-request-method": "GET"},
                status=301,
                location="http://moved/new",
            ),
        ),
    ),
    Case(
        id="local-answers-to-grpc",
        intent="A gRPC call gets the proxy's own answers as HTTP 200 with a gRPC status.",
        config=service("absent-for-grpc")
        + rule(
            "absent-for-grpc",
            "http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: nowhere.example.com}}]}]",
        ),
        calls=(
            get("http://absent-for-grpc/a", headers={"content-type": "application/grpc"}, flag="NC", to={}),
            get("http://absent-for-grpc/b", headers={"content-type": "application/grpc+proto"}, flag="NR", to={}),
            get("http://absent-for-grpc/b", headers={"content-type": "application/grpc-web"}, status=404, flag="NR"),
        ),
    ),
    Case(
        id="refused-paths",
        intent="Some paths never reach a route.",
        config=service("any")
        + rule(
            "edge",
            "selector: {istio: ingress}\nservers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]",
            kind="Gateway",
        )
        + rule("bound", "hosts: ['*']\ngateways: [edge]\nhttp: [{route: [{destination: {host: any}}]}]"),
        proxy=GATEWAY,
        labels=(("istio", "ingress"),),
        calls=(
            get("http://any/%00", status=400, details="path_normalization_failed", to={}),
            get("http://any/a%23b", to="any v1", path="/a%23b"),
            get("http://any/a/%2E%2e/b", to="any v1", path="/b"),
        ),
    ),
)
