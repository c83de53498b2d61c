"""The metamorphic oracle, on random meshes of objects: what is reported to do nothing can go, and nothing changes.

What is effective and not redundant cannot: its witness decides otherwise without it. The one way round that is when the
witness falls to what the removed part itself kept from being effective, or to the service's default.
"""

import copy
import itertools
import json
import random
import re
from collections import Counter
from typing import Any

import hypothesis
from hypothesis import strategies as st

from pidalio.effectiveness import Standing, implied_proxies
from pidalio.effectiveness.audience import Alike, group_alike
from pidalio.effectiveness.facts import Facts, gather
from pidalio.effectiveness.reach import bare
from pidalio.ir import Direction, ListenerPlan, ProxyPlans
from pidalio.model import ObjectRef, Origin, Proxy
from pidalio.pipeline import plans_for
from pidalio.server.offline import OfflineMesh
from pidalio.simulate import Request, decide

Mesh = list[dict[str, Any]]
LABELS = {"app": "client"}
PATHS = ("/", "/a", "/a/b", "/b", "/A")


def thing(kind: str, name: str, spec: Any, namespace: str = "default", **more: Any) -> dict[str, Any]:
    group = "v1" if kind in ("Service", "Pod") else "networking.istio.io/v1"
    meta = {"name": name, "namespace": namespace, **more.pop("meta", {})}
    return {"apiVersion": group, "kind": kind, "metadata": meta, **({"spec": spec} if spec else {}), **more}


def drawn(draw: random.Random) -> Mesh:
    objects = [
        thing("Service", name, {"ports": [{"port": 80, "name": "http"}]}, space)
        for name, space in (("a", "default"), ("b", "default"), ("c", "other"))
    ]
    for name, space in (("p", "default"), ("q", "other")):
        status = {"podIP": f"10.0.0.{len(objects)}"}
        labels = {"labels": LABELS if name == "p" else {"app": "else"}}
        objects.append(thing("Pod", name, None, space, meta=labels, status=status))
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    objects += [
        thing("Gateway", name, {"selector": {"app": "edge"}, "servers": [{"port": port, "hosts": [hosts]}]})
        for name, hosts in (("edge", "*.test"), ("inner", "other/a.test"))[: draw.choice((0, 1, 1, 2))]
    ]
    objects += [virtual_service(draw, number) for number in range(draw.choice((1, 2, 3, 3)))]
    objects += [destination_rule(draw, number) for number in range(draw.choice((0, 1, 2, 3)))]
    objects += [sidecar(draw, number) for number in range(draw.choice((0, 0, 1, 2)))]
    if draw.random() < 0.5:
        port |= {"name": "p80"}
        entry = {"hosts": ["e.test"], "ports": [port], "resolution": "STATIC", "endpoints": [{"address": "10.1.0.1"}]}
        objects += [
            thing(
                "ServiceEntry",
                f"e{number}",
                entry | draw.choice(({}, {}, {"exportTo": ["."]}, {"exportTo": ["no"]})),
                space,
            )
            for number, space in enumerate(draw.sample(("default", "other"), draw.choice((1, 1, 2))))
        ]
    return objects


def virtual_service(draw: random.Random, number: int) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "hosts": draw.choice(
            (["a"], ["a", "b"], ["c.other.svc.cluster.local"], ["a.test"], ["*.test"], ["a.test", "a"])
        ),
        "gateways": draw.choice((["mesh"], ["mesh"], ["edge"], ["mesh", "edge"], ["mesh", "inner"])),
        "http": [route(draw) for _ in range(draw.choice((1, 2, 3, 4)))],
    }
    if draw.random() < 0.3:
        spec["exportTo"] = draw.choice((["."], ["other"], ["nowhere"], ["*"]))
    created = {"creationTimestamp": f"202{draw.choice('01')}-01-01T00:00:00Z"}
    return thing("VirtualService", f"v{number}", spec, draw.choice(("default", "default", "other")), meta=created)


def route(draw: random.Random) -> dict[str, Any]:
    to = draw.choice(("a.default.svc.cluster.local", "b.default.svc.cluster.local", "c.other.svc.cluster.local"))
    destination: dict[str, Any] = {"host": to}
    if draw.random() < 0.4:
        destination["subset"] = draw.choice(("v1", "v2"))
    one: dict[str, Any] = {"route": [{"destination": destination}]}
    if draw.random() < 0.8:
        one["match"] = [condition(draw) for _ in range(draw.choice((1, 1, 2)))]
    return one


def condition(draw: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw.random() < 0.8:
        found["uri"] = {draw.choice(("exact", "prefix", "prefix")): draw.choice(PATHS)}
    if draw.random() < 0.2:
        found["ignoreUriCase"] = True
    if draw.random() < 0.3:
        found[draw.choice(("headers", "withoutHeaders"))] = {"x": draw.choice(({}, {"exact": "1"}, {"regex": "1|2"}))}
    if draw.random() < 0.1:
        found["port"] = draw.choice((80, 81))
    if draw.random() < 0.1:
        found["gateways"] = [draw.choice(("mesh", "edge"))]
    if draw.random() < 0.15:
        found |= draw.choice(({"sourceLabels": LABELS}, {"sourceNamespace": "other"}, {"sourceLabels": {"app": "no"}}))
    return found or {"uri": {"prefix": "/"}}


def destination_rule(draw: random.Random, number: int) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "host": draw.choice(("a.default.svc.cluster.local", "*.svc.cluster.local", "c.other.svc.cluster.local"))
    }
    if draw.random() < 0.7:
        spec["subsets"] = [
            {"name": name, "labels": {"version": name}} for name in draw.sample(("v1", "v2"), draw.choice((1, 2)))
        ]
    if draw.random() < 0.6:
        spec["trafficPolicy"] = {"loadBalancer": {"simple": draw.choice(("RANDOM", "ROUND_ROBIN"))}}
    if draw.random() < 0.3:
        spec["exportTo"] = draw.choice((["."], ["other"], ["nowhere"]))
    elif draw.random() < 0.3:
        spec["workloadSelector"] = {"matchLabels": draw.choice((LABELS, {"app": "no"}, {}))}
    return thing("DestinationRule", f"d{number}", spec, draw.choice(("default", "other", "istio-system")))


def sidecar(draw: random.Random, number: int) -> dict[str, Any]:
    hosts = draw.choice((["./*"], ["*/*"], ["other/*"], ["default/a.default.svc.cluster.local"]))
    spec: dict[str, Any] = {"egress": [{"hosts": hosts}]}
    if draw.random() < 0.5:
        spec["workloadSelector"] = {"labels": draw.choice((LABELS, {"app": "no"}))}
    return thing("Sidecar", f"s{number}", spec, draw.choice(("default", "other")))


POOL = [
    Request(authority=authority, path=path, headers=headers)
    for authority, path, headers in itertools.product(
        ("a", "b.default", "c.other.svc.cluster.local", "a.test", "z.test", "e.test"),
        ("/", "/a", "/A", "/a/b", "/b", "/c"),
        ((), (("x", "1"),), (("x", "2"),), (("x", "3"),)),
    )
]


class World:
    """A mesh of objects, and what its proxies decide."""

    def __init__(self, objects: Mesh, proxies: tuple[Proxy, ...] = ()) -> None:
        self.objects = objects
        self.mesh = OfflineMesh.from_text("\n---\n".join(json.dumps(each) for each in objects))
        self.proxies = proxies or implied_proxies(self.mesh.world)
        self.facts = Facts(group_alike(self.mesh.world, self.proxies))
        list(gather(self.mesh.world, self.facts))
        self._plans: dict[Proxy, ProxyPlans] = {}

    def plans(self, proxy: Proxy) -> ProxyPlans:
        if proxy not in self._plans:
            self._plans[proxy] = plans_for(self.mesh.world, proxy)
        return self._plans[proxy]

    def decided(self, proxy: Proxy, request: Request) -> Any:
        """Return what becomes of a request, without what says where it is written."""
        plans = self.plans(proxy)
        listener = door_of(plans)
        if listener is None:
            return None
        found = decide(plans, listener, request)
        return (
            bare(found.action),
            bare(found.fault),
            tuple((one.share, one.status, one.cluster) for one in found.verdicts),
        )

    def everything(self, requests: list[Request]) -> list[Any]:
        return [self.decided(proxy, request) for proxy in self.proxies for request in requests]


def door_of(plans: ProxyPlans) -> ListenerPlan | None:
    return next((one for one in plans.listeners if one.direction in (Direction.OUTBOUND, Direction.GATEWAY)), None)


def without(objects: Mesh, ref: ObjectRef, path: str) -> Mesh | None:
    """Return the objects without a part; None where it cannot go alone."""
    rest = copy.deepcopy(objects)
    at = next(
        number
        for number, one in enumerate(rest)
        if (one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) == (ref.kind, ref.namespace, ref.name)
    )
    part = re.fullmatch(r"(http|subsets)\[(\d+)\](?:\.match\[(\d+)\])?", path)
    if part is None:
        del rest[at]
        return rest
    members = rest[at]["spec"][part[1]]
    matches = members[int(part[2])].get("match", []) if part[3] else []
    if len(matches) > 1:
        del matches[int(part[3])]
        return rest
    del members[int(part[2])]
    return rest if members or part[1] == "subsets" else None


COUNTED: Counter[str] = Counter()


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(st.integers(0, 2**32))
def test_what_does_nothing_can_go(seed):
    draw = random.Random(seed)
    world = World(drawn(draw))
    witnesses = [one.verdict.witness for found in world.facts.routes.values() for one in found if one.verdict.witness]
    requests = [*dict.fromkeys(witnesses), *draw.sample(POOL, 40)]
    before = world.everything(requests)
    for finding in world.mesh.survey().findings():
        if finding.code not in ("ineffective", "redundant", "unused-subset"):
            continue
        rest = without(world.objects, finding.object, finding.path)
        if rest is not None:
            COUNTED["nothing"] += 1
            assert World(rest, world.proxies).everything(requests) == before, (finding, json.dumps(world.objects))


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(st.integers(0, 2**32))
def test_what_is_effective_cannot_go(seed):
    world = World(drawn(random.Random(seed)))
    useless = {Origin(one.object, one.path) for one in world.mesh.survey().findings()}
    for origin, found in world.facts.routes.items():
        live = next(
            (one for one in found if one.verdict.standing is Standing.EFFECTIVE and not one.verdict.twins), None
        )
        rest = without(world.objects, origin.object, origin.path) if live else None
        if live is None or rest is None or live.verdict.witness is None:
            continue
        other = World(rest, world.proxies)
        changed = [
            proxy
            for proxy in world.proxies
            if other.decided(proxy, live.verdict.witness) != world.decided(proxy, live.verdict.witness)
        ]
        COUNTED["effective"] += 1
        if not changed:
            COUNTED["stand-in"] += 1
            assert stands_in(other, world, live.verdict.witness, useless), (origin, live, json.dumps(world.objects))


def stands_in(after: World, before: World, witness: Request, useless: set[Origin]) -> bool:
    """Tell whether the witness now falls to what the part itself kept out, to a service's default, or to another rule."""
    objects = {one.object for one in useless}
    for proxy in before.proxies:
        listener = door_of(after.plans(proxy))
        route = decide(after.plans(proxy), listener, witness).route if listener else None
        if route is not None and (
            route.origin is None or route.origin.object in objects or route.origin not in known(before, proxy, witness)
        ):
            return True
    return False


def known(world: World, proxy: Proxy, request: Request) -> set[Origin | None]:
    """Return where the routes of the request's virtual host come from."""
    plans = world.plans(proxy)
    listener = door_of(plans)
    found = decide(plans, listener, request) if listener else None
    if found is None or found.host is None:
        return set()
    hosts = (host for table in plans.tables for host in table.virtual_hosts if host.name == found.host.name)
    return {route.origin for host in hosts for route in host.routes}


def test_both_were_tried():
    """The meshes are varied enough: otherwise the two tests above say little."""
    if COUNTED:  # the others may run in another process
        assert COUNTED["nothing"] > 60
        assert COUNTED["effective"] > 60
        assert COUNTED["stand-in"] * 10 < COUNTED["effective"]


def test_alike_proxies_are_counted_together():
    world = World(drawn(random.Random(1)))
    assert sum(one.count for one in world.facts.alike) == len(world.proxies)
    assert all(isinstance(one, Alike) for one in world.facts.alike)
