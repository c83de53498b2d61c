"""`pidalio delete`: remove objects, and say when they are gone."""

from typing import TYPE_CHECKING

import click

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.durations import Seconds
from pidalio.cli.namespaces import namespace_option
from pidalio.cli.output import output_option
from pidalio.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from pidalio.http.client import Client
    from pidalio.http.wire import AppliedAnswer
    from pidalio.model import ObjectRef


@click.command(
    epilog="""\b
Examples:
  pidalio delete VirtualService greeter
  pidalio delete vs greeter reviews -n shop
  pidalio delete -f rules/ninety-ten.yaml
  pidalio delete -f rules/ --dry-run
""",
)
@click.argument("kind", required=False)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "-f", "--file", "paths", multiple=True, metavar="PATH", help="Remove the objects of a file, folder, or -."
)
@namespace_option("Namespace of the objects.")
@click.option("--dry-run", is_flag=True, help="Show what would change for whom; change nothing.")
@click.option("--force", is_flag=True, help="Remove what rules refer to, too: their requests get 503.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the proxies concerned run it.")
@click.option("--timeout", type=Seconds(), default="30s", show_default=True, help="How long to wait.")
@click.option("-m", "--message", default="", help="Why: kept with the revision.")
@click.option("--author", default=None, help="Who: kept with the revision; default: this user.")
@output_option("text")
@server_options
def delete(
    connection: Connection,
    *,
    kind: str | None,
    names: tuple[str, ...],
    paths: tuple[str, ...],
    namespace: str,
    dry_run: bool,
    force: bool,
    wait: bool,
    timeout: float,
    message: str,
    author: str | None,
    form: str,
) -> int:
    """Remove objects that were applied: all of them, or none.

    What a rule that stays refers to is not removed, unless --force is given.
    An object that lies in a watched file is removed there: the answer names the file.
    """
    from pidalio.cli.changing import change
    from pidalio.http.client import default_author

    refs = _in_files(paths, namespace) if paths else _named(kind, names, namespace)
    if paths and kind:
        raise UsageError("say either KIND and NAME, or -f")

    async def ask(client: "Client") -> "AppliedAnswer":
        who = default_author() if author is None else author
        return await client.delete(refs, author=who, message=message, dry_run=dry_run, force=force)

    return change(connection, ask, wait=timeout if wait else None, form=form)


def _named(kind: str | None, names: tuple[str, ...], namespace: str) -> "tuple[ObjectRef, ...]":
    from pidalio.api.kinds import BY_NAME
    from pidalio.cli.naming import kind_named
    from pidalio.model import ObjectRef

    if not kind or not names:
        raise UsageError("say what to remove: KIND and NAME, or -f PATH")
    found = BY_NAME[kind_named(kind)]
    return tuple(ObjectRef(found.name, "" if found.cluster_wide else namespace, name) for name in names)


def _in_files(paths: tuple[str, ...], namespace: str) -> "tuple[ObjectRef, ...]":
    from pidalio.api.load import load
    from pidalio.cli.reading import source_files

    loaded = [load(one.text, one.name, namespace) for one in source_files(paths)]
    broken = [report for each in loaded for report in each.reports]
    refs = tuple(dict.fromkeys(one.ref for each in loaded for one in each.parsed if one.ref is not None))
    if broken or not refs:
        raise InvalidInput("nothing was removed: no object can be read" if not refs else "nothing was removed", broken)
    return refs
