"""`pidalio status`: every proxy, and what there is to mend."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.naming import short_proxy
from pidalio.cli.output import ago, counted, output_option, structured, table

if TYPE_CHECKING:
    from pidalio.http.wire import ProxyView, StatusAnswer


@click.command(
    epilog="""\b
Examples:
  pidalio status
  pidalio status -o json
  pidalio status --endpoints            of each instance: who says it is well, or why not
  pidalio status --endpoints reviews
  pidalio status --strict      exit status 1 when a proxy lags or an error stands
""",
)
@click.option(
    "--strict", is_flag=True, help="Exit status 1 when a proxy lags or refused something, or an error stands."
)
@click.option(
    "--endpoints",
    is_flag=False,
    flag_value="",
    metavar="[HOST]",
    help="Show the instances of a service, or of all, and what each source says of their health.",
)
@output_option()
@server_options
def status(connection: Connection, *, strict: bool, endpoints: str | None, form: str) -> int:
    """Show the state of the mesh.

    Of every proxy: since when it is connected, how many resources it acknowledged, how many are on their way, what it
    rejected and why, how far it is behind. Then everything that stands to be told, and the platforms.
    """
    if endpoints is not None:
        return _endpoints(connection, endpoints, form, strict=strict)
    found = connection.ask(lambda client: client.status())
    if form != "table":
        structured(found, form)
    else:
        _show(found)
    behind = any(each.behind != 0 or _rejected(each) for each in found.proxies)
    errors = any(each.severity == "error" for each in found.reports)
    return 1 if strict and (behind or errors) else 0


def _endpoints(connection: Connection, host: str, form: str, *, strict: bool) -> int:
    from pidalio.cli.endpoints import show

    found = connection.ask(lambda client: client.endpoints(host))
    if form != "table":
        structured({"endpoints": found}, form)
    else:
        show(found)
    return 1 if strict and any(one.health != "HEALTHY" or one.out_at for one in found) else 0


def _show(found: "StatusAnswer") -> None:
    now = time.time()
    headers = ("PROXY", "TYPE", "CONNECTED", "STATE", "ACKED", "SENT", "DUE", "REJECTED")
    if found.proxies:
        table(headers, [_row(each, now) for each in found.proxies])
    else:
        click.echo("no proxy is connected")
    for each in found.proxies:
        for line in _rejections(each):
            click.echo(line)
    if found.platforms:
        click.echo()
        rows = [(one.name, one.objects, one.instances, one.detail) for one in found.platforms]
        table(("PLATFORM", "OBJECTS", "INSTANCES", ""), rows)
    click.echo()
    for report in found.reports:
        click.echo(f"{report.severity}: {report.line}")
    proxies, reports = counted(len(found.proxies), "proxy", "proxies"), counted(len(found.reports), "report")
    click.echo(f"revision {found.revision}, generation {found.generation}: {proxies}, {reports}")


def _row(each: "ProxyView", now: float) -> tuple[object, ...]:
    acked, sent, due = (sum(getattr(one, name) for one in each.types) for name in ("acked", "sent", "due"))
    name = short_proxy(each.id) + (f" ({each.streams} streams)" if each.streams > 1 else "")
    return (name, each.type, ago(now - each.connected), _state(each), acked, sent, due, _rejected(each))


def _state(each: "ProxyView") -> str:
    if each.behind is None:
        return "starting"
    return "current" if each.behind <= 0 else f"{each.behind} behind"


def _rejected(each: "ProxyView") -> int:
    return sum(len(one.rejected) for one in each.types)


def _rejections(each: "ProxyView") -> Iterator[str]:
    name = short_proxy(each.id)
    if each.waiting and each.behind:
        yield f"  {name} waits: {each.waiting}"
    for kind in each.types:
        for one in kind.rejected:
            place = f"{one.place}: " if one.place else ""
            rule = f" (from {one.object}{f' {one.path}' if one.path else ''})" if one.object else ""
            yield f"  {place}{name} refused {one.type} {one.name}: {one.error}{rule}"
