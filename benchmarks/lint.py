"""What the resilience lint costs in a mesh of 1,000 services: altogether, and how long it holds an event loop.

Each service has retries, ejection and three calls that it states, in circles, so that chains are as long as any are.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator

from pidalio.api.load import load
from pidalio.effectiveness import implied_proxies
from pidalio.effectiveness.audience import group_alike
from pidalio.effectiveness.facts import Facts, gather
from pidalio.effectiveness.resilience import resilience_findings
from pidalio.server.offline import OfflineMesh

SERVICES = 1000
ROUNDS = 5


def texts() -> Iterator[str]:
    for number in range(SERVICES):
        calls = ",".join(f"s{(number * factor + 1) % SERVICES}" for factor in (1, 3, 7))
        yield f"""
apiVersion: v1
kind: Service
metadata: {{name: s{number}, annotations: {{pidalio.dev/calls: '{calls}'}}}}
spec: {{ports: [{{port: 80, name: http}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: s{number}}}
spec:
  hosts: [s{number}]
  http: [{{route: [{{destination: {{host: s{number}}}}}], retries: {{attempts: {number % 4 + 1}, retryOn: 5xx}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: s{number}}}
spec: {{host: s{number}, trafficPolicy: {{outlierDetection: {{}}, retryBudget: {{}}}}}}
"""


def figure(name: str, value: float, unit: str, target: float | None = None) -> None:
    print(json.dumps({"figure": name, "value": round(value, 1), "unit": unit, "target": target}), flush=True)


def main() -> None:
    mesh = OfflineMesh({"mesh.yaml": load("---".join(texts()), "mesh.yaml")})
    facts = Facts(group_alike(mesh.world, implied_proxies(mesh.world)))
    for _ in gather(mesh.world, facts):
        pass
    whole, steps, told = [], [], 0
    for _ in range(ROUNDS):
        begun = last = time.perf_counter()
        told = 0
        for found in resilience_findings(mesh.world, facts, mesh.objects()):
            told += found is not None
            steps.append(time.perf_counter() - last)
            last = time.perf_counter()
        whole.append(last - begun)
    sys.stderr.write(f"{told} findings\n")
    figure(f"resilience lint, {SERVICES:,} services", statistics.median(whole) * 1000, "ms", 1000)
    figure(f"resilience lint, {SERVICES:,} services: the event loop held at most", max(steps) * 1000, "ms", 50)


if __name__ == "__main__":
    main()
