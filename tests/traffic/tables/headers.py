"""Header edits, on the way there and back, by route and by destination."""

from tests.traffic.case import STATISTICAL, Case, get
from tests.traffic.fleet import rule, service, subsets

_ROUTE = service("by-route") + rule(
    "by-route",
    """
    http:
    - headers:
        request:
          set: {x-set: new, x-over: written}
          add: {x-add: more}
          remove: [x-gone]
        response:
          set: {x-answer: 'yes', server: hidden}
          add: {x-more: '1'}
          remove: [x-drop-me]
      route: [{destination: {host: by-route}}]
    """,
)
_DESTINATION = (
    service("by-destination", "v1 v2")
    + subsets("by-destination", "v1", "v2")
    + rule(
        "by-destination",
        """
        http:
        - headers: {request: {set: {x-route: 'yes', x-both: route}}}
          route:
          - destination: {host: by-destination, subset: v1}
            weight: 50
            headers: {request: {set: {x-version: one, x-both: one}}, response: {set: {x-served: one}}}
          - destination: {host: by-destination, subset: v2}
            weight: 50
            headers: {request: {set: {x-version: two, x-both: two}}, response: {set: {x-served: two}}}
        """,
    )
)
_SINGLE = service("single") + rule(
    "single",
    """
    http:
    - headers: {request: {set: {x-route: 'yes'}}}
      route:
      - destination: {host: single}
        headers: {request: {set: {x-destination: 'yes'}, remove: [x-gone]}, response: {add: {x-served: 'yes'}}}
    """,
)
_HOST = (
    service("host-set")
    + rule(
        "host-set",
        "http: [{headers: {request: {set: {Host: set.example.com}}}, route: [{destination: {host: host-set}}]}]",
    )
    + service("authority-set")
    + rule(
        "authority-set",
        "http: [{headers: {request: {set: {':authority': a.example.com}}}, route: [{destination: {host: authority-set}}]}]",
    )
    + service("host-by-destination", "v1 v2")
    + subsets("host-by-destination", "v1", "v2")
    + rule(
        "host-by-destination",
        """
        http:
        - match: [{uri: {prefix: /one}}]
          route:
          - {destination: {host: host-by-destination, subset: v1}, weight: 1, headers: {request: {set: {host: one.example.com}}}}
          - {destination: {host: host-by-destination, subset: v2}, weight: 0}
        - route:
          - {destination: {host: host-by-destination, subset: v2}, headers: {request: {set: {host: two.example.com}}}}
        """,
    )
)

CASES = (
    Case(
        id="headers-of-route",
        intent="A route sets, adds and removes headers of requests and of responses.",
        config=_ROUTE,
        calls=(
            get("http://by-route/", sees={"x-set": "new", "x-over": "written", "x-add": "more"}),
            get(
                "http://by-route/", headers={"x-over": "old", "x-gone": "1"}, sees={"x-over": "written", "x-gone": None}
            ),
            get("http://by-route/", gets={"x-answer": "yes", "x-more": "1", "x-drop-me": None, "server": "hidden"}),
        ),
    ),
    Case(
        id="headers-of-destination",
        intent="A destination's edits touch its own requests only; where both set a header the route has the last word.",
        config=_DESTINATION + _SINGLE,
        calls=(
            get(
                "http://by-destination/",
                to={"by-destination v1": 0.5, "by-destination v2": 0.5},
                times=STATISTICAL,
                sees={"x-route": "yes", "x-both": "route"},
            ),
            get(
                "http://single/",
                headers={"x-gone": "1"},
                sees={"x-route": "yes", "x-destination": "yes", "x-gone": None},
                gets={"x-served": "yes"},
            ),
        ),
    ),
    Case(
        id="headers-host",
        intent="Setting Host or :authority rewrites the host, per route or per destination.",
        config=_HOST,
        calls=(
            get("http://host-set/", host="set.example.com"),
            get("http://authority-set/", host="a.example.com"),
            get("http://host-by-destination/one", host="one.example.com", to="host-by-destination v1"),
            get("http://host-by-destination/", host="two.example.com", to="host-by-destination v2"),
        ),
    ),
)
