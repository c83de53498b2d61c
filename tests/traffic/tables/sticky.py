"""Sticky weights: who a user is, which version has the user's bucket, and what new users are given.

The buckets are those of the salts and of the hash; should one of them change, users of running meshes would move.
"""

from tests.traffic.case import GATEWAY, STATISTICAL, Case, get
from tests.traffic.fleet import rule, service, subsets

_EDGE = rule(
    "edge",
    """
    selector: {istio: edge}
    servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*.test"]}]
    """,
    kind="Gateway",
)


def _to(name: str, version: str, weight: int, more: str = "") -> str:
    return f"{{destination: {{host: {name}, subset: {version}}}, weight: {weight}{more}}}"


def _sticky(name: str, sticky: str, routes: str, more: str = "") -> str:
    spec = f"http:\n- name: main\n  sticky: {sticky}\n  route: [{routes}]\n{more}"
    return service(name, "v1 v2 v3") + subsets(name, "v1", "v2", "v3") + rule(name, spec, hosts=f"{name}, {name}.test")


def _mesh_config(spec: str) -> str:
    return f"---\napiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {{name: mesh}}\nspec: {spec}\n"


def _user(name: str) -> dict[str, str]:
    return {"user": name}


def _cookie(value: str) -> dict[str, str]:
    return {"cookie": value}


def _halves(name: str, *, first: str = "", second: str = "") -> str:
    return _to(name, "v1", 1, first) + ", " + _to(name, "v2", 1, second)


_ALL_OF_IT = """
  match: [{uri: {prefix: /old}}]
  rewrite: {uri: /new, authority: inner.test}
  retries: {attempts: 2, retryOn: 5xx}
  mirrors: [{destination: {host: whole, subset: v3}}]
  headers: {request: {set: {x-rule: "1"}}, response: {add: {x-rule: "1"}}}
"""
_FIRST = ", headers: {request: {set: {x-version: one}}, response: {set: {x-version: one}}}"
_SECOND = ", headers: {request: {set: {x-version: two}}, response: {set: {x-version: two}}}"

_AT_EDGE = ("  http:", "  gateways: [edge]\n  http:")

CASES = (
    Case(
        id="sticky-header",
        intent="A header decides, the same way every time and another in every rule; requests without it are drawn.",
        config=_sticky("shop", "{header: User}", _halves("shop"))
        + _sticky("cart", "{header: user}", _halves("cart"))
        + _sticky("tail", "{header: user}", _to("tail", "v1", 1) + ", " + _to("tail", "v2", 0))
        + _sticky("gone", "{header: user}", _to("gone", "v1", 1) + ", " + _to("gone", "v9", 1)).replace(
            "- {name: v9", "#"
        ),
        calls=(
            get("http://shop/", headers=_user("ann"), to="shop v1", times=20),
            get("http://shop/", headers=_user("bob"), to="shop v2", times=20),
            get("http://shop/", headers=_user("cyd"), to="shop v1", times=20),
            get("http://shop/", headers=_user(""), to="shop v2", times=20),
            get("http://shop/", headers=(("user", "bob"), ("user", "ann")), to="shop v2", times=20),
            get("http://shop/", headers=(("user", "ann"), ("user", "bob")), to="shop v2", times=20),
            get("http://shop/", to={"shop v1": 0.5, "shop v2": 0.5}, times=STATISTICAL),
            get("http://cart/", headers=_user("ann"), to="cart v1", times=20),
            get("http://cart/", headers=_user("bob"), to="cart v2", times=20),
            get("http://cart/", headers=_user("cyd"), to="cart v1", times=20),
            get("http://tail/", headers=_user("ann"), to="tail v1", times=20),
            get("http://gone/", headers=_user("ann"), status=503, flag="NC", times=5),
            get("http://gone/", headers=_user("eve"), to="gone v1", times=5),
        ),
    ),
    Case(
        id="sticky-cookie",
        intent="A cookie decides; who has none is given one, which the upstream sees at once, before other cookies.",
        config=_sticky("shop", "{cookie: {}}", _halves("shop"))
        + _sticky("cart", "{cookie: {name: uid, path: /a, ttl: 1h}}", _halves("cart"))
        + _sticky("tail", "{cookie: {}}", _to("tail", "v1", 1) + ", " + _to("tail", "v2", 0)),
        calls=(
            get("http://shop/", headers=_cookie("pidalio-user=ann"), to="shop v1", gets={"set-cookie": None}, times=20),
            get("http://shop/", headers=_cookie("pidalio-user=bob"), to="shop v2", times=20),
            get("http://shop/", headers=_cookie('a=b; pidalio-user="bob"; c=d'), to="shop v2", times=20),
            get("http://shop/", headers=(("cookie", "a=b"), ("cookie", "pidalio-user=bob")), to="shop v2", times=20),
            get("http://shop/", headers=_cookie("pidalio-user=bob;pidalio-user=ann"), to="shop v2", times=20),
            get("http://shop/", to={"shop v1": 0.5, "shop v2": 0.5}, times=STATISTICAL),
            get(
                "http://shop/", headers=_cookie("pidalio-user="), to={"shop v1": 0.5, "shop v2": 0.5}, times=STATISTICAL
            ),
            get("http://shop/", headers=_cookie("other=1"), to={"shop v1": 0.5, "shop v2": 0.5}, times=STATISTICAL),
            get(
                "http://shop/",
                headers={"x-request-id": "ann"},
                to="shop v1",
                sees={"cookie": "pidalio-user=ann"},
                gets={"set-cookie": "pidalio-user=ann; Path=/; HttpOnly; SameSite=Lax"},
            ),
            get(
                "http://cart/",
                headers={"x-request-id": "ann", "cookie": "a=b; pidalio-user=bob"},
                to="cart v1",
                sees={"cookie": "uid=ann; a=b; pidalio-user=bob"},
                gets={"set-cookie": "uid=ann; Path=/a; Max-Age=3600; HttpOnly; SameSite=Lax"},
            ),
            get("http://cart/", headers=_cookie("uid=ann"), to="cart v1", sees={"cookie": "uid=ann"}, times=20),
            get(
                "http://tail/",
                headers={"x-request-id": "ann"},
                to="tail v1",
                gets={"set-cookie": "pidalio-user=ann; Path=/; HttpOnly; SameSite=Lax"},
            ),
            get("http://tail/", headers=_cookie("pidalio-user=ann"), to="tail v1", gets={"set-cookie": None}),
        ),
    ),
    Case(
        id="sticky-no-ids",
        intent="Where no request ids are made, new users are drawn and get no cookie, unless they bring a usable id.",
        proxy=GATEWAY,
        labels=(("istio", "edge"),),
        config=_EDGE
        + _mesh_config("{defaultConfig: {proxyHeaders: {requestId: {disabled: true}}}}")
        + _sticky("shop", "{cookie: {}}", _halves("shop")).replace(*_AT_EDGE),
        calls=(
            get("http://shop.test:8080/", headers=_cookie("pidalio-user=ann"), to="shop v1", times=20),
            *(
                get(
                    "http://shop.test:8080/",
                    headers=headers,
                    to={"shop v1": 0.5, "shop v2": 0.5},
                    gets={"set-cookie": None},
                    times=STATISTICAL,
                )
                for headers in ({}, {"x-request-id": ""}, {"x-request-id": "a;b"})
            ),
            get(
                "http://shop.test:8080/",
                headers={"x-request-id": "ann"},
                to="shop v1",
                gets={"set-cookie": "pidalio-user=ann; Path=/; HttpOnly; SameSite=Lax"},
                times=20,
            ),
        ),
    ),
    Case(
        id="sticky-behind-proxies",
        intent="Behind trusted proxies the address that they tell decides.",
        proxy=GATEWAY,
        labels=(("istio", "edge"),),
        config=_EDGE
        + _mesh_config("{defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}}")
        + _sticky("from", "{sourceAddress: true}", _halves("from")).replace(*_AT_EDGE),
        calls=(
            get("http://from.test:8080/", headers={"x-forwarded-for": "10.1.2.3"}, to="from v2", times=20),
            get("http://from.test:8080/", headers={"x-forwarded-for": "10.1.2.3, 10.1.2.4"}, to="from v1", times=20),
            get("http://from.test:8080/", to="from v1", times=20),
        ),
    ),
    Case(
        id="sticky-combined",
        intent="Rewrites, retries, mirrors, header changes and faults go with sticky weights.",
        config=_sticky("whole", "{cookie: {}}", _halves("whole", first=_FIRST, second=_SECOND), _ALL_OF_IT)
        + _sticky(
            "fault", "{cookie: {}}", _halves("fault"), "  fault: {abort: {httpStatus: 418, percentage: {value: 100}}}"
        )
        + _sticky(
            "own",
            "{cookie: {}}",
            _halves("own"),
            "  headers: {request: {remove: [cookie]}}\n  retries: {attempts: 2, retryOn: 5xx}",
        ),
        calls=(
            *(
                get(
                    "http://whole/old/x",
                    headers=headers,
                    to=f"whole {version}",
                    path="/new/x",
                    host="inner.test",
                    sees={"x-rule": "1", "x-version": name},
                    gets={"x-rule": "1", "x-version": name},
                    mirrors=frozenset({"whole v3"}),
                )
                for headers, version, name in (
                    (_cookie("pidalio-user=ann"), "v2", "two"),
                    (_cookie("pidalio-user=bob"), "v1", "one"),
                    ({"x-request-id": "ann"}, "v2", "two"),
                    ({"x-request-id": "bob"}, "v1", "one"),
                )
            ),
            get("http://own/", headers={**_cookie("pidalio-user=ann"), "x-echo-status": "503"}, status=503, tries=3),
            get("http://fault/", headers=_cookie("pidalio-user=ann"), status=418, flag="FI"),
            get(
                "http://own/",
                headers={"x-request-id": "ann", "cookie": "a=b"},
                to="own v2",
                sees={"cookie": "pidalio-user=ann"},
            ),
            get("http://own/", headers=_cookie("pidalio-user=ann"), to="own v2", sees={"cookie": None}),
        ),
    ),
    Case(
        id="sticky-source-sidecar",
        intent="A sidecar sees one source, its own workload, and goes on drawing.",
        config=_sticky("shop", "{sourceAddress: true}", _halves("shop")),
        calls=(get("http://shop/", to={"shop v1": 0.5, "shop v2": 0.5}, times=STATISTICAL),),
    ),
    Case(
        id="sticky-gateway",
        intent="At a gateway the client's address, its cookie or its header decides, and no client picks its request id.",
        proxy=GATEWAY,
        labels=(("istio", "edge"),),
        config=_EDGE
        + _sticky("from", "{sourceAddress: true}", _halves("from")).replace(*_AT_EDGE)
        + _sticky("cookie", "{cookie: {}}", _halves("cookie")).replace(*_AT_EDGE),
        calls=(
            get("http://from.test:8080/", to="from v1", times=20),
            get("http://from.test:8080/", headers={"x-forwarded-for": "10.1.2.3"}, to="from v1", times=20),
            get("http://cookie.test:8080/", headers=_cookie("pidalio-user=ann"), to="cookie v2", times=20),
            get("http://cookie.test:8080/", headers=_cookie("pidalio-user=bob"), to="cookie v1", times=20),
            get(
                "http://cookie.test:8080/",
                headers={"x-request-id": "ann"},
                to={"cookie v1": 0.5, "cookie v2": 0.5},
                times=STATISTICAL,
            ),
        ),
    ),
)
