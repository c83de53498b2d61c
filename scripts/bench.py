"""Run the benchmarks and keep their figures: `bench.py [NAME...]` (all, when none is named).

A benchmark is a program `benchmarks/NAME.py` that prints one JSON object per figure on standard output:

    {"figure": "one endpoint change, 10,000 services", "unit": "ms", "value": 1.4, "target": 2, "detail": {...}}

`value` is the median unless `figure` says otherwise; `target` is the most it should be, absent where there is none.
Results go to benchmarks/results/NAME.json, and all of them as a table to the terminal and to docs/performance.md.
A missed target is shown, never hidden; only a benchmark that fails to run makes the exit status 1.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
RESULTS = BENCHMARKS / "results"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def main(names: list[str]) -> int:
    """Run the named benchmarks, write what they found, and return the exit status."""
    known = sorted(path.stem for path in BENCHMARKS.glob("[a-z]*.py"))
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.stderr.write(f"bench: no benchmark {unknown[0]!r}: choose among {', '.join(known) or 'none yet'}\n")
        return 2
    RESULTS.mkdir(exist_ok=True)
    failed = [name for name in names or known if not run(name)]
    table = render()
    sys.stdout.write(table)
    update_page(table)
    for name in failed:
        sys.stderr.write(f"bench: {name} failed\n")
    return 1 if failed else 0


def run(name: str) -> bool:
    """Run one benchmark and keep its figures; return whether it succeeded."""
    sys.stderr.write(f"bench: {name}\n")
    begun = time.monotonic()
    path = BENCHMARKS / f"{name}.py"
    done = subprocess.run([sys.executable, str(path)], stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    if done.returncode:
        return False
    figures = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    result = {
        "benchmark": name,
        "seconds": round(time.monotonic() - begun, 1),
        "machine": machine(),
        "figures": figures,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return True


def machine() -> dict[str, Any]:
    """Describe what the figures were measured on."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def processor() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def render() -> str:
    """Return every kept figure as one Markdown table."""
    rows = ["| Figure | Measured | Target | | Command |", "|---|---|---|---|---|"]
    machines = set()
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text())
        told = result["machine"]
        machines.add(
            f"{told['processor']}, {told['cores']} cores, {told['system']}, Python {told['python']}, {told['date']}"
        )
        rows += [row(path.stem, figure) for figure in result["figures"]]
    return "\n".join([*(f"Measured on {each}.\n" for each in sorted(machines)), *rows]) + "\n"


def row(name: str, figure: dict[str, Any]) -> str:
    """Return one figure as a row: value, target, whether it is met, and what measures it again."""
    unit, target = figure.get("unit", ""), figure.get("target")
    verdict = "" if target is None else "met" if figure["value"] <= target else "**missed**"
    shown = "" if target is None else f"≤ {number(target)} {unit}".strip()
    measured = f"{number(figure['value'])} {unit}".strip()
    return f"| {figure['figure']} | {measured} | {shown} | {verdict} | `make bench ARGS={name}` |"


def number(value: float) -> str:
    """Return a figure with three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def update_page(table: str) -> None:
    """Put the table between the marks of docs/performance.md."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table}{END}{after}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
