"""Keep what was measured, and write docs/behaviour.md of it: the page is a function of the rows and the kept figures."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.behaviour.claims import Claim, Outcome, Row
from tests.behaviour.plots import drawn

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "behaviour.md"
FOLDER = ROOT / "docs" / "behaviour"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def kept(row: Row) -> dict[str, Any]:
    """Return the figures of a row as they are kept: where and when, the claims, and the names of its plots."""
    return json.loads(_file(row).read_text())


def keep(row: Row, outcome: Outcome, machine: str) -> None:
    """Keep the figures and the plots of a row."""
    FOLDER.mkdir(exist_ok=True)
    for plot in outcome.plots:
        (FOLDER / f"{plot.name}.svg").write_text(drawn(plot))
    told = {
        "machine": machine,
        "claims": [asdict(claim) for claim in outcome.claims],
        "plots": {plot.name: plot.title for plot in outcome.plots},
    }
    _file(row).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")


def write(rows: Sequence[Row]) -> None:
    """Put the rows between the marks of the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{rendered(rows)}{END}{after}")


def rendered(rows: Sequence[Row]) -> str:
    """Return what stands between the marks."""
    found = [(row, kept(row)) for row in rows]
    machines = sorted({told["machine"] for _, told in found})
    head = "".join(f"Measured on {machine}.\n" for machine in machines)
    contents = "".join(f"- [{row.title}](#{_anchor(row.title)})\n" for row, _ in found)
    return f"\n{head}\n{contents}\n" + "\n".join(_section(row, told) for row, told in found)


def _section(row: Row, told: dict[str, Any]) -> str:
    claims = [Claim(**one) for one in told["claims"]]
    lines = [f"| {claim.what} | {claim.expected} | {claim.measured} | {verdict(claim)} |" for claim in claims]
    table = "\n".join(["| | Expected | Measured | |", "|---|---|---|---|", *lines])
    plots = "".join(f"\n![{title}](behaviour/{name}.svg)\n" for name, title in told["plots"].items())
    rule = f"```yaml fragment\n{row.rule.strip()}\n```\n\n" if row.rule else ""
    return (
        f"## {row.title}\n\n{row.done.strip()}\n\n{rule}{row.why.strip()}\n\n{table}\n{plots}\n"
        f"Again: `make behaviour ARGS={row.name}`.\n"
    )


def verdict(claim: Claim) -> str:
    """Return whether a claim holds, in a word; nothing for a figure."""
    if not claim.expected:
        return ""
    return "holds" if claim.holds else "**does not hold**"


def _file(row: Row) -> Path:
    return FOLDER / f"{row.name}.json"


def _anchor(title: str) -> str:
    return "".join(sign for sign in title.lower().replace(" ", "-") if sign.isalnum() or sign in "-_")
