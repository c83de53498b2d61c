"""What `pidalio fault` prints."""

import pytest
from click.testing import CliRunner

from pidalio.cli import main
from pidalio.cli.fault import _lines, _row, _show_effect
from pidalio.http.fault_bodies import FaultAnswer, FaultEffect, FaultOrder, FaultView, Figures
from pidalio.http.wire import LiveAnswer, LiveView

ORDER = FaultOrder(
    "storm", "reviews", delay=0.3, delay_percent=10, grpc_status="UNAVAILABLE", abort_percent=0.5, author="ada"
)
PROXY = "sidecar~10.0.0.1~web-0.default~default.svc.cluster.local"
RUNNING = FaultView(ORDER, "reviews.default.svc.cluster.local", 1000, 1300, (PROXY,))
OVER = FaultView(ORDER, "reviews.default.svc.cluster.local", 1000, 1300, (), 1100, "stopped by bob")


def test_a_start_says_what_happens_and_what_ends_it():
    live = LiveAnswer(7, settled=True, proxies=(LiveView(PROXY, "live", 7),))
    assert ORDER.faults == "delay 10 % by 300 ms and abort 0.5 % with UNAVAILABLE"
    assert list(_lines(FaultAnswer(RUNNING, 7, notes=("a note",)), live, 0.125)) == [
        f"storm will {ORDER.faults} of the requests to {RUNNING.host}, for 300 s",
        "1 proxy will do so, and stop within 10 s when the control plane is gone",
        "note: a note",
        "storm: live on 1 of 1 proxy concerned, after 0.12 s",
    ]


def test_a_dry_run_names_proxies_and_resources():
    answer = FaultAnswer(RUNNING, 7, dry_run=True, concerned={PROXY: {"Runtime": ("faults",)}})
    first, _, *rest = _lines(answer, None, 0)
    assert first.startswith("storm would delay")
    assert rest == ["  web-0.default: Runtime faults", "dry run: 1 resource of 1 proxy would change; nothing was done"]


def test_the_end_says_why():
    (line, _) = _lines(FaultAnswer(OVER, 8), LiveAnswer(8, settled=True, proxies=()), 0)
    assert line == "storm is over: stopped by bob"


@pytest.mark.parametrize(("one", "state"), [(RUNNING, "50s left"), (OVER, "over 2m ago: stopped by bob")])
def test_a_row_tells_how_it_stands(one, state):
    assert _row(one, 1250.0)[3] == state


def test_the_effect_stands_beside_what_was_before(capsys):
    before = Figures(60, 600, 0, 0, 0, 1, 5, 600, 0)
    during = Figures(30, 300, 30, 30, 10, 1, 500, 270, 0)
    _show_effect(OVER, FaultEffect(2, before, during))
    assert capsys.readouterr().out.splitlines() == [
        "storm AT 2 PROXIES                    BEFORE       DURING",
        "calls                                 600 in 60 s  300 in 30 s",
        "without error                         100 %        90 %",
        "to reviews.default.svc.cluster.local  100 %        90 %",
        "half answered                         within 1 ms  within 1 ms",
        "99 % answered                         within 5 ms  within 500 ms",
        "aborts injected                       0            30",
        "delays injected                       0            10",
    ]


@pytest.mark.parametrize(
    "arguments", [["stop"], ["stop", "storm", "--all"], ["start", "storm"], ["start", "x", "--host", "a", "-H", "no"]]
)
def test_wrong_usage_is_told(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["fault", *arguments])
    assert done.exit_code == 2, done.output
