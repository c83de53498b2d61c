"""Which requests a match of a VirtualService takes."""

from tests.traffic.case import Call, Case, get
from tests.traffic.fleet import rule, service, subsets


def _matched(name: str, conditions: str) -> str:
    """Return a service whose v2 gets what meets the conditions, and v1 the rest."""
    spec = f"""
        http:
        - name: yes
          match:
          - {conditions}
          route: [{{destination: {{host: {name}, subset: v2}}}}]
        - name: no
          route: [{{destination: {{host: {name}, subset: v1}}}}]
    """
    return service(name, "v1 v2") + subsets(name, "v1", "v2") + rule(name, spec)


def _yes(name: str, rest: str, **more: object) -> Call:
    return Call(url=f"http://{name}{rest}", to=f"{name} v2", route="yes", **more)


def _no(name: str, rest: str, **more: object) -> Call:
    return Call(url=f"http://{name}{rest}", to=f"{name} v1", route="no", **more)


_URI = (
    _matched("exact", "{uri: {exact: /a/b}}")
    + _matched("prefix", "{uri: {prefix: /a}}")
    + _matched("regex", "{uri: {regex: '/(a|b)/[0-9]+'}}")
    + _matched("exact-any-case", "{uri: {exact: /A/b}, ignoreUriCase: true}")
    + _matched("prefix-any-case", "{uri: {prefix: /A}, ignoreUriCase: true}")
    + _matched("regex-any-case", "{uri: {regex: '/a.*'}, ignoreUriCase: true}")
)
_HEADERS = (
    _matched("header-exact", "{headers: {x-user: {exact: jason}}}")
    + _matched("header-prefix", "{headers: {x-user: {prefix: ja}}}")
    + _matched("header-regex", "{headers: {cookie: {regex: '^(.*?;)?(user=jason)(;.*)?$'}}}")
    + _matched("header-present", "{headers: {x-user: {}}}")
    + _matched("header-star", "{headers: {x-user: {regex: '*'}}}")
    + _matched("two-headers", "{headers: {x-user: {exact: jason}, x-group: {prefix: a}}}")
    + _matched("without-exact", "{withoutHeaders: {x-user: {exact: jason}}}")
    + _matched("without-present", "{withoutHeaders: {x-user: {}}}")
    + _matched("without-regex", "{withoutHeaders: {x-user: {regex: 'j.*'}}}")
)
_OTHER = (
    _matched("method", "{method: {exact: POST}}")
    + _matched("method-regex", "{method: {regex: 'PUT|PATCH'}}")
    + _matched("authority", "{authority: {prefix: authority.default}}")
    + _matched("scheme", "{scheme: {exact: http}}")
    + _matched("scheme-https", "{scheme: {exact: https}}")
    + _matched("query-exact", "{queryParams: {q: {exact: '1'}}}")
    + _matched("query-prefix", "{queryParams: {q: {prefix: ab}}}")
    + _matched("query-regex", "{queryParams: {q: {regex: '[0-9]+'}}}")
    + _matched("query-present", "{queryParams: {q: {}}}")
    + _matched("all-of", "{uri: {prefix: /a}, method: {exact: GET}, headers: {x-user: {exact: jason}}}")
)
_ANY_OF = (
    service("any-of", "v1 v2")
    + subsets("any-of", "v1", "v2")
    + rule(
        "any-of",
        """
        http:
        - name: yes
          match:
          - {name: by-path, uri: {prefix: /a}}
          - {name: by-header, headers: {x-user: {exact: jason}}}
          route: [{destination: {host: any-of, subset: v2}}]
        - name: no
          route: [{destination: {host: any-of, subset: v1}}]
        """,
    )
)

CASES = (
    Case(
        id="match-uri",
        intent="A path is compared without its query, exactly, by prefix or by a regex that covers it all.",
        config=_URI,
        calls=(
            _yes("exact", "/a/b"),
            _yes("exact", "/a/b?x=1", path="/a/b?x=1"),
            _no("exact", "/a/b/"),
            _no("exact", "/A/b"),
            _yes("exact", "/a/./b", path="/a/b"),
            _yes("exact", "/%61/b", path="/a/b"),
            _yes("prefix", "/a"),
            _yes("prefix", "/abc"),
            _yes("prefix", "/a/b"),
            _no("prefix", "/b/a"),
            _no("prefix", "/A"),
            _no("prefix", "/a/../b", path="/b"),
            _yes("regex", "/a/12"),
            _no("regex", "/a/12/"),
            _no("regex", "/x/a/12"),
            _yes("regex", "/b/3?q"),
            _yes("exact-any-case", "/a/B"),
            _no("exact-any-case", "/a/Bc"),
            _yes("prefix-any-case", "/abc"),
            _no("prefix-any-case", "/b"),
            _yes("regex-any-case", "/abc"),
            _no("regex-any-case", "/Abc"),
        ),
    ),
    Case(
        id="match-headers",
        intent="Headers are compared by value or presence; withoutHeaders turns it round, absent counting as empty.",
        config=_HEADERS,
        calls=(
            _yes("header-exact", "/", headers={"x-user": "jason"}),
            _yes("header-exact", "/", headers={"X-User": "jason"}),
            _no("header-exact", "/", headers={"x-user": "Jason"}),
            _no("header-exact", "/"),
            _yes("header-prefix", "/", headers={"x-user": "jane"}),
            _no("header-prefix", "/", headers={"x-user": "xja"}),
            _yes("header-regex", "/", headers={"cookie": "a=1;user=jason;b=2"}),
            _no("header-regex", "/", headers={"cookie": "user=jasons"}),
            _yes("header-present", "/", headers={"x-user": "anyone"}),
            _no("header-present", "/"),
            _yes("header-star", "/", headers={"x-user": "anyone"}),
            _no("header-star", "/"),
            _yes("two-headers", "/", headers={"x-user": "jason", "x-group": "admin"}),
            _no("two-headers", "/", headers={"x-user": "jason", "x-group": "guest"}),
            _no("two-headers", "/", headers={"x-group": "admin"}),
            _no("without-exact", "/", headers={"x-user": "jason"}),
            _yes("without-exact", "/", headers={"x-user": "jane"}),
            _yes("without-exact", "/"),
            _no("without-present", "/", headers={"x-user": "jane"}),
            _yes("without-present", "/"),
            _no("without-regex", "/", headers={"x-user": "jane"}),
            _yes("without-regex", "/"),
        ),
    ),
    Case(
        id="match-others",
        intent="Method, authority, scheme and query parameters are compared; all conditions of an entry must hold.",
        config=_OTHER,
        calls=(
            _yes("method", "/", method="POST"),
            _no("method", "/"),
            _yes("method-regex", "/", method="PATCH"),
            _no("method-regex", "/", method="POST"),
            get("http://authority.default.svc.cluster.local/", to="authority v2", route="yes"),
            _no("authority", "/"),
            _yes("scheme", "/"),
            _no("scheme-https", "/"),
            _yes("query-exact", "/?q=1"),
            _no("query-exact", "/?q=2"),
            _no("query-exact", "/?q=2&q=1"),
            _yes("query-prefix", "/?q=abc"),
            _no("query-prefix", "/?q=%61b"),
            _yes("query-regex", "/?x=1&q=42"),
            _no("query-regex", "/?q=42a"),
            _yes("query-present", "/?q"),
            _yes("query-present", "/?q="),
            _no("query-present", "/?Q=1"),
            _yes("all-of", "/a", headers={"x-user": "jason"}),
            _no("all-of", "/a", headers={"x-user": "jason"}, method="POST"),
            _no("all-of", "/b", headers={"x-user": "jason"}),
            _no("all-of", "/a"),
        ),
    ),
    Case(
        id="match-any-entry",
        intent="One entry of several suffices, and its name follows the route's.",
        config=_ANY_OF,
        calls=(
            get("http://any-of/a", to="any-of v2", route="yes.by-path"),
            get("http://any-of/b", headers={"x-user": "jason"}, to="any-of v2", route="yes.by-header"),
            get("http://any-of/b", to="any-of v1", route="no"),
        ),
    ),
)
