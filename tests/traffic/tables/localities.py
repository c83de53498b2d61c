"""Who is near: failover by nearness and by labels, shares of localities, and callers that have no place."""

from tests.traffic.case import Case, get
from tests.traffic.fleet import PORT, address, rule

_PLACES = ("eu/w/1", "eu/w/2", "eu/x/1", "us/y/1", "as/z/1")


def _shop(
    name: str, setting: str = "", *, ill: str = "", policy: str = "outlierDetection: {}", prefers: str = ""
) -> str:
    """Return a service with instances v1, v2 ..., one in each place; those whose numbers are in `ill` are not ready."""
    pods = "".join(
        f"---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}-{number}\n  namespace: default\n"
        f"  labels: {{app: {name}, istio-locality: {place.replace('/', '.')}, "
        f"tier: {'gold' if number in (2, 4) else 'base'}}}\n"
        f"status: {{podIP: {address(name, f'v{number}')}, "
        f"conditions: [{{type: Ready, status: '{str(number) not in ill!s}'}}]}}\n"
        for number, place in enumerate(_PLACES, 1)
    )
    service = (
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\n"
        f"spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: {PORT}}}], "
        f"trafficDistribution: {prefers!r}}}\n"
    )
    balancer = f"loadBalancer: {{localityLbSetting: {{{setting}}}}}" if setting else ""
    stated = ", ".join(part for part in (balancer, policy) if part)
    settings = rule(name, f"host: {name}\ntrafficPolicy: {{{stated}}}", kind="DestinationRule") if stated else ""
    return pods + service + settings


def _even(name: str, versions: str) -> dict[str, float]:
    return {f"{name} v{version}": 1 / len(versions) for version in versions}


_AT_HOME = (
    ("topology.kubernetes.io/region", "eu"),
    ("topology.kubernetes.io/zone", "w"),
    ("topology.istio.io/subzone", "1"),
    ("tier", "gold"),
)

CASES = (
    Case(
        id="locality-near",
        intent="With ejection the nearest instances get everything; further ones follow where they are ill.",
        labels=_AT_HOME,
        config=_shop("same-subzone")
        + _shop("same-zone", ill="1")
        + _shop("same-region", ill="12")
        + _shop("elsewhere", ill="123")
        + _shop("none-left", ill="12345")
        + _shop("not-ejecting", policy="")
        + _shop("switched-off", "enabled: false"),
        calls=(
            get("http://same-subzone/", to="same-subzone v1", times=20),
            get("http://same-zone/", to="same-zone v2", times=20),
            get("http://same-region/", to="same-region v3", times=20),
            get("http://elsewhere/", to=_even("elsewhere", "45"), times=200),
            get("http://none-left/", status=503, flag="UH"),
            get("http://not-ejecting/", to=_even("not-ejecting", "12345"), times=400),
            get("http://switched-off/", to=_even("switched-off", "12345"), times=400),
        ),
    ),
    Case(
        id="locality-failover",
        intent="A failover leads to its region first, and labels in common can come before places.",
        labels=_AT_HOME,
        config=_shop("to-asia", "failover: [{from: eu, to: as}]", ill="123")
        + _shop("from-us", "failover: [{from: us, to: as}]", ill="123")
        + _shop("by-label", "failoverPriority: [tier]")
        + _shop("by-own-label", "failoverPriority: ['tier=base']")
        + _shop("label-then-place", "failoverPriority: [tier], failover: [{from: eu, to: us}]")
        + _shop("place-by-label", "failoverPriority: [topology.kubernetes.io/region]"),
        calls=(
            get("http://to-asia/", to="to-asia v5", times=20),
            get("http://from-us/", to=_even("from-us", "45"), times=200),
            get("http://by-label/", to=_even("by-label", "24"), times=200),
            get("http://by-own-label/", to=_even("by-own-label", "135"), times=300),
            get("http://label-then-place/", to="label-then-place v2", times=20),
            get("http://place-by-label/", to=_even("place-by-label", "123"), times=300),
        ),
    ),
    Case(
        id="locality-distribute",
        intent="Shares of localities hold without ejection; what has no share gets nothing, and other callers keep all.",
        labels=_AT_HOME,
        config=_shop("shared", "distribute: [{from: eu/*, to: {eu/w/*: 70, us/y/1: 30}}]", policy="")
        + _shop("other-callers", "distribute: [{from: us, to: {us: 100}}]", policy=""),
        calls=(
            get("http://shared/", to={"shared v1": 0.35, "shared v2": 0.35, "shared v4": 0.3}, times=1000),
            get("http://other-callers/", to=_even("other-callers", "12345"), times=400),
        ),
    ),
    Case(
        id="locality-of-services",
        intent="A service that prefers near instances is served by them first, without ejection.",
        labels=_AT_HOME,
        config=_shop("close", policy="", prefers="PreferClose")
        + _shop("same-zone-ill", policy="", prefers="PreferSameZone", ill="12")
        + _shop("same-node", policy="", prefers="PreferSameNode")
        + _shop("ruled", "enabled: false", policy="", prefers="PreferClose"),
        calls=(
            get("http://close/", to=_even("close", "12"), times=200),
            get("http://same-zone-ill/", to="same-zone-ill v3", times=20),
            get("http://same-node/", to="same-node v1", times=20),
            get("http://ruled/", to=_even("ruled", "12345"), times=400),
        ),
    ),
    Case(
        id="locality-nowhere",
        intent="A caller that says nowhere where it is prefers nobody.",
        config=_shop("preferred-by-others"),
        calls=(get("http://preferred-by-others/", to=_even("preferred-by-others", "12345"), times=400),),
    ),
)
