"""Figures of reading what users write: YAML text to typed, validated objects.

Prints one JSON line per figure; `make bench` collects them.
"""

import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from pidalio.api import load
from pidalio.api.yaml_reader import read

MESH = """\
apiVersion: v1
kind: Service
metadata:
  name: s{n}
  namespace: ns{space}
  labels:
    app: s{n}
spec:
  selector:
    app: s{n}
  ports:
  - name: http
    port: 80
    targetPort: 8080
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: s{n}
  namespace: ns{space}
spec:
  hosts:
  - s{n}
  http:
  - match:
    - headers:
        x-user:
          exact: tester
    route:
    - destination:
        host: s{n}
        subset: v2
  - route:
    - destination:
        host: s{n}
        subset: v1
      weight: 90
    - destination:
        host: s{n}
        subset: v2
      weight: 10
"""


def text_of(count: int) -> bytes:
    """Return a mesh of `count` services with a rule each."""
    return "---\n".join(MESH.format(n=n, space=n % 20) for n in range(count)).encode()


def median_of(work: Callable[[], Any], rounds: int) -> float:
    """Return the median of `rounds` runs in milliseconds."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def figure(name: str, value: float, unit: str, target: float | None = None) -> None:
    """Print one figure."""
    bound = {} if target is None else {"target": target}
    print(json.dumps({"figure": name, "unit": unit, "value": round(value, 3), **bound}))


def main() -> int:
    """Measure reading, parsing and memory."""
    count = 1000
    text = text_of(count)
    loaded = load(text, "mesh.yaml")
    assert len(loaded.parsed) == 2 * count
    assert loaded.all_reports() == ()
    figure(
        f"read the YAML of {count} services with a rule each: plain trees", median_of(lambda: read(text, "f"), 7), "ms"
    )
    figure(
        f"read the YAML of {count} services with a rule each: objects",
        median_of(lambda: load(text, "f"), 7),
        "ms",
        500,
    )
    tracemalloc.start()
    kept = load(text, "mesh.yaml")
    used, _ = tracemalloc.get_traced_memory()
    figure("objects and places, per service with its rule", used / count / 1000, "kB")
    places = [parsed.places for parsed in kept.parsed]
    del kept, loaded
    used, _ = tracemalloc.get_traced_memory()
    figure("of which places", used / count / 1000, "kB")
    assert places
    return 0


if __name__ == "__main__":
    sys.exit(main())
