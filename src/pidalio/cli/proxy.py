"""`pidalio proxy`: what one proxy holds, and the difference to what it should hold."""

from collections import Counter
from typing import TYPE_CHECKING

import click

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.output import counted, output_option, structured, table

if TYPE_CHECKING:
    from pidalio.http.wire import ResourceView

_WHAT = ("listeners", "routes", "clusters", "endpoints")


@click.command(
    epilog="""\b
Examples:
  pidalio proxy web-v1-0 routes
  pidalio proxy web-v1-0.default clusters -o yaml
  pidalio proxy 'router~127.0.0.1~ingressgateway.default~default.svc.cluster.local' listeners
  pidalio proxy web-v1-0 endpoints --different
""",
)
@click.argument("proxy_id", metavar="ID")
@click.argument("what", type=click.Choice(_WHAT))
@click.option("--different", is_flag=True, help="Only what it does not hold as it should.")
@output_option()
@server_options
def proxy(connection: Connection, *, proxy_id: str, what: str, different: bool, form: str) -> None:
    """Show what a proxy holds, by what it acknowledged, beside what it should hold.

    ID is a proxy's id, its name, or name.namespace. With -o json or yaml also the content that it should hold, and the
    rules that each resource was made from.
    """
    found = connection.ask(lambda client: client.holdings(proxy_id, what, content=form != "table"))
    shown = [one for one in found.resources if not different or one.state != "equal"]
    if form != "table":
        structured({"proxy": found.proxy, "resources": shown}, form)
        return
    if shown:
        table(("TYPE", "NAME", "STATE", "HELD", "SHOULD HOLD", "FROM"), [_row(one) for one in shown])
    states = Counter(one.state for one in found.resources)
    summary = ", ".join(
        f"{states[state]} {state}" for state in ("equal", "differs", "missing", "extra") if states[state]
    )
    click.echo(f"{found.proxy}: {counted(len(found.resources), 'resource')}{f': {summary}' if summary else ''}")


def _row(one: "ResourceView") -> tuple[str, ...]:
    first = one.origins[0] if one.origins else None
    origin = "" if first is None else str(first.place or first.object)
    more = f" +{len(one.origins) - 1}" if len(one.origins) > 1 else ""
    return (one.type, one.name, one.state, one.held, one.wanted, origin + more)
