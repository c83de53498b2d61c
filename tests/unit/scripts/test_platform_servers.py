"""The cache of real servers: what is fresh costs nothing, what cannot be had stops nothing, nothing half is left."""

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from tests.platforms.servers import installed

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "platform_servers.py"


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("platform_servers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "platform_servers", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    (tmp_path / "pins").mkdir()
    (tmp_path / "pins" / "one.txt").write_text("1.0\n")
    monkeypatch.setattr(module, "PINS", tmp_path / "pins")
    monkeypatch.setenv("PIDALIO_SERVERS", str(tmp_path / "cache"))
    return module


def server(servers, name, filled, *, fails=False):
    def fill(target, pins, deadline):
        filled.append((name, pins.read_text()))
        (target / "program").write_text("half" if fails else "whole")
        if fails:
            raise servers.Missing("no such thing here")

    return servers.Server(name, "one.txt", fill)


def run(servers, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["platform_servers.py", *arguments])
    return servers.main()


def test_a_server_is_made_again_only_when_its_pins_change(servers, monkeypatch, tmp_path):
    filled = []
    monkeypatch.setattr(servers, "SERVERS", (server(servers, "one", filled),))
    assert run(servers, monkeypatch) == run(servers, monkeypatch) == 0
    assert filled == [("one", "1.0\n")]
    (tmp_path / "pins" / "one.txt").write_text("2.0\n")
    assert run(servers, monkeypatch) == 0
    assert filled == [("one", "1.0\n"), ("one", "2.0\n")]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["lock", "one"]


def test_one_that_cannot_be_had_says_why_and_stops_no_other(servers, monkeypatch, tmp_path, capsys):
    filled = []
    monkeypatch.setattr(
        servers, "SERVERS", (server(servers, "bad", filled, fails=True), server(servers, "good", filled))
    )
    assert run(servers, monkeypatch) == 0
    assert "bad: not to be had: no such thing here\n" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["good", "lock"]
    assert run(servers, monkeypatch, "bad") == 1


def test_what_was_there_stays_when_a_newer_one_cannot_be_had(servers, monkeypatch, tmp_path):
    monkeypatch.setattr(servers, "SERVERS", (server(servers, "one", []),))
    run(servers, monkeypatch)
    (tmp_path / "pins" / "one.txt").write_text("2.0\n")
    monkeypatch.setattr(servers, "SERVERS", (server(servers, "one", [], fails=True),))
    assert run(servers, monkeypatch) == 1
    assert (tmp_path / "cache" / "one" / "program").read_text() == "whole"


def test_a_command_that_takes_too_long_is_ended_and_told(servers):
    with pytest.raises(servers.Missing, match="the time was up"):
        servers.run([sys.executable, "-c", "import time; time.sleep(60)"], servers.Deadline(time.monotonic() + 0.5))
    with pytest.raises(servers.Missing, match="no time was left"):
        servers.run([sys.executable, "-c", ""], servers.Deadline(time.monotonic() - 1))


def test_a_command_that_fails_is_quoted(servers):
    later = servers.Deadline(time.monotonic() + 60)
    with pytest.raises(servers.Missing, match="failed: no luck"):
        servers.run([sys.executable, "-c", "print('a'); raise SystemExit('no luck')"], later)
    talks = "import sys; print('downloading', file=sys.stderr); print('answer')"
    assert servers.run([sys.executable, "-c", talks], later) == "answer\n"
    with pytest.raises(servers.Missing, match="no such-command here"):
        servers.run(["such-command"], later)


def test_every_pin_is_there(servers):
    pins = SCRIPT.parent.parent / "tests" / "platforms" / "servers" / "pins"
    assert [each.name for each in servers.SERVERS if not (pins / each.pins).exists()] == []


def test_tests_look_where_the_script_installs(servers, monkeypatch):
    assert servers.cache() == installed.cache()
    monkeypatch.delenv("PIDALIO_SERVERS")
    assert servers.cache() == installed.cache()
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert servers.cache() == installed.cache() == Path("/somewhere/pidalio/servers")
