"""What it costs to turn plans into bytes, in microseconds per resource; `make bench` collects the figures.

Each figure is the best of several rounds, of one resource built, serialised and hashed.
"""

import json
import time
from collections.abc import Callable

from pidalio.envoy import resource
from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Discovery,
    EndpointPlan,
    ForwardPlan,
    LocalityPlan,
    MatchPlan,
    RetryPlan,
    RoutePlan,
    RouteTablePlan,
    VirtualHostPlan,
    WeightedCluster,
)
from pidalio.model import ObjectRef, Origin

ROUNDS, REPEATS = 7, 1000
HOST = "reviews.default.svc.cluster.local"
DOMAINS = (HOST, f"{HOST}.", "reviews", "reviews.default", "reviews.default.svc")
RULE = ObjectRef("VirtualService", "default", "reviews")
RETRY = RetryPlan(2, ("connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"))


def virtual_host(clusters: int, routes: int = 1) -> VirtualHostPlan:
    shares = tuple(WeightedCluster(f"outbound|80|v{number}|{HOST}", 50) for number in range(clusters))
    origin = Origin(RULE, "http[0]") if clusters > 1 else None
    route = RoutePlan(MatchPlan(), ForwardPlan(shares, retry=RETRY), origin=origin)
    return VirtualHostPlan(f"{HOST}:80", DOMAINS, (route,) * routes, origin=origin)


def cases() -> dict[str, Callable[[], object]]:
    plain, weighted, long = virtual_host(1), virtual_host(2), virtual_host(2, routes=10)
    table = RouteTablePlan("80", (plain,) * 100)
    cluster = ClusterPlan(f"outbound|80||{HOST}", Discovery.EDS, host=HOST, namespace="default", port=80)
    endpoints = tuple(EndpointPlan(f"10.0.0.{number}", 8080, workload=f"reviews-{number}") for number in range(10))
    assignment = AssignmentPlan(cluster.name, (LocalityPlan(endpoints, weight=10),))
    return {
        "virtual host, default route": lambda: resource.virtual_host_resource("80", plain),
        "virtual host, two weights": lambda: resource.virtual_host_resource("80", weighted),
        "virtual host, ten routes of two weights": lambda: resource.virtual_host_resource("80", long),
        "route table of 100 virtual hosts": lambda: resource.route_resource(table),
        "EDS cluster": lambda: resource.cluster_resource(cluster),
        "assignment of ten endpoints": lambda: resource.load_assignment_resource(assignment),
    }


def microseconds(build: Callable[[], object], repeats: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(repeats):
            build()
        best = min(best, time.perf_counter() - start)
    return best / repeats * 1e6


def main() -> None:
    for name, build in cases().items():
        value = round(microseconds(build, REPEATS // 10), 1)
        print(json.dumps({"figure": f"plan to bytes: {name} (best)", "unit": "µs", "value": value}, ensure_ascii=False))


if __name__ == "__main__":
    main()
