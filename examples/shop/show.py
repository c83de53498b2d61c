"""What people see: a live table in a terminal, plain lines elsewhere."""

from collections.abc import Iterable

from rich.console import Console, Group
from rich.live import Live
from rich.syntax import Syntax
from rich.table import Table
from shares import Measured

Rows = list[tuple[str, Measured]]


class Screen:
    """Prints steps as they go; `rows` of a step may be shown again and again while they are measured."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._live: Live | None = None
        self.is_terminal = self._console.is_terminal

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, markup=False, soft_wrap=True)

    def step(self, number: int, title: str, rule: str) -> None:
        """Begin a step: its title and its rule."""
        self._console.print()
        self._console.print(f"{number}  {title}", style="bold", markup=False)
        if rule:
            shown = Syntax(rule, "yaml", background_color="default") if self.is_terminal else rule
            self._console.print(shown, markup=False, soft_wrap=True)

    def measuring(self, rows: Rows) -> None:
        """Show how far the shares are; only where that can be wiped out again."""
        if not self.is_terminal:
            return
        if self._live is None:
            self._live = Live(console=self._console, refresh_per_second=8)
            self._live.start()
        self._live.update(_table(rows, final=False))

    def measured(self, rows: Rows) -> None:
        """Show the shares as they ended."""
        if self.is_terminal:
            self.measuring(rows)
            self.close(_table(rows, final=True))
            return
        for load, one in rows:
            share, expected, measured, within, count, verdict = _cells(one, final=True)
            self.say(
                f"   {load:<26}  {share:<16}  expected {expected:>8}  measured {measured:>8} of {count}"
                f"  within {within:<14}  {verdict}"
            )

    def close(self, last: Table | Group | None = None) -> None:
        """End the live table, and leave `last` in its place."""
        if self._live is not None:
            if last is not None:
                self._live.update(last)
            self._live.stop()
            self._live = None

    def lines(self, texts: Iterable[str]) -> None:
        """Print several lines, indented."""
        for text in texts:
            self.say(f"   {text}")


def _table(rows: Rows, *, final: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("request", "share"):
        table.add_column(heading, no_wrap=True)
    for heading in ("expected", "measured"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("interval", "of", ""):
        table.add_column(heading, style="dim" if heading else "bold", no_wrap=True)
    for load, one in rows:
        table.add_row(load.removeprefix("GET "), *_cells(one, final=final))
    return table


def _cells(one: Measured, *, final: bool) -> tuple[str, str, str, str, str, str]:
    count = max(one.count, 1)
    low, high = one.bounds
    verdict = ("ok" if one.is_kept else "LEFT") if final else "…"
    return (
        one.share.name,
        f"{100 * one.share.probability:.2f} %",
        f"{100 * one.hits / count:.2f} %",
        f"{100 * low / count:.1f}-{100 * high / count:.1f} %",
        str(one.count),
        verdict,
    )
