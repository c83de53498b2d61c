"""One look: what is parsed again, and what a look tells of the time that it took."""

from pathlib import Path

from pidalio.platforms.files.finding import find
from pidalio.platforms.files.looking import Looker

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n"


def test_equal_bytes_are_parsed_once(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_text(SERVICE)
    looker = Looker([path], "default")
    first, _ = looker.look(thorough=True)
    path.write_text(SERVICE)
    second, _ = looker.look(thorough=True)
    assert second.units[str(path)] is first.units[str(path)]


def test_a_look_tells_how_long_ago_the_bytes_were_read(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_text(SERVICE)
    clock = iter(range(0, 10_000_000_000, 500_000_000))
    look, _ = Looker([path], "default", now_ns=lambda: next(clock)).look(thorough=True)
    assert look.units[str(path)].age == 0.5


def test_a_folder_that_comes_between_finding_and_reading_is_absent_and_loses_nothing(tmp_path: Path, monkeypatch):
    root = tmp_path / "r"

    def found_too_early(roots):
        found = find(roots)
        root.mkdir(exist_ok=True)
        return found

    monkeypatch.setattr("pidalio.platforms.files.looking.find", found_too_early)
    looker = Looker([root], "default")
    look, _ = looker.look(thorough=True)
    assert look.doubtful_roots == {str(root)}
    assert [report.code for report in look.units[str(root)].loaded.reports] == ["no-such-file"]
    look, _ = looker.look(thorough=True)
    assert look.units == {}
