"""Zones: callers stay in their own as far as it has room for them, where a rule or the mesh says so."""

from tests.traffic.case import Case, get
from tests.traffic.fleet import PORT, address, rule

_HOME = (
    ("app", "client"),
    ("tier", "gold"),
    ("topology.kubernetes.io/region", "eu"),
    ("topology.kubernetes.io/zone", "w"),
)
_PLACES = {"v1": "eu.w", "v2": "eu.x", "v3": "eu.y", "v4": "us.w", "v5": "as.w"}
"""Where each version runs; the caller is where v1 is."""
_ON = "zoneAwareLbSetting: {enabled: true}"


def _pods(name: str, instances: str, ill: str = "") -> str:
    """Return `v1*2 v2`: two instances in the place of v1, one in that of v2; versions in `ill` are not ready."""
    found = ""
    for each in instances.split():
        version, _, count = each.partition("*")
        for number in range(1, int(count or 1) + 1):
            found += (
                f"---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}-{version}-{number}\n  namespace: default\n"
                f"  labels: {{app: {name}, version: {version}, istio-locality: {_PLACES[version]}, "
                f"tier: {'gold' if version in ('v2', 'v5') else 'base'}}}\n"
                f"status: {{podIP: {address(name, version, number)}, "
                f"conditions: [{{type: Ready, status: '{version not in ill.split()!s}'}}]}}\n"
            )
    return found


def _service(name: str, more: str = "") -> str:
    return (
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\n"
        f"spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: {PORT}}}]{more}}}\n"
    )


def _shop(name: str, instances: str, balancer: str = _ON, *, ill: str = "", policy: str = "", more: str = "") -> str:
    stated = ", ".join(part for part in (f"loadBalancer: {{{balancer}}}" if balancer else "", policy) if part)
    settings = rule(name, f"host: {name}\ntrafficPolicy: {{{stated}}}", kind="DestinationRule") if stated else ""
    return _service(name, more) + _pods(name, instances, ill) + settings


def _callers(instances: str, ill: str = "") -> str:
    return _service("client") + _pods("client", instances, ill)


def _mesh(setting: str, more: str = "") -> str:
    return f"---\napiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {{name: mesh}}\nspec: {{zoneAwareLbSetting: {{{setting}}}{more}}}\n"


def _even(name: str, **counts: int) -> dict[str, float]:
    total = sum(counts.values())
    return {f"{name} {version}": count / total for version, count in counts.items()}


_SETTINGS = {
    "small": ("minClusterSize: 4", "v1*2 v2*2", "", "v1"),
    "led": ("failover: [{from: eu, to: us}]", "v1*2 v4*1 v5*3", "v1", "v4"),
    "tiered": ("failoverPriority: [tier]", "v1*3 v2*3", "", "v2"),
}
"""What a setting says, the instances, those that are not ready, and the version that calls go to by it alone."""


def _stated_at(where: str) -> Case:
    """Return a case with each part of the setting at one place of a DestinationRule."""
    config, calls = _callers("v1*2 v2*2"), []
    for kind, (setting, instances, ill, reached) in _SETTINGS.items():
        name = f"{where}-{kind}"
        balancer = f"loadBalancer: {{zoneAwareLbSetting: {{enabled: true, {setting}}}}}"
        policy = f"portLevelSettings: [{{port: {{number: 80}}, {balancer}}}]" if "port" in where else balancer
        config += _service(name) + _pods(name, instances, ill)
        if "subset" in where:
            subset = f"{{name: s, labels: {{app: {name}}}, trafficPolicy: {{{policy}}}}}"
            config += rule(name, f"host: {name}\nsubsets: [{subset}]", kind="DestinationRule")
            config += rule(name, f"http: [{{route: [{{destination: {{host: {name}, subset: s}}}}]}}]")
        else:
            config += rule(name, f"host: {name}\ntrafficPolicy: {{{policy}}}", kind="DestinationRule")
        calls.append(get(f"http://{name}/", to=f"{name} {reached}", times=40))
    intent = "Every part of the setting counts, wherever a rule has it."
    return Case(id=f"zones-{where}", intent=intent, labels=_HOME, config=config, calls=tuple(calls))


def _stated_by_mesh(kind: str) -> Case:
    setting, instances, ill, reached = _SETTINGS[kind]
    name = f"mesh-{kind}"
    return Case(
        id=f"zones-{name}",
        intent="Every part of the setting counts where the mesh has it.",
        labels=_HOME,
        config=_mesh(f"enabled: true, {setting}") + _callers("v1*2 v2*2") + _shop(name, instances, "", ill=ill),
        calls=(get(f"http://{name}/", to=f"{name} {reached}", times=40),),
    )


CASES = (
    *map(_stated_at, ("host", "port", "subset", "subset-port")),
    *map(_stated_by_mesh, _SETTINGS),
    Case(
        id="zones-even-callers",
        intent="Callers stay in their zone where it has room for them; what is too much goes where there is room.",
        labels=_HOME,
        config=_callers("v1*2 v2*2")
        + _shop("zoned-even", "v1*3 v2*3")
        + _shop("zoned-more-here", "v1*5 v2*2")
        + _shop("zoned-less-here", "v1*2 v2*4 v3*4")
        + _shop("zoned-none-here", "v2*4 v3*4")
        + _shop("zoned-one-only", "v2*6")
        + _shop("zoned-ill", "v1*2 v2*2 v3*4", ill="v2")
        + _shop("not-zoned", "v1*3 v2*3", "")
        + _shop("zoned-off", "v1*3 v2*3", "zoneAwareLbSetting: {enabled: false}"),
        calls=(
            get("http://zoned-even/", to="zoned-even v1", times=40),
            get("http://zoned-more-here/", to="zoned-more-here v1", times=40),
            get(
                "http://zoned-less-here/",
                to={"zoned-less-here v1": 0.4, "zoned-less-here v3": 0.6},
                times=1000,
            ),
            get("http://zoned-none-here/", to="zoned-none-here v3", times=40),
            get("http://zoned-one-only/", to="zoned-one-only v2", times=40),
            get("http://zoned-ill/", to={"zoned-ill v1": 0.6666, "zoned-ill v3": 0.3334}, times=1000),
            get("http://not-zoned/", to=_even("not-zoned", v1=3, v2=3), times=400),
            get("http://zoned-off/", to=_even("zoned-off", v1=3, v2=3), times=400),
        ),
    ),
    Case(
        id="zones-uneven-callers",
        intent="The more callers a zone has, the less of its own they get; the rest goes by the room that others have.",
        labels=_HOME,
        config=_callers("v1*4 v2*1")
        + _shop("crowded", "v1*4 v2*6")
        + _shop("crowded-in-three", "v1*4 v2*4 v3*2")
        + _shop("crowded-in-turn", "v1*4 v2*6", f"simple: ROUND_ROBIN, {_ON}")
        + _shop("crowded-at-random", "v1*4 v2*6", f"simple: RANDOM, {_ON}")
        + _shop("crowded-by-hash", "v1*4 v2*6", f"consistentHash: {{httpHeaderName: user}}, {_ON}"),
        calls=(
            get("http://crowded/", to={"crowded v1": 0.5, "crowded v2": 0.5}, times=1000),
            get(
                "http://crowded-in-three/",
                to={"crowded-in-three v1": 0.5, "crowded-in-three v2": 0.25, "crowded-in-three v3": 0.25},
                times=1000,
            ),
            get("http://crowded-in-turn/", to={"crowded-in-turn v1": 0.5, "crowded-in-turn v2": 0.5}, times=1000),
            get(
                "http://crowded-at-random/",
                to={"crowded-at-random v1": 0.5, "crowded-at-random v2": 0.5},
                times=1000,
            ),
        ),
    ),
    Case(
        id="zones-too-few",
        intent="Below six healthy instances, or what the rule says, zones do not count.",
        labels=_HOME,
        config=_callers("v1 v2")
        + _shop("five", "v1*2 v2*3")
        + _shop("six-with-ill", "v1*3 v2*2 v3*1", ill="v3")
        + _shop("three-of-three", "v1*1 v2*2", "zoneAwareLbSetting: {minClusterSize: 3}")
        + _shop("two-of-two", "v1 v2", "zoneAwareLbSetting: {enabled: true, minClusterSize: 0}")
        + _shop("seven-of-six", "v1*3 v2*3", "zoneAwareLbSetting: {enabled: true, minClusterSize: 7}"),
        calls=(
            get("http://five/", to=_even("five", v1=2, v2=3), times=400),
            get("http://six-with-ill/", to=_even("six-with-ill", v1=3, v2=2), times=400),
            get("http://three-of-three/", to={"three-of-three v1": 0.6666, "three-of-three v2": 0.3334}, times=600),
            get("http://two-of-two/", to="two-of-two v1", times=40),
            get("http://seven-of-six/", to=_even("seven-of-six", v1=3, v2=3), times=400),
        ),
    ),
    Case(
        id="zones-regions",
        intent="Only the caller's region balances its zones; others follow where it is ill, as failover and labels say.",
        labels=_HOME,
        config=_callers("v1*2 v2*2 v4*4")
        + _shop("in-region", "v1*3 v2*3 v4*3 v5*3")
        + _shop("out-of-region", "v1*2 v2*2 v4*1 v5*3", ill="v1 v2")
        + _shop(
            "to-us",
            "v1*2 v2*2 v4*1 v5*3",
            "zoneAwareLbSetting: {enabled: true, failover: [{from: eu, to: us}]}",
            ill="v1 v2",
        )
        + _shop("by-tier", "v1*3 v2*3 v5*3", "zoneAwareLbSetting: {enabled: true, failoverPriority: [tier]}")
        + _shop(
            "by-tier-then-region",
            "v1*3 v4*2 v5*3",
            "zoneAwareLbSetting: {failoverPriority: ['tier=base'], failover: [{from: eu, to: us}]}",
            ill="v1",
        ),
        calls=(
            get("http://in-region/", to="in-region v1", times=40),
            get("http://out-of-region/", to=_even("out-of-region", v4=1, v5=3), times=400),
            get("http://to-us/", to="to-us v4", times=40),
            get("http://by-tier/", to="by-tier v2", times=40),
            get("http://by-tier-then-region/", to="by-tier-then-region v4", times=40),
        ),
    ),
    Case(
        id="zones-of-the-mesh",
        intent="What the mesh says of zones holds where no rule and no service says otherwise.",
        labels=_HOME,
        config=_mesh("minClusterSize: 4")
        + _callers("v1*2 v2*2")
        + _shop("mesh-zoned", "v1*2 v2*2 v4", "")
        + _shop("mesh-too-few", "v1*1 v2*2", "")
        + _shop("rule-zoned", "v1*2 v2*2")
        + _shop("rule-off", "v1*2 v2*2 v4*4", "zoneAwareLbSetting: {enabled: false}", policy="outlierDetection: {}")
        + _shop("rule-local", "v1*1 v2*3", "localityLbSetting: {enabled: true}", policy="outlierDetection: {}")
        + _shop("rule-not-local", "v1*2 v2*2", "localityLbSetting: {enabled: false}", policy="outlierDetection: {}")
        + _shop("service-local", "v1*1 v2*3", "", more=", trafficDistribution: PreferClose")
        + _shop("service-ruled", "v1*1 v2*7", more=", trafficDistribution: PreferClose"),
        calls=(
            get("http://mesh-zoned/", to="mesh-zoned v1", times=40),
            get("http://mesh-too-few/", to=_even("mesh-too-few", v1=1, v2=2), times=400),
            get("http://rule-zoned/", to=_even("rule-zoned", v1=2, v2=2), times=400),
            get("http://rule-off/", to=_even("rule-off", v1=2, v2=2, v4=4), times=400),
            get("http://rule-local/", to="rule-local v1", times=40),
            get("http://rule-not-local/", to=_even("rule-not-local", v1=2, v2=2), times=400),
            get("http://service-local/", to="service-local v1", times=40),
            get("http://service-ruled/", to={"service-ruled v1": 0.25, "service-ruled v2": 0.75}, times=400),
        ),
    ),
    Case(
        id="zones-mesh-off",
        intent="A mesh that says no of zones is one that says nothing: nearness follows ejection.",
        labels=_HOME,
        config=_mesh("enabled: false")
        + _callers("v1*2 v2*2")
        + _shop("mesh-off", "v1*3 v2*3", "")
        + _shop("mesh-off-near", "v1*1 v2*3", "", policy="outlierDetection: {}"),
        calls=(
            get("http://mesh-off/", to=_even("mesh-off", v1=3, v2=3), times=400),
            get("http://mesh-off-near/", to="mesh-off-near v1", times=40),
        ),
    ),
    Case(
        id="zones-callers-in-one",
        intent="Callers that are all in one zone, as a single one is, leave nothing to compare.",
        labels=_HOME,
        config=_callers("v1*3") + _shop("lone-zone", "v1*3 v2*3"),
        calls=(get("http://lone-zone/", to=_even("lone-zone", v1=3, v2=3), times=400),),
    ),
    Case(
        id="zones-callers-elsewhere",
        intent="Where no instance of the caller's service is in its zone, zones do not count.",
        labels=_HOME,
        config=_callers("v2*3 v3*3") + _shop("callers-elsewhere", "v1*3 v2*3"),
        calls=(get("http://callers-elsewhere/", to=_even("callers-elsewhere", v1=3, v2=3), times=400),),
    ),
    Case(
        id="zones-callers-ill-here",
        intent="Callers that are not ready do not count: a zone without any keeps what it can.",
        labels=_HOME,
        config=_callers("v1*2 v2*2", ill="v1") + _shop("callers-ill", "v1*1 v2*5"),
        calls=(get("http://callers-ill/", to="callers-ill v1", times=40),),
    ),
    Case(
        id="zones-of-names",
        intent="Zones count for instances that are looked up by name, too.",
        labels=_HOME,
        config=_callers("v1*4 v2*1")
        + rule(
            "looked-up",
            "hosts: [looked.up]\nresolution: DNS\nports: [{number: 80, name: http, protocol: HTTP}]\nendpoints:\n"
            + "\n".join(
                f"- {{address: {address('looked-up', version, number)}, ports: {{http: {PORT}}}, locality: {place}}}"
                for version, place, count in (("v1", "eu/w", 4), ("v2", "eu/x", 6))
                for number in range(1, count + 1)
            ),
            kind="ServiceEntry",
        )
        + rule("looked-up", f"host: looked.up\ntrafficPolicy: {{loadBalancer: {{{_ON}}}}}", kind="DestinationRule"),
        calls=(get("http://looked.up/", to={"looked-up v1": 0.5, "looked-up v2": 0.5}, times=1000),),
    ),
    Case(
        id="zones-no-room-anywhere",
        intent="Where no zone has more room than callers of its own, those without any room go to all zones alike.",
        labels=_HOME,
        config=_callers("v1 v2*1 v3*2", ill="v1") + _shop("no-room", "v2*2 v3*4"),
        calls=(get("http://no-room/", to={"no-room v2": 0.5, "no-room v3": 0.5}, times=1000),),
    ),
    Case(
        id="zones-no-service",
        intent="A caller that is no instance of any service has no like.",
        labels=_HOME[1:],
        config=_callers("v1*3 v2*3") + _shop("called-by-none", "v1*3 v2*3"),
        calls=(get("http://called-by-none/", to=_even("called-by-none", v1=3, v2=3), times=400),),
    ),
    Case(
        id="zones-no-place",
        intent="A caller that says nowhere where it is has no zone to stay in, and no region.",
        labels=_HOME[:1],
        config=_callers("v1*3 v2*3") + _shop("called-from-nowhere", "v1*3 v2*3 v4*2"),
        calls=(get("http://called-from-nowhere/", to=_even("called-from-nowhere", v1=3, v2=3, v4=2), times=400),),
    ),
)
