"""`pidalio apply`: add or replace objects, and say when they are live."""

from typing import TYPE_CHECKING

import click

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.durations import Seconds
from pidalio.cli.namespaces import namespace_option
from pidalio.cli.output import output_option

if TYPE_CHECKING:
    from pidalio.http.client import Client
    from pidalio.http.wire import AppliedAnswer


@click.command(
    epilog="""\b
Examples:
  pidalio apply -f rules/ninety-ten.yaml
  pidalio apply -f rules/ --dry-run
  pidalio apply -f rules/ --strict
  pidalio apply -f rules/ --timeout 2m -m "ten percent to v2"
  sed s/90/80/ rules/ninety-ten.yaml | pidalio apply -f -
""",
)
@click.option("-f", "--file", "paths", multiple=True, required=True, metavar="PATH", help="File, folder, or - (stdin).")
@namespace_option()
@click.option("--dry-run", is_flag=True, help="Show what would change for whom; change nothing.")
@click.option("--force", is_flag=True, help="Accept references to what does not exist: they get 503.")
@click.option("--strict", is_flag=True, help="Refuse what warnings are given for: what has no effect, or competes.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the proxies concerned run it.")
@click.option("--timeout", type=Seconds(), default="30s", show_default=True, help="How long to wait.")
@click.option("-m", "--message", default="", help="Why: kept with the revision.")
@click.option("--author", default=None, help="Who: kept with the revision; default: this user.")
@output_option("text")
@server_options
def apply(
    connection: Connection,
    *,
    paths: tuple[str, ...],
    namespace: str,
    dry_run: bool,
    force: bool,
    strict: bool,
    wait: bool,
    timeout: float,
    message: str,
    author: str | None,
    form: str,
) -> int:
    """Add or replace the objects of files: all of them, or none.

    Returns when the proxies concerned run them, and says how many do. Exit status 1 when a mistake refuses the change,
    when a proxy refuses it, or when it is not live in time.
    """
    from pidalio.cli.changing import change
    from pidalio.cli.reading import source_files
    from pidalio.http.client import default_author

    files = source_files(paths)

    async def ask(client: "Client") -> "AppliedAnswer":
        return await client.apply(
            files,
            author=default_author() if author is None else author,
            message=message,
            dry_run=dry_run,
            force=force,
            strict=strict,
            namespace=namespace,
        )

    return change(connection, ask, wait=timeout if wait else None, form=form)
