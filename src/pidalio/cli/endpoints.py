"""`pidalio status --endpoints`: each instance, its health, and who says what of it."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from pidalio.cli.naming import short_proxy
from pidalio.cli.output import ago, counted, table

if TYPE_CHECKING:
    from pidalio.http.wire import EndpointView, WordView

_SEEN = frozenset({"active-check", "outlier-detection"})


def show(found: Sequence["EndpointView"]) -> None:
    """Print a table of endpoints, and a line for each word that is not that all is well."""
    if not found:
        click.echo("no endpoint is known")
        return
    headers = ("SERVICE", "INSTANCE", "ADDRESS", "HEALTH", "PLATFORM", "AGENT", "PROXIES")
    table(headers, [_row(one) for one in found])
    now = time.time()
    for one in found:
        for line in _lines(one, now):
            click.echo(f"  {one.instance or one.address}: {line}")
    well = sum(one.health == "HEALTHY" and not one.out_at for one in found)
    click.echo(f"{counted(len(found), 'endpoint')}, {well} of them well for every proxy")


def _row(one: "EndpointView") -> tuple[object, ...]:
    said = {source: _said(one, source) for source in ("platform", "agent")}
    out = f"out at {len(one.out_at)}" if one.out_at else "-"
    return (
        f"{one.host}:{one.port}",
        one.instance or "-",
        one.address,
        one.health.lower(),
        said["platform"],
        said["agent"],
        out,
    )


def _said(one: "EndpointView", source: str) -> str:
    words = dict.fromkeys(each.health.lower() for each in one.words if each.source == source)
    return ", ".join(words) or "-"


def _lines(one: "EndpointView", now: float) -> Iterator[str]:
    for word in one.words:
        if word.source in _SEEN:
            yield _seen(word, now)
        elif word.health != "HEALTHY" or word.reason:
            when = f" for {ago(now - word.since)}" if word.since else ""
            by = f" ({word.by})" if word.by else ""
            yield f"{word.source}{by}: {word.health.lower()}{when}" + (f": {word.reason}" if word.reason else "")


def _seen(word: "WordView", now: float) -> str:
    what = f"{short_proxy(word.by)}: {word.source}: "
    if word.until:
        return f"{what}back for {ago(now - word.until)}, was out for {ago(word.until - word.since)}: {word.reason}"
    return f"{what}out for {ago(now - word.since)}: {word.reason}"
