"""`pidalio logs`: requests as the proxies of `up` logged them, one readable line each."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pidalio.cli.output import documents, output_option
from pidalio.errors import NotFound

_POLL_SECONDS = 0.2
_TAIL_BYTES = 1 << 20


@click.command(
    epilog="""\b
Examples:
  pidalio logs
  pidalio logs web-v1-0 -f
  pidalio logs -l 1 -o json web-v1-0       a line for `pidalio explain --log`
""",
)
@click.argument("proxy", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option(
    "-l", "--lines", default=20, show_default=True, type=click.IntRange(0), help="How many lines that are there."
)
@output_option("text")
def logs(proxy: str | None, *, follow: bool, lines: int, form: str) -> None:
    """Show requests as proxies logged them: when, which, what came of it, where it went, by which rule.

    PROXY is a proxy's name or name.namespace; without it all are shown. The logs are in .pidalio/logs of this folder.
    """
    folder = _folder(Path.cwd())
    tails = Tails(folder, proxy)
    found = tails.read(last=True)
    if not tails.names() and not follow:
        raise NotFound(f"no access log {f'of {proxy} ' if proxy else ''}in {folder}: `pidalio up` writes them")
    for entry in sorted(found, key=lambda one: str(one[1].get("start_time", "")))[-lines:] if lines else ():
        _show(*entry, form)
    while follow:
        time.sleep(_POLL_SECONDS)
        for entry in tails.read():
            _show(*entry, form)


class Tails:
    """The ends of the logs of some proxies; `read` returns what came since the last time."""

    def __init__(self, folder: Path, proxy: str | None) -> None:
        self._folder = folder
        self._proxy = proxy
        self._offsets: dict[Path, int] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names of the proxies that are read."""
        return tuple(path.stem for path in self._paths())

    def read(self, *, last: bool = False) -> list[tuple[str, dict[str, Any]]]:
        """Return the new entries with their proxies; with `last` at most the last megabyte of each."""
        return [(path.stem, entry) for path in self._paths() for entry in self._new(path, last=last)]

    def _paths(self) -> list[Path]:
        found = sorted(self._folder.glob("*.json"))
        return [path for path in found if self._proxy in (None, path.stem, path.stem.partition(".")[0])]

    def _new(self, path: Path, *, last: bool) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            offset = self._offsets.get(path, max(0, size - _TAIL_BYTES) if last else 0)
            if offset > size:  # the log was cut because it had grown too large
                offset = 0
            file.seek(offset)
            data = file.read()
        whole = data.rpartition(b"\n")[0]
        self._offsets[path] = offset + len(whole) + (1 if whole else 0)
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the first line of a tail is rarely whole
            if isinstance(entry, dict):
                yield entry


def line_of(proxy: str, entry: dict[str, Any]) -> str:
    """Return one entry for people: time, proxy, request, answer, where it went, the rule."""
    when = str(entry.get("start_time", ""))[11:23]
    request = f"{entry.get('method', '-')} {entry.get('authority', '')}{entry.get('path', '')}"
    flags = entry.get("response_flags", "-")
    answer = (
        f"{entry.get('response_code', 0)}{'' if flags in ('-', None) else f' {flags}'} {entry.get('duration', 0)}ms"
    )
    to = _instance(entry) or entry.get("upstream_host") or ""
    cluster = entry.get("upstream_cluster")
    went = f" → {to or 'nowhere'}{f' ({cluster})' if cluster else ''}" if to or cluster else ""
    rule = " ".join(part for part in (_rule(entry.get("rule")), str(entry.get("reason") or "")) if part)
    return f"{when} {proxy}  {request}  {answer}{went}{f'  [{rule}]' if rule else ''}"


def _instance(entry: dict[str, Any]) -> str:
    found = entry.get("upstream_workload")
    return found if isinstance(found, str) else ""


def _rule(found: Any) -> str:
    """Return `virtual-service default/reviews http[0]` for what Envoy's metadata says of the rule."""
    config = found.get("config") if isinstance(found, dict) else None
    match str(config or "").split("/"):
        case [*_, "namespaces", namespace, kind, name]:
            return f"{kind} {namespace}/{name} {found.get('path') or ''}".rstrip()
        case _:
            return ""


def _show(proxy: str, entry: dict[str, Any], form: str) -> None:
    # The proxy is part of the line, so that `explain --log` needs nothing else.
    whole = {"proxy": proxy, **entry}
    if form == "yaml":
        documents([whole])
    else:
        click.echo(json.dumps(whole) if form == "json" else line_of(proxy, entry))


def _folder(start: Path) -> Path:
    from pidalio.http.discovery import ACCESS_LOGS, DATA

    for folder in (start, *start.parents):
        if (folder / DATA).is_dir():
            return folder / DATA / ACCESS_LOGS
    return start / DATA / ACCESS_LOGS
