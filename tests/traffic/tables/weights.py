"""Shares among destinations and among the instances behind them."""

from tests.traffic.case import STATISTICAL, Case, get
from tests.traffic.fleet import rule, service, subsets


def _split(name: str, instances: str, routes: str) -> str:
    versions = [each.partition("*")[0] for each in instances.split()]
    return service(name, instances) + subsets(name, *versions) + rule(name, f"http: [{{route: [{routes}]}}]")


def _to(name: str, subset: str, weight: int | None = None) -> str:
    share = "" if weight is None else f", weight: {weight}"
    return f"{{destination: {{host: {name}, subset: {subset}}}{share}}}"


def _both(name: str, one: int, other: int) -> str:
    return _to(name, "v1", one) + ", " + _to(name, "v2", other)


CASES = (
    Case(
        id="weights",
        intent="A destination's share is its weight over the sum of all, however many instances it has.",
        config=_split("ninety", "v1*3 v2", _both("ninety", 90, 10))
        + _split("thirds", "v1 v2*2", _both("thirds", 1, 2))
        + _split("large", "v1 v2", _both("large", 300, 100))
        + _split("zeroed", "v1 v2", _both("zeroed", 0, 100))
        + _split("one-zero", "v1 v2", _to("one-zero", "v1", 0))
        + _split("unweighted", "v1 v2", _to("unweighted", "v2"))
        + _split("three-way", "v1 v2 v3", _both("three-way", 1, 1) + ", " + _to("three-way", "v3", 2)),
        calls=(
            get("http://ninety/", to={"ninety v1": 0.9, "ninety v2": 0.1}, times=STATISTICAL),
            get(
                "http://ninety/",
                to={"ninety v1 #1": 0.3, "ninety v1 #2": 0.3, "ninety v1 #3": 0.3, "ninety v2": 0.1},
                times=STATISTICAL,
            ),
            get("http://thirds/", to={"thirds v1": 1 / 3, "thirds v2": 2 / 3}, times=STATISTICAL),
            get("http://large/", to={"large v1": 0.75, "large v2": 0.25}, times=STATISTICAL),
            get("http://zeroed/", to="zeroed v2", times=200),
            get("http://one-zero/", to="one-zero v1", times=50),
            get("http://unweighted/", to="unweighted v2", times=50),
            get(
                "http://three-way/",
                to={"three-way v1": 0.25, "three-way v2": 0.25, "three-way v3": 0.5},
                times=STATISTICAL,
            ),
        ),
    ),
    Case(
        id="weights-missing",
        intent="A destination that does not exist keeps its share, and answers 503 itself.",
        config=_split("half-there", "v1", _both("half-there", 50, 50)).replace("{name: v2", "{name: unused"),
        calls=(get("http://half-there/", to={"half-there v1": 0.5}, status=None, times=STATISTICAL),),
    ),
    Case(
        id="instances",
        intent="Load is spread evenly by default, by weight of the instance where it states one.",
        config=service("even", "v1*4")
        + service("heavy", "v1*2").replace("labels: {version: v1}", "weight: 3, labels: {version: v1}", 1),
        calls=(
            get("http://even/", to={f"even v1 #{number}": 0.25 for number in (1, 2, 3, 4)}, times=STATISTICAL),
            get("http://heavy/", to={"heavy v1 #1": 0.75, "heavy v1 #2": 0.25}, times=STATISTICAL),
        ),
    ),
)
