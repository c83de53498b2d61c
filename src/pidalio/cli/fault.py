"""`pidalio fault`: faults for a bounded time and share, without editing a rule."""

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import click

from pidalio.cli.changing import dry_lines, live_lines
from pidalio.cli.connection import Connection, server_options
from pidalio.cli.durations import Percent, Seconds
from pidalio.cli.namespaces import namespace_option
from pidalio.cli.naming import header_pair
from pidalio.cli.output import ago, counted, output_option, structured, table
from pidalio.errors import UsageError

if TYPE_CHECKING:
    from pidalio.http.client import Client
    from pidalio.http.fault_bodies import FaultAnswer, FaultEffect, FaultView
    from pidalio.http.wire import LiveAnswer

_PATIENCE = 30.0
"""Seconds to wait for the proxies concerned."""


@click.group(
    epilog="""\b
Examples:
  pidalio fault start storm --host reviews --abort 503 --abort-percent 5 --for 2m
  pidalio fault list
  pidalio fault stop storm
""",
)
def fault() -> None:
    """Add faults to requests for a while, and see what they do.

    A campaign ends when its time is over, when it is stopped, and when the control plane ends, whatever its end is.
    """


@fault.command(
    epilog="""\b
Examples:
  pidalio fault start storm --host reviews --abort 503 --abort-percent 5 --for 2m
  pidalio fault start slow --host ratings --delay 300ms --delay-percent 10 --dry-run
  pidalio fault start pay --host shop -n eu --path '/pay/*' --method POST --abort UNAVAILABLE --abort-percent 1
  pidalio fault start mine --host reviews -H 'user: tester' --abort 500 --abort-percent 100 --force
""",
)
@click.argument("name")
@click.option("--host", required=True, help="Host that requests are for, as callers name it.")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port; default: all that take requests.")
@click.option("--subset", default="", help="Its subset (of a DestinationRule); default: all.")
@click.option("--delay", type=Seconds(), default=0.0, help="Hold requests for so long.")
@click.option("--delay-percent", type=Percent(), default=0.0, help="Share of the requests that is held: 0.0001 to 100.")
@click.option("--abort", metavar="STATUS", help="Answer with a status: of HTTP (503), or of gRPC by its name.")
@click.option(
    "--abort-percent", type=Percent(), default=0.0, help="Share of the requests that is aborted: 0.0001 to 100."
)
@click.option("--path", default="", help="Only requests to this path; with * at its end: to what begins so.")
@click.option("--method", default="", help="Only requests with this method.")
@click.option(
    "-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Only requests with this header."
)
@click.option("--source-namespace", default="", help="Only requests of callers in this namespace.")
@click.option("--source-labels", metavar="K=V,…", help="Only requests of callers that bear these labels.")
@click.option("--for", "duration", type=Seconds(), default="5m", show_default=True, help="How long: at most 1h.")
@click.option(
    "--lease", type=Seconds(), default="10s", show_default=True, help="How long Envoys go on without the control plane."
)
@click.option("--dry-run", is_flag=True, help="Show which proxies and routes it would touch; start nothing.")
@click.option("--force", is_flag=True, help="Accept a share above 50 %.")
@click.option("--author", default=None, help="Who: told with the campaign; default: this user.")
@namespace_option("Namespace in which the host is looked up.")
@output_option("text")
@server_options
def start(
    connection: Connection,
    *,
    name: str,
    host: str,
    port: int | None,
    subset: str,
    delay: float,
    delay_percent: float,
    abort: str | None,
    abort_percent: float,
    path: str,
    method: str,
    headers: tuple[str, ...],
    source_namespace: str,
    source_labels: str | None,
    duration: float,
    lease: float,
    dry_run: bool,
    force: bool,
    author: str | None,
    namespace: str,
    form: str,
) -> int:
    """Start a campaign, and return when the proxies concerned have it.

    Requests to HOST are delayed or aborted at their callers' proxies, on top of the faults that rules state.
    """
    from pidalio.cli.compile import parse_labels
    from pidalio.http.client import default_author
    from pidalio.http.fault_bodies import FaultOrder

    is_http = abort is not None and abort.isdigit()
    order = FaultOrder(
        name,
        host,
        namespace,
        port or 0,
        subset,
        delay,
        delay_percent,
        int(abort) if abort and is_http else None,
        abort if abort and not is_http else "",
        abort_percent,
        path,
        method,
        dict(header_pair(one) for one in headers),
        source_namespace,
        dict(parse_labels(source_labels, "--source-labels") or ()),
        duration,
        lease,
        default_author() if author is None else author,
        force,
        dry_run,
    )
    return _change(connection, lambda client: client.start_fault(order), form)


@fault.command(epilog="\b\nExamples:\n  pidalio fault stop storm\n  pidalio fault stop --all\n")
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Stop every campaign.")
@click.option("--author", default=None, help="Who: told with the campaign; default: this user.")
@output_option("text")
@server_options
def stop(connection: Connection, *, name: str | None, everything: bool, author: str | None, form: str) -> int:
    """End a campaign at once, and return when the proxies concerned know."""
    from pidalio.http.client import default_author

    if bool(name) == everything:
        raise UsageError("say NAME or --all")
    who = default_author() if author is None else author
    names = [name] if name else _running(connection)
    if not names:
        click.echo("no fault campaign runs")
    return max((_change(connection, _stopping(one, who), form) for one in names), default=0)


def _running(connection: Connection) -> list[str]:
    return [one.order.name for one in connection.ask(lambda client: client.faults()) if one.running]


def _stopping(name: str, author: str) -> Callable[["Client"], Awaitable["FaultAnswer"]]:
    return lambda client: client.stop_fault(name, author=author)


@fault.command(name="list", epilog="\b\nExamples:\n  pidalio fault list\n  pidalio fault list -o json\n")
@output_option()
@server_options
def list_(connection: Connection, *, form: str) -> None:
    """List campaigns: those that run, then those that are over and why, and what each did.

    Of each it is shown how calls of the proxies concerned went in the minute before, and how they go since it started:
    all of their calls, and those to the campaign's host, of which injected aborts are a part.
    """
    found = connection.ask(lambda client: client.faults())
    if form != "table":
        structured(found, form)
        return
    if not found:
        click.echo("no fault campaign runs or ran")
        return
    table(("NAME", "HOST", "FAULTS", "STATE", "PROXIES", "BY"), [_row(one, time.time()) for one in found])
    for one in found:
        if one.effect is not None:
            click.echo()
            _show_effect(one, one.effect)


def _row(one: "FaultView", now: float) -> tuple[object, ...]:
    if one.ended is None:
        state = f"{ago(max(0.0, one.until - now))} left"
    else:
        state = f"over {ago(now - one.ended)} ago: {one.why}"
    return (one.order.name, one.host, one.order.faults, state, len(one.proxies), one.order.author)


def _show_effect(one: "FaultView", effect: "FaultEffect") -> None:
    """Print what a campaign did, beside what was before it."""
    columns = (effect.before, effect.during)
    rows = [
        ("calls", *(f"{each.requests} in {each.seconds:.0f} s" for each in columns)),
        ("without error", *(_percent(each.success) for each in columns)),
        (f"to {one.host}", *(_percent(each.host_success) for each in columns)),
        ("half answered", *(_within(each.half_within) for each in columns)),
        ("99 % answered", *(_within(each.most_within) for each in columns)),
        ("aborts injected", *(str(each.aborts) for each in columns)),
        ("delays injected", *(str(each.delays) for each in columns)),
    ]
    table((f"{one.order.name} AT {counted(effect.proxies, 'PROXY', 'PROXIES')}", "BEFORE", "DURING"), rows)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.4g} %"


def _within(bound: float | None) -> str:
    return "-" if bound is None else f"within {bound:g} ms"


def _change(connection: Connection, ask: Callable[["Client"], Awaitable["FaultAnswer"]], form: str) -> int:
    """Make a change and wait until it is live; tell about it, and return the exit status."""

    async def asked(client: "Client") -> "tuple[FaultAnswer, LiveAnswer | None, float]":
        answer = await ask(client)
        begun = time.monotonic()
        live = None if answer.dry_run else await client.live(answer.generation, _PATIENCE)
        return answer, live, time.monotonic() - begun

    answer, live, seconds = connection.ask(asked)
    if form != "text":
        structured({"fault": answer, "live": live}, form)
    else:
        click.echo("\n".join(_lines(answer, live, seconds)))
    return 0 if live is None or all(each.state in ("live", "gone") for each in live.proxies) else 1


def _lines(answer: "FaultAnswer", live: "LiveAnswer | None", seconds: float) -> Iterator[str]:
    view, order = answer.fault, answer.fault.order
    if view.ended is not None:
        yield f"{order.name} is over: {view.why}"
    else:
        verb = "would" if answer.dry_run else "will"
        yield f"{order.name} {verb} {order.faults} of the requests to {view.host}, for {order.duration:g} s"
        lent = counted(len(view.proxies), "proxy", "proxies")
        yield f"{lent} {verb} do so, and stop within {order.lease:g} s when the control plane is gone"
    yield from (f"note: {note}" for note in answer.notes)
    if live is not None:
        yield from live_lines(order.name, live, seconds)
    else:
        yield from dry_lines(answer.concerned)
