"""What commands print: tables for people, JSON and YAML for programs.

Invariant: the same rows in a terminal and in a pipe; colour and borders only in a terminal.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec

_NARROW = 60
"""Columns of a terminal in which tables may become lists."""


def output_option(default: str = "table") -> Callable[[Any], Any]:
    """Return the option `-o`; `default` is the name of the form for people: table or text."""
    return click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice((default, "json", "yaml")),
        default=default,
        show_default=True,
        help="Form of the answer.",
    )


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns."""
    texts = [[str(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in (headers, *texts)) for column in range(len(headers))]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns
        if room < _NARROW and room < sum(widths) + 2 * len(widths):
            _stacked(headers, texts)
        else:
            _rich_table(headers, texts)
        return
    for row in (headers, *texts):
        click.echo("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())


def _stacked(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print each row over several lines, for a terminal that has no room for columns."""
    for first, *others in rows:
        click.echo(first)
        for header, value in zip(headers[1:], others, strict=True):
            if value:
                click.echo(f"  {header.lower()} {value}" if header else f"  {value}")


def _rich_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        shown.add_column(header, overflow="fold")
    for row in rows:
        shown.add_row(*(escape(value) for value in row))
    Console().print(shown)


def structured(value: Any, form: str) -> None:
    """Print a struct, or plain data, as JSON or YAML."""
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    else:
        documents([msgspec.to_builtins(value)])


def documents(trees: Sequence[Any]) -> None:
    """Print plain data as YAML, one document each."""
    from pidalio.api.yaml_writer import write

    click.echo(write(trees), nl=False)


def ago(seconds: float) -> str:
    """Return a span of time as people say it: `12s`, `5m`, `3h`, `4d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 proxy`, `2 proxies`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
