"""What commands that change the mesh have in common: telling what changed, and waiting until it is live."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from pidalio.cli.naming import short_proxy
from pidalio.cli.output import counted, structured
from pidalio.model import Severity

if TYPE_CHECKING:
    from pidalio.cli.connection import Connection
    from pidalio.http.client import Client
    from pidalio.http.wire import AppliedAnswer, LiveAnswer, LiveView

_SHOWN = 20
"""How many proxies are named one by one."""


def change(
    connection: "Connection",
    ask: Callable[["Client"], Awaitable["AppliedAnswer"]],
    *,
    wait: float | None,
    form: str = "text",
) -> int:
    """Make a change and tell about it; with `wait` (seconds) until it is live. Return the exit status."""

    async def asked(client: "Client") -> "tuple[AppliedAnswer, LiveAnswer | None, float]":
        applied = await ask(client)
        if form == "text":
            _tell(applied)
        begun = time.monotonic()
        if wait is None or applied.dry_run:
            return applied, None, 0.0
        return applied, await client.live(applied.generation, wait), time.monotonic() - begun

    applied, live, seconds = connection.ask(asked)
    if form != "text":
        structured({"applied": applied, "live": live}, form)
    elif live is not None:
        for line in live_lines(f"revision {applied.revision}", live, seconds):
            click.echo(line)
    return 0 if live is None or all(each.state in ("live", "gone") for each in live.proxies) else 1


def _tell(applied: "AppliedAnswer") -> None:
    verb = "would be " if applied.dry_run else ""
    for word, refs in (("added", applied.added), ("changed", applied.changed), ("removed", applied.removed)):
        for ref in refs:
            click.echo(f"{ref} {verb}{word}")
    if not (applied.added or applied.changed or applied.removed):
        click.echo("nothing would change" if applied.dry_run else "nothing changed")
    for report in applied.reports:
        click.echo(f"{report.severity}: {report.line}", err=report.severity != Severity.INFO.name.lower())
    if applied.dry_run:
        for line in dry_lines(applied.concerned):
            click.echo(line)


def dry_lines(concerned: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[str]:
    """Yield what a dry run found: by proxy, the resources that it would be sent."""
    for proxy, held in list(concerned.items())[:_SHOWN]:
        names = [f"{kind} {name}" for kind, several in held.items() for name in several]
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        yield f"  {short_proxy(proxy)}: {shown}"
    if len(concerned) > _SHOWN:
        yield f"  and {counted(len(concerned) - _SHOWN, 'more proxy', 'more proxies')}"
    resources = len({(kind, name) for held in concerned.values() for kind, names in held.items() for name in names})
    proxies = counted(len(concerned), "proxy", "proxies")
    yield f"dry run: {counted(resources, 'resource')} of {proxies} would change; nothing was done"


def live_lines(head: str, live: "LiveAnswer", seconds: float) -> Iterator[str]:
    """Yield, after `head`, how many proxies run the change, and each one that does not with its reason."""
    here = [each for each in live.proxies if each.state != "gone"]
    good = sum(each.state == "live" for each in here)
    if not here:
        yield f"{head}: live; it concerns no connected proxy"
        return
    word = "live on" if good == len(here) else "not live everywhere: on"
    yield f"{head}: {word} {good} of {counted(len(here), 'proxy', 'proxies')} concerned, after {seconds:.2f} s"
    failed = [each for each in here if each.state != "live"]
    for each in failed[:_SHOWN]:
        yield from _failed(each)
    if len(failed) > _SHOWN:
        yield f"  and {len(failed) - _SHOWN} more"


def _failed(each: "LiveView") -> Iterator[str]:
    name = short_proxy(each.proxy)
    if not each.rejections:
        yield f"  {name} lags: {each.reason or 'it has not answered yet'}"
    for one in each.rejections:
        place = f"{one.place}: " if one.place else ""
        rule = f" (from {one.object}{f' {one.path}' if one.path else ''})" if one.object else ""
        yield f"  {place}{name} refused {one.type} {one.name}: {one.error}{rule}"
