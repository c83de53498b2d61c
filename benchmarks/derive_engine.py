"""Figures of the incremental engine: a remembered answer, one change among 10,000 rows, bytes per node.

Run: python benchmarks/derive_engine.py
The mesh is the smallest with the shape of the real one: each service has a row, two derived values and an output,
and one output reads every name.
"""

import gc
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable

from pidalio.derive import Database, Index, Table, derived

ROWS: Table[str, int] = Table("rows")
BY_THOUSAND: Index[int, str, int] = ROWS.index("by_thousand", lambda key, _row: (int(key) // 1000,))


@derived
def plan(world: Database, key: str) -> tuple[str, int]:
    return key, ROWS.get(world, key) or 0


@derived
def name(world: Database, key: str) -> str:
    return plan(world, key)[0]


@derived(output=True)
def resource(world: Database, key: str) -> tuple[str, int]:
    return name(world, key), plan(world, key)[1]


@derived(output=True)
def names(world: Database) -> tuple[str, ...]:
    return tuple(name(world, key) for key in ROWS.keys(world))


@derived(output=True)
def thousand(world: Database, number: int) -> tuple[str, ...]:
    return BY_THOUSAND.keys(world, number)


EDITS: dict[str, Callable[[int], dict[str, int | None]]] = {
    "one row changed": lambda n: {"000050": -n - 1},
    "no row changed": lambda _n: {"000051": 51},
    "one comes or goes": lambda n: {"0000500": None if n % 2 else n},  # the query that reads every name runs
}


def mesh(size: int) -> Database:
    world = Database()
    world.apply({ROWS: {f"{n:06}": n for n in range(size)}})
    ask(world)
    return world


def ask(world: Database) -> None:
    for key in names(world):
        resource(world, key)
    for number in range(10):
        thousand(world, number)


def median_us(action: Callable[[int], object], times: int = 100) -> float:
    taken = []
    for turn in range(times):
        start = time.perf_counter()
        action(turn)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e6


def hit_us(world: Database, times: int = 200_000) -> float:
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(times):
            resource(world, "000007")
        best = min(best, time.perf_counter() - start)
    return best / times * 1e6


def figure(name: str, value: float, unit: str, detail: str = "") -> None:
    found = {"figure": name, "unit": unit, "value": round(value, 2)}
    print(json.dumps(found | ({"detail": detail} if detail else {}), ensure_ascii=False), flush=True)


def main() -> None:
    for size in (100, 10_000):
        world = mesh(size)
        figure(f"engine, {size:,} rows: a remembered answer (best)", hit_us(world), "µs")
        for what, edit in EDITS.items():
            taken = median_us(lambda n, w=world, e=edit: w.apply({ROWS: e(n)}))
            figure(f"engine, {size:,} rows: {what}", taken, "µs")
    tracemalloc.start()
    world = Database()
    world.apply({ROWS: {f"{n:06}": n for n in range(10_000)}})
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    ask(world)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    stats = world.describe()
    figure("engine: memory per node, its value, edges and inputs included", used / stats.nodes, "bytes", str(stats))


if __name__ == "__main__":
    main()
