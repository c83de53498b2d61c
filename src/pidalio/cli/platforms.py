"""`pidalio platforms`: what feeds the mesh, and how each of it is."""

import time
from typing import TYPE_CHECKING

import click

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.output import ago, output_option, structured, table

if TYPE_CHECKING:
    from pidalio.http.wire import PlatformView


@click.command(
    epilog="""\b
Examples:
  pidalio platforms
  pidalio platforms -o json
  pidalio platforms --strict      exit status 1 when one is not synced
""",
)
@click.option("--strict", is_flag=True, help="Exit status 1 when one is not synced, or something of it is wrong.")
@output_option()
@server_options
def platforms(connection: Connection, *, strict: bool, form: str) -> int:
    """Show every platform that services are learnt from.

    Of each: whether it was read completely (synced), does not answer (stale: what was known last stays in force), or is
    not believed (held); when it was heard last; how much it holds; its last error. Then what is wrong, one line each.
    """
    found = connection.ask(lambda client: client.platforms())
    if form != "table":
        structured({"platforms": found}, form)
    else:
        _show(found)
    wrong = any(one.state != "synced" or one.reports for one in found)
    return 1 if strict and wrong else 0


def _show(found: "tuple[PlatformView, ...]") -> None:
    now = time.time()
    headers = ("PLATFORM", "KIND", "STATE", "HEARD", "SERVICES", "INSTANCES", "OBJECTS", "")
    rows = [
        (
            one.name,
            one.kind or one.name,
            one.state,
            f"{ago(now - one.heard)} ago" if one.heard else "-",
            one.services,
            one.instances,
            one.objects,
            one.error or one.detail,
        )
        for one in found
    ]
    if rows:
        table(headers, rows)
    else:
        click.echo("no platform is followed: say `pidalio serve --platform KIND`, or name files")
    for one in found:
        for report in one.reports:
            click.echo(f"{report.severity}: {report.line}")
