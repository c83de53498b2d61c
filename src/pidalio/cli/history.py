"""`pidalio history`: revisions, what they changed, and the way back."""

import time
from typing import TYPE_CHECKING

import click

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.durations import Seconds
from pidalio.cli.output import output_option, structured, table

if TYPE_CHECKING:
    from pidalio.http.client import Client
    from pidalio.http.wire import AppliedAnswer, DifferenceView, RevisionView


@click.group(
    epilog="""\b
Examples:
  pidalio history list
  pidalio history show 7
  pidalio history diff 5 7
  pidalio history restore 5
""",
)
def history() -> None:
    """List, compare and restore revisions: every change of what users wrote is one."""


@history.command(name="list", epilog="\b\nExamples:\n  pidalio history list\n  pidalio history list -l 5 -o json\n")
@click.option("-l", "--limit", default=20, show_default=True, help="How many, newest first.")
@output_option()
@server_options
def list_(connection: Connection, *, limit: int, form: str) -> None:
    """List revisions, newest first."""
    found = connection.ask(lambda client: client.history(limit))
    if form != "table":
        structured(found, form)
        return
    table(("REVISION", "TIME", "AUTHOR", "CHANGES", "MESSAGE"), [_row(one) for one in found])


def _row(one: "RevisionView") -> tuple[object, ...]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.time))
    changes = [f"{action} {ref}" for ref, action in one.changes]
    shown = ", ".join(changes[:3]) + (f" and {len(changes) - 3} more" if len(changes) > 3 else "")
    return (one.number, when, one.author, shown, one.message)


@history.command(epilog="\b\nExamples:\n  pidalio history show 7\n  pidalio history show 7 -o json\n")
@click.argument("number", type=click.IntRange(0))
@output_option()
@server_options
def show(connection: Connection, *, number: int, form: str) -> None:
    """Show one revision, and what it changed line by line."""
    found = connection.ask(lambda client: client.revision(number))
    if form != "table":
        structured(found, form)
        return
    table(("REVISION", "TIME", "AUTHOR", "CHANGES", "MESSAGE"), [_row(found.revision)])
    for one in found.differences:
        _show_difference(one)


@history.command(epilog="\b\nExamples:\n  pidalio history diff 5\n  pidalio history diff 5 7 -o yaml\n")
@click.argument("older", type=click.IntRange(0))
@click.argument("newer", type=click.IntRange(0), required=False)
@output_option()
@server_options
def diff(connection: Connection, *, older: int, newer: int | None, form: str) -> None:
    """Show how the objects of two revisions differ; without NEWER, to the newest."""
    found = connection.ask(lambda client: client.diff(older, newer))
    if form != "table":
        structured(found, form)
        return
    if not found.differences:
        click.echo(f"revisions {found.older} and {found.newer} hold the same")
    for one in found.differences:
        _show_difference(one)


def _show_difference(one: "DifferenceView") -> None:
    import difflib

    from pidalio.api.yaml_writer import write

    before, after = (write([tree]).splitlines() if tree else [] for tree in (one.before, one.after))
    click.echo(f"{one.object} {one.action}")
    for line in list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]:
        click.echo(f"  {line}")


@history.command(epilog="\b\nExamples:\n  pidalio history restore 5\n  pidalio history restore 5 --no-wait\n")
@click.argument("number", type=click.IntRange(0))
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the proxies concerned run it.")
@click.option("--timeout", type=Seconds(), default="30s", show_default=True, help="How long to wait.")
@click.option("-m", "--message", default="", help="Why: kept with the new revision.")
@server_options
def restore(connection: Connection, *, number: int, wait: bool, timeout: float, message: str) -> int:
    """Bring the objects that were applied back to what they were; files stay as they are, and are told."""
    from pidalio.cli.changing import change
    from pidalio.http.client import default_author

    async def ask(client: "Client") -> "AppliedAnswer":
        return await client.restore(number, author=default_author(), message=message)

    return change(connection, ask, wait=timeout if wait else None)
