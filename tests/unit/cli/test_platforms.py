"""What `pidalio platforms` prints, and when it fails."""

import json
import time

import pytest
from click.testing import CliRunner

from pidalio.cli import main
from pidalio.cli.connection import Connection
from pidalio.http.wire import PlatformView, ReportView
from pidalio.model import Report, Severity

FILES = PlatformView("files", objects=3, detail="follows mesh")
CONSUL = PlatformView("consul", instances=5, kind="consul", services=2, synced=1.0, heard=time.time() - 61)
STALE = PlatformView(
    "berlin",
    kind="eureka",
    state="stale",
    services=1,
    instances=1,
    error="connection refused",
    reports=(ReportView.of(Report(Severity.WARNING, "platform-stale", "berlin cannot be followed: refused")),),
)


def shown(monkeypatch, *views: PlatformView, options: tuple[str, ...] = ()):
    monkeypatch.setattr(Connection, "ask", lambda _self, _question: views)
    return CliRunner().invoke(main, ["platforms", *options])


def test_each_is_a_line_and_what_is_wrong_comes_below(monkeypatch):
    result = shown(monkeypatch, FILES, CONSUL, STALE)
    assert result.exit_code == 0
    assert [line.rstrip() for line in result.output.splitlines()] == [
        "PLATFORM  KIND    STATE   HEARD   SERVICES  INSTANCES  OBJECTS",
        "files     files   synced  -       0         0          3        follows mesh",
        "consul    consul  synced  1m ago  2         5          0",
        "berlin    eureka  stale   -       1         1          0        connection refused",
        "warning: platform-stale: berlin cannot be followed: refused",
    ]


def test_nothing_is_said_as_such(monkeypatch):
    assert "no platform is followed" in shown(monkeypatch).output


@pytest.mark.parametrize(("views", "status"), [((FILES, CONSUL), 0), ((FILES, STALE), 1)])
def test_strict_fails_when_one_is_not_synced(monkeypatch, views, status):
    assert shown(monkeypatch, *views, options=("--strict",)).exit_code == status


def test_as_json(monkeypatch):
    result = shown(monkeypatch, STALE, options=("-o", "json"))
    assert json.loads(result.output)["platforms"][0]["state"] == "stale"
