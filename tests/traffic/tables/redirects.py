"""Redirects and direct responses: what the proxy answers itself."""

from tests.traffic.case import Call, Case, get
from tests.traffic.fleet import rule, service


def _redirect(name: str, redirect: str, *, extra: str = "") -> str:
    return service(name, ports="80/http 8080/http") + rule(name, f"http: [{{redirect: {redirect}{extra}}}]")


def _to(url: str, location: str, status: int = 301) -> Call:
    return Call(url=url, status=status, location=location, flag="-", details="direct_response")


CASES = (
    Case(
        id="redirect-parts",
        intent="A redirect changes the parts that the rule names, and keeps the request's others.",
        config=_redirect("to-uri", "{uri: /new}")
        + _redirect("to-query", "{uri: '/new?a=1'}")
        + _redirect("to-authority", "{authority: other.example.com}")
        + _redirect("to-scheme", "{scheme: https}")
        + _redirect("to-port", "{port: 8443}")
        + _redirect("to-all", "{scheme: https, authority: other.example.com, port: 8443, uri: /new}")
        + _redirect("to-default-http", "{scheme: http, port: 80}")
        + _redirect("to-default-https", "{scheme: https, port: 443}")
        + _redirect("to-request-port", "{authority: other.example.com, derivePort: FROM_REQUEST_PORT}")
        + _redirect("to-protocol-port", "{scheme: https, authority: o.example.com, derivePort: FROM_PROTOCOL_DEFAULT}"),
        calls=(
            _to("http://to-uri/old?q=1", "http://to-uri/new?q=1"),
            _to("http://to-uri:8080/old", "http://to-uri:8080/new"),
            _to("http://to-query/old?q=1", "http://to-query/new?a=1"),
            _to("http://to-authority/a/b?q=1", "http://other.example.com/a/b?q=1"),
            _to("http://to-scheme/a", "https://to-scheme/a"),
            _to("http://to-scheme:80/a", "https://to-scheme/a"),
            _to("http://to-scheme:8080/a", "https://to-scheme:8080/a"),
            _to("http://to-port/a", "http://to-port:8443/a"),
            _to("http://to-port:8080/a", "http://to-port:8443/a"),
            _to("http://to-all/old?q", "https://other.example.com:8443/new?q"),
            _to("http://to-default-http/a", "http://to-default-http/a"),
            _to("http://to-default-https/a", "https://to-default-https/a"),
            _to("http://to-request-port:8080/a", "http://other.example.com:8080/a"),
            _to("http://to-request-port/a", "http://other.example.com/a"),
            _to("http://to-protocol-port/a", "https://o.example.com/a"),
        ),
    ),
    Case(
        id="redirect-codes",
        intent="The status is 301 unless the rule says otherwise.",
        config="".join(
            _redirect(f"code-{code}", f"{{uri: /new, redirectCode: {code}}}") for code in (301, 302, 303, 307, 308)
        ),
        calls=tuple(_to(f"http://code-{code}/", f"http://code-{code}/new", code) for code in (301, 302, 303, 307, 308)),
    ),
    Case(
        id="redirect-headers",
        intent="Response headers of the rule are on a redirect too.",
        config=_redirect("marked", "{uri: /new}", extra=", headers: {response: {set: {x-why: moved}}}"),
        calls=(get("http://marked/", status=301, location="http://marked/new", gets={"x-why": "moved"}),),
    ),
    Case(
        id="direct-response",
        intent="A direct response reaches no instance.",
        config=service("teapot")
        + rule("teapot", "http: [{directResponse: {status: 418, body: {string: 'short and stout'}}}]")
        + service("bodiless")
        + rule(
            "bodiless",
            "http: [{match: [{uri: {prefix: /gone}}], directResponse: {status: 410}}, {route: [{destination: {host: bodiless}}]}]",
        )
        + service("binary")
        + rule(
            "binary",
            "http: [{directResponse: {status: 200, body: {bytes: aGVsbG8=}}, headers: {response: {add: {x-b: '1'}}}}]",
        ),
        calls=(
            get("http://teapot/x", status=418, body="short and stout", to={}, details="direct_response"),
            get("http://bodiless/gone", status=410, body="", to={}),
            get("http://bodiless/here", to="bodiless v1"),
            get("http://binary/", status=200, body="hello", gets={"x-b": "1"}, to={}),
        ),
    ),
)
