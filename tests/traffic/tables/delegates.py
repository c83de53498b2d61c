"""Rules that hand requests to another VirtualService, seen as one table."""

from tests.traffic.case import GATEWAY, Call, Case, get
from tests.traffic.fleet import rule, service, subsets


def _delegate(name: str, http: str, *, namespace: str = "default", more: str = "") -> str:
    return rule(name, f"{more}\nhttp:\n{http}" if more else f"http:\n{http}", namespace=namespace, hosts="-").replace(
        "  hosts: [-]\n", ""
    )


_MISSING = {"status": 503, "details": "direct_response", "body": "", "to": {}}
_BOOKS = (
    service("books", "v1 v2 v3")
    + subsets("books", "v1", "v2", "v3")
    + service("stock", namespace="team", instances="v1 v2")
    + subsets("stock", "v1", "v2", namespace="team")
    + rule(
        "books",
        """
        http:
        - name: stock
          match: [{uri: {prefix: /stock}}, {name: asked, headers: {x-stock: {prefix: a}}}]
          delegate: {name: stock, namespace: team}
          timeout: 9s
          headers: {request: {set: {x-root: r}}, response: {set: {x-root: r}}}
          rewrite: {uri: /}
        - name: exact
          match: [{uri: {exact: /exact}}]
          delegate: {name: narrow}
        - {name: rest, route: [{destination: {host: books, subset: v3}}]}
        """,
    )
    + _delegate(
        "stock",
        """
        - name: new
          match: [{uri: {prefix: /stock/new}}]
          rewrite: {uri: /fresh}
          route: [{destination: {host: stock, subset: v2}}]
        - name: slow
          match: [{name: put, method: {exact: PUT}}]
          timeout: 4s
          headers: {request: {set: {x-own: d}}}
          route: [{destination: {host: stock, subset: v2}}]
        - {name: all, route: [{destination: {host: stock, subset: v1}}]}
        """,
        namespace="team",
    )
    + _delegate(
        "narrow",
        """
        - {name: wide, match: [{uri: {prefix: /exact}}], route: [{destination: {host: books, subset: v1}}]}
        - {name: other, match: [{uri: {exact: /other}}], route: [{destination: {host: books, subset: v1}}]}
        - {name: same, match: [{uri: {exact: /exact}, headers: {x: {}}}], route: [{destination: {host: books, subset: v2}}]}
        """,
    )
)
_LOST = (
    service("lost", "v1 v2")
    + subsets("lost", "v1", "v2")
    + rule(
        "lost",
        """
        http:
        - {name: absent, match: [{uri: {prefix: /absent}}, {headers: {x-absent: {}}}], delegate: {name: nothing}}
        - {name: private, match: [{uri: {prefix: /private}}], delegate: {name: private, namespace: team}}
        - {name: hosted, match: [{uri: {prefix: /hosted}}], delegate: {name: hosted}}
        - {name: here, match: [{uri: {prefix: /here}}], delegate: {name: here, namespace: team}}
        - {name: rest, route: [{destination: {host: lost, subset: v2}}]}
        """,
    )
    + _delegate(
        "private",
        "- {route: [{destination: {host: lost.default.svc.cluster.local}}]}",
        namespace="team",
        more="exportTo: ['.']",
    )
    + _delegate(
        "here",
        "- {route: [{destination: {host: lost.default.svc.cluster.local, subset: v1}}]}",
        namespace="team",
        more="exportTo: [default]",
    )
    + rule("hosted", "http: [{route: [{destination: {host: lost, subset: v1}}]}]", hosts="hosted.test")
)
_ACTIONS = (
    service("acts", "v1 v2")
    + subsets("acts", "v1", "v2")
    + rule(
        "acts",
        """
        http:
        - {name: go, match: [{uri: {prefix: /go}}], delegate: {name: answers}, headers: {response: {set: {x-root: r}}}}
        - {name: told, match: [{uri: {prefix: /told}}], delegate: {name: sends}, directResponse: {status: 418, body: {string: root}}}
        - name: retried
          match: [{uri: {prefix: /retried}}]
          delegate: {name: sends}
          retries: {attempts: 3, retryOn: "503"}
          fault: {delay: {fixedDelay: 20ms, percentage: {value: 100}}}
        - name: aborted
          match: [{uri: {prefix: /aborted}}]
          delegate: {name: sends}
          fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
        - name: early
          match: [{uri: {prefix: /early}}]
          delegate: {name: early}
          fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
        - {name: copied, match: [{uri: {prefix: /copied}}], delegate: {name: copies}, mirror: {host: acts, subset: v1}}
        """,
    )
    + _delegate(
        "answers",
        """
        - {name: there, match: [{uri: {prefix: /go/there}}], redirect: {uri: /there, redirectCode: 307}}
        - {name: text, match: [{uri: {prefix: /go/text}}], directResponse: {status: 200, body: {string: hello}}}
        """,
    )
    + _delegate(
        "early", "- {match: [{uri: {prefix: /early/a}}], directResponse: {status: 299}}\n- {redirect: {uri: /}}"
    )
    + _delegate("sends", "- {name: on, route: [{destination: {host: acts, subset: v2}}]}")
    + _delegate(
        "copies",
        """
        - {match: [{method: {exact: PUT}}], mirror: {host: acts, subset: v2}, route: [{destination: {host: acts, subset: v1}}]}
        - {route: [{destination: {host: acts, subset: v2}}]}
        """,
    )
)
_EDGE = (
    rule(
        "edge",
        "selector: {istio: ingress}\nservers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]",
        kind="Gateway",
    )
    + service("shop", "v1 v2 v3")
    + subsets("shop", "v1", "v2", "v3")
    + rule(
        "shop",
        """
        hosts: [shop.test]
        gateways: [edge, mesh]
        http:
        - {name: in, match: [{gateways: [edge], uri: {prefix: /team}}], delegate: {name: team, namespace: team}}
        - {name: out, match: [{gateways: [mesh]}], route: [{destination: {host: shop, subset: v3}}]}
        """,
    )
    + _delegate(
        "team",
        """
        - name: mine
          match: [{uri: {exact: /team/a}, gateways: [default/edge]}, {uri: {exact: /team/b}}]
          route: [{destination: {host: shop.default.svc.cluster.local, subset: v2}}]
        - {name: inside, match: [{uri: {exact: /team/c}, gateways: [mesh]}], route: [{destination: {host: shop.default.svc.cluster.local, subset: v2}}]}
        - {name: all, route: [{destination: {host: shop.default.svc.cluster.local, subset: v1}}]}
        """,
        namespace="team",
    )
)
_LABELS = (("istio", "ingress"),)
_CLAIMS = (
    rule(
        "edge",
        "selector: {istio: ingress}\nservers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]",
        kind="Gateway",
    )
    + service("claimed", "v1 v2 v3")
    + subsets("claimed", "v1", "v2", "v3")
    + rule(
        "claimed",
        """
        hosts: [claimed.test]
        gateways: [edge]
        http:
        - {name: sub, match: [{headers: {"@request.auth.claims.sub": {exact: ann}}}], route: [{destination: {host: claimed, subset: v1}}]}
        - {name: any, match: [{headers: {"@request.auth.claims[group][id]": {}}}], route: [{destination: {host: claimed, subset: v1}}]}
        - name: none
          match: [{uri: {prefix: /none}, withoutHeaders: {"@request.auth.claims.role": {regex: adm.*}}}]
          route: [{destination: {host: claimed, subset: v2}}]
        - name: absent
          match: [{uri: {prefix: /absent}, withoutHeaders: {"@request.auth.claims.role": {}}}]
          route: [{destination: {host: claimed, subset: v2}}]
        - {name: rest, route: [{destination: {host: claimed, subset: v3}}]}
        """,
    )
)

CASES = (
    Case(
        id="delegates",
        intent="A request takes the first rule whose conditions and whose root's it meets; the root says what is unsaid.",
        config=_BOOKS,
        calls=(
            get("http://books/stock", to="stock v1", route="stock-all", path="/", timeout=9000, sees={"x-root": "r"}),
            get("http://books/stock/x?y=1", to="stock v1", path="//x?y=1", gets={"x-root": "r"}),
            get("http://books/stock/new/one", to="stock v2", route="stock-new", path="/fresh/one", timeout=9000),
            get("http://books/stock/newer", to="stock v2", route="stock-new", path="/fresher"),
            Call(method="PUT", url="http://books/stock", to="stock v2", route="stock-slow.put", timeout=4000),
            Call(
                method="PUT",
                url="http://books/stock",
                sees={"x-own": "d", "x-root": None},
                gets={"x-root": None},
                to="stock v2",
            ),
            get("http://books/", headers={"x-stock": "abc"}, to="stock v1", route="stock-all.asked"),
            Call(
                method="PUT",
                url="http://books/y",
                headers={"x-stock": "a"},
                to="stock v2",
                route="stock-slow.asked-put",
            ),
            get("http://books/stock/new", headers={"x-stock": "a"}, to="stock v2", route="stock-new"),
            get("http://books/", headers={"x-stock": "b"}, to="books v3", route="rest", path="/"),
            get("http://books/exact", to="books v3", route="rest"),
            get("http://books/other", to="books v3", route="rest"),
            get("http://books/exact", headers={"x": "1"}, to="books v2", route="exact-same"),
        ),
    ),
    Case(
        id="delegates-missing",
        intent="Requests for a delegate that is not there get 503, and never fall to another rule.",
        config=_LOST,
        calls=(
            get("http://lost/absent", route="absent", **_MISSING),
            get("http://lost/other", headers={"x-absent": ""}, route="absent", **_MISSING),
            get("http://lost/private/x", route="private", **_MISSING),
            get("http://lost/hosted", route="hosted", **_MISSING),
            get("http://lost/here", to="lost v1", route="here"),
            get("http://lost/else", to="lost v2", route="rest"),
        ),
    ),
    Case(
        id="delegates-actions",
        intent="Whatever a rule can do a delegate's can, with what its root adds.",
        config=_ACTIONS,
        calls=(
            get(
                "http://acts/go/there", status=307, location="http://acts/there", gets={"x-root": "r"}, route="go-there"
            ),
            get("http://acts/go/text", body="hello", gets={"x-root": "r"}, details="direct_response", to={}),
            get("http://acts/go", status=404, flag="NR", to={}),
            get("http://acts/told", status=418, body="root", route="told-on", to={}),
            get("http://acts/retried", headers={"x-echo-status": "503"}, status=503, tries=4, slow=20, to="acts v2"),
            get("http://acts/aborted", status=418, flag="FI", to={}),
            get("http://acts/early/a", status=418, flag="FI", to={}),
            get("http://acts/early/b", status=418, flag="FI", to={}),
            get("http://acts/copied", to="acts v2", mirrors=frozenset({"acts v1"})),
            Call(method="PUT", url="http://acts/copied", to="acts v1", mirrors=frozenset({"acts v2"})),
        ),
    ),
    Case(
        id="delegates-at-a-gateway",
        intent="A root's gateways hold for its delegates, and so do the delegate's own.",
        config=_EDGE,
        calls=(
            get("http://shop.test:8080/team/a", to="shop v2", route="in-mine"),
            get("http://shop.test:8080/team/b", to="shop v2", route="in-mine"),
            get("http://shop.test:8080/team/c", to="shop v1", route="in-all"),
            get("http://shop.test:8080/other", status=404, flag="NR", to={}),
        ),
        proxy=GATEWAY,
        labels=_LABELS,
    ),
    Case(
        id="delegates-at-a-sidecar",
        intent="Where the root's conditions do not hold for the proxy, its delegate has no routes.",
        config=_EDGE,
        calls=(
            get("http://shop.test/team/a", to="shop v3", route="out"),
            get("http://shop.test/other", to="shop v3", route="out"),
        ),
    ),
    Case(
        id="claims",
        intent="Nobody has a claim where no token is verified: what asks for one never holds, what forbids one always.",
        config=_CLAIMS,
        calls=(
            get("http://claimed.test:8080/", to="claimed v3", route="rest"),
            get("http://claimed.test:8080/", headers={"authorization": "Bearer x"}, to="claimed v3", route="rest"),
            get("http://claimed.test:8080/", headers={"sub": "ann"}, to="claimed v3", route="rest"),
            get("http://claimed.test:8080/none", to="claimed v2", route="none"),
            get("http://claimed.test:8080/absent", to="claimed v2", route="absent"),
        ),
        proxy=GATEWAY,
        labels=_LABELS,
    ),
)
