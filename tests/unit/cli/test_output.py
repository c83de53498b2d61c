"""Tables, JSON and YAML."""

import sys

import pytest
import yaml

from pidalio.cli.output import documents, structured, table
from pidalio.http.wire import HoldingsAnswer, ResourceView


def test_columns_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    table(("NAME", "N"), [("a", 1), ("longer", 22)])
    assert capsys.readouterr().out == "NAME    N\na       1\nlonger  22\n"


def test_the_same_rows_in_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    table(("NAME", "N"), [("[bold]a", 1)])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["NAME", "N"], ["[bold]a", "1"]]


def test_in_a_narrow_terminal_rows_become_lists(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    table(("NAME", "STATE", "DUE", ""), [("front-v1-0.default", "current", "", "all is well")])
    assert capsys.readouterr().out == "front-v1-0.default\n  state current\n  all is well\n"


def test_structs_as_json_and_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    answer = HoldingsAnswer("p", (ResourceView("Cluster", "c", "equal", "1", "1"),))
    structured(answer, "json")
    from_json = yaml.safe_load(capsys.readouterr().out)
    structured(answer, "yaml")
    assert yaml.safe_load(capsys.readouterr().out) == from_json
    assert from_json["resources"][0]["name"] == "c"


def test_documents_are_apart(capsys: pytest.CaptureFixture[str]) -> None:
    documents([{"a": 1}, {"b": "yes"}])
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == [{"a": 1}, {"b": "yes"}]
