"""`pidalio get`: show live objects."""

import click

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.output import documents, output_option, structured, table


@click.command(
    epilog="""\b
Examples:
  pidalio get
  pidalio get VirtualService
  pidalio get vs greeter -n shop -o yaml
  pidalio get destinationrules -o json
""",
)
@click.argument("kind", required=False)
@click.argument("name", required=False)
@click.option("-n", "--namespace", default=None, help="Only objects of this namespace.")
@output_option()
@server_options
def get(connection: Connection, *, kind: str | None, name: str | None, namespace: str | None, form: str) -> None:
    """Show the objects that are live, with who owns each: a file, or the API.

    KIND is a kind in any spelling (VirtualService, virtualservices, vs).
    """
    from pidalio.cli.naming import kind_named

    known = kind_named(kind) if kind else None
    found = connection.ask(lambda client: client.objects(known, namespace, name))
    if form == "json":
        structured([one.object for one in found], form)
    elif form == "yaml":
        documents([one.object for one in found])
    else:
        rows = []
        for one in found:
            meta = one.object["metadata"]
            owner = one.unit or ("API" if one.source == "api" else one.source)
            place = str(one.place) if one.place else ""
            rows.append((one.object["kind"], meta.get("namespace", ""), meta["name"], owner, place))
        table(("KIND", "NAMESPACE", "NAME", "OWNER", "PLACE"), rows)
