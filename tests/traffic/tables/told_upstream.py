"""What upstreams are told of a request beside what its sender wrote: the mesh's settings of headers."""

from tests.traffic.case import Case, get
from tests.traffic.fleet import rule, service


def _mesh(headers: str) -> str:
    return (
        "---\napiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: mesh}\n"
        f"spec: {{defaultConfig: {{proxyHeaders: {{{headers}}}}}}}\n"
    )


_RULES = (
    service("shop")
    + service("plain")
    + rule(
        "shop",
        """
        http:
        - {match: [{uri: {prefix: /route}}], rewrite: {authority: new.test}, route: [{destination: {host: shop}}]}
        - match: [{uri: {prefix: /single}}]
          route: [{destination: {host: shop}, headers: {request: {set: {Host: new.test}}}}]
        - match: [{uri: {prefix: /several}}]
          route:
          - {destination: {host: shop}, weight: 1, headers: {request: {set: {Host: new.test}}}}
          - {destination: {host: shop}, weight: 1, headers: {request: {set: {Host: new.test}}}}
        - {route: [{destination: {host: shop}}]}
        """,
    )
)

CASES = (
    Case(
        id="forwarded-host",
        intent="With xForwardedHost a rewritten host stays known; a destination among several tells nothing.",
        config=_RULES + _mesh("xForwardedHost: {enabled: true}"),
        calls=(
            get("http://shop/route", host="new.test", sees={"x-forwarded-host": "shop"}),
            get("http://shop/single", host="new.test", sees={"x-forwarded-host": "shop"}),
            get("http://shop/several", host="new.test", sees={"x-forwarded-host": None}),
            get("http://shop/other", host="shop", sees={"x-forwarded-host": None}),
            get(
                "http://shop/route",
                headers={"x-forwarded-host": "first.test"},
                host="new.test",
                sees={"x-forwarded-host": "first.test,shop"},
            ),
            get(
                "http://shop/route",
                headers={"x-forwarded-host": "first.test,shop"},
                sees={"x-forwarded-host": "first.test,shop"},
            ),
        ),
    ),
    Case(
        id="no-forwarded-host",
        intent="Without the setting nobody is told.",
        config=_RULES,
        calls=(get("http://shop/route", host="new.test", sees={"x-forwarded-host": None}),),
    ),
)
