"""`pidalio release`: the operator's word that what looks like an outage is meant."""

import click

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.output import output_option, structured


@click.command(
    epilog="""\b
Examples:
  pidalio release files      the folder is meant to be empty
  pidalio release agents     the instances whose agents are silent are really gone
""",
)
@click.argument("source")
@output_option("text")
@server_options
def release(connection: Connection, *, source: str, form: str) -> None:
    """Believe what SOURCE says, which was held back.

    When nearly all instances of a platform go at once, what was known last stays in force, and `pidalio status` tells
    so (kept-last-known). It is believed as soon as the platform shows enough again, or by this command.
    """
    from pidalio.http.client import default_author

    author = default_author()
    done = connection.ask(lambda client: client.release(source, author=author))
    if form != "text":
        structured(done, form)
    else:
        click.echo(f"{done.source}: what it says is live with generation {done.generation}")
