"""Which rule comes first, and where a request goes that no rule takes."""

from tests.traffic.case import Case, get
from tests.traffic.fleet import rule, service, subsets

_ORDERED = (
    service("ordered", "v1 v2 v3")
    + subsets("ordered", "v1", "v2", "v3")
    + rule(
        "ordered",
        """
        http:
        - name: narrow
          match: [{uri: {exact: /a/b}}]
          route: [{destination: {host: ordered, subset: v1}}]
        - name: wide
          match: [{uri: {prefix: /a}}]
          route: [{destination: {host: ordered, subset: v2}}]
        - name: shadowed
          match: [{uri: {exact: /a/c}}]
          route: [{destination: {host: ordered, subset: v3}}]
        - name: rest
          route: [{destination: {host: ordered, subset: v3}}]
        - name: never
          match: [{uri: {prefix: /z}}]
          route: [{destination: {host: ordered, subset: v1}}]
        """,
    )
)
_PARTIAL = (
    service("partial", "v1")
    + rule(
        "partial",
        """
        http:
        - name: only
          match: [{uri: {prefix: /only}}]
          route: [{destination: {host: partial}}]
        """,
    )
    + service("ruleless", "v1 v2")
)
_RIVALS = (
    service("rivals", "v1 v2")
    + subsets("rivals", "v1", "v2")
    + rule(
        "rivals",
        """
        http:
        - {name: first, match: [{uri: {prefix: /a}}], route: [{destination: {host: rivals, subset: v1}}]}
        """,
    ).replace("metadata: {name: rivals,", "metadata: {creationTimestamp: '2024-01-01T00:00:00Z', name: rivals-a,")
    + rule(
        "rivals",
        """
        http:
        - {name: second, route: [{destination: {host: rivals, subset: v2}}]}
        """,
    ).replace("metadata: {name: rivals,", "metadata: {creationTimestamp: '2025-01-01T00:00:00Z', name: rivals-b,")
)

CASES = (
    Case(
        id="order-of-routes",
        intent="Routes are tried in the user's order; the first that matches decides, and a catch-all ends the list.",
        config=_ORDERED,
        calls=(
            get("http://ordered/a/b", to="ordered v1", route="narrow"),
            get("http://ordered/a/x", to="ordered v2", route="wide"),
            get("http://ordered/a/c", to="ordered v2", route="wide"),
            get("http://ordered/other", to="ordered v3", route="rest"),
            get("http://ordered/z", to="ordered v3", route="rest"),
        ),
    ),
    Case(
        id="order-no-route",
        intent="A host whose rules match nothing answers 404; a service without rules is reached as it is.",
        config=_PARTIAL,
        calls=(
            get("http://partial/only/x", to="partial v1"),
            get("http://partial/other", status=404, flag="NR", details="route_not_found"),
            get("http://ruleless/any", to={"ruleless v1": 0.5, "ruleless v2": 0.5}, times=500, route="default"),
        ),
    ),
    Case(
        id="order-of-objects",
        intent="Of two VirtualServices for one host a sidecar takes the older alone; they are not merged.",
        config=_RIVALS,
        calls=(
            get("http://rivals/a", to="rivals v1", route="first"),
            get("http://rivals/b", status=404, flag="NR"),
        ),
    ),
)
