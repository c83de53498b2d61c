"""What holds for every command: it is listed, loads, explains itself with examples, and fails in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pidalio.api.kinds import KINDS
from pidalio.cli import main


def every_command():
    """Yield each command with the words that call it, groups included."""
    pending = [((name,), command) for name, command in main.commands.items()]
    while pending:
        words, command = pending.pop()
        yield pytest.param(words, command, id=" ".join(words))
        if isinstance(command, click.Group):
            pending += [((*words, name), each) for name, each in command.commands.items()]


def pidalio(*arguments: str):
    return CliRunner().invoke(main, arguments, prog_name="pidalio")


@pytest.mark.parametrize(("words", "command"), list(every_command()))
def test_help_says_what_it_does_and_gives_examples(words, command):
    result = pidalio(*words, "--help")
    assert result.exit_code == 0
    assert f"pidalio {' '.join(words)}" in result.output.partition("Examples:")[2], "an example calls it"
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, f"{parameter.name} is explained"


@pytest.mark.parametrize(("words", "command"), list(every_command()))
def test_unknown_option_is_wrong_usage(words, command):
    result = pidalio(*words, "--no-such-option")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"pidalio: No such option '--no-such-option': see `pidalio {' '.join(words)} --help`\n"


def test_list_of_commands_names_every_one():
    listed = pidalio("--help").output
    assert all(f"\n  {name} " in listed for name in main.commands)


def test_unknown_command_is_wrong_usage():
    result = pidalio("stear")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "pidalio: No such command 'stear'. Did you mean 'serve'? see `pidalio --help`\n"


@pytest.mark.parametrize("written", ["VirtualService", "virtualservices", "vs"])
def test_schema_of_a_kind(written):
    schema = json.loads(pidalio("schema", written).stdout)
    assert schema["title"] == "VirtualService"


def test_schema_of_any_kind():
    schema = json.loads(pidalio("schema").stdout)
    assert [one["$ref"] for one in schema["anyOf"]] == [f"#/$defs/{kind.name}" for kind in KINDS]


def test_schema_of_an_unknown_kind_names_the_nearest():
    result = pidalio("schema", "VirtualServise")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "pidalio: no kind 'VirtualServise': did you mean VirtualService?\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_answer_that_cannot_be_written_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = run("schema", stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, "pidalio: the answer cannot be written: No space left on device\n")


def test_closed_streams_are_no_mistake(tmp_path):
    assert run("init", str(tmp_path / "first"), preexec_fn=close_streams).returncode == 0
    assert (tmp_path / "first" / "app.py").exists()
    assert run("apply", "-f", "-", preexec_fn=close_streams, cwd=tmp_path).returncode == 1


def close_streams() -> None:
    for number in (0, 1, 2):
        os.close(number)


def run(*arguments: str, **options):
    command = [sys.executable, "-c", "from pidalio.cli import main; main(prog_name='pidalio')", *arguments]
    return subprocess.run(command, text=True, check=False, timeout=60, **options)


def test_folder_that_cannot_be_made_is_one_line():
    result = pidalio("init", "/dev/null/first")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "pidalio: /dev/null/first: Not a directory\n")


@pytest.mark.parametrize("command", ["validate", "apply"])
def test_empty_path_is_not_the_present_folder(command, tmp_path, monkeypatch):
    """A variable that a shell does not know becomes an empty argument."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("kind: x")
    result = pidalio(command, "-f", "")
    assert result.exit_code == 1
    assert "'':1: no-such-file: '' does not exist" in result.output
    assert "a.yaml" not in result.output


@pytest.fixture
def first(tmp_path, monkeypatch):
    """Make the folder of `pidalio init`, and be in it."""
    monkeypatch.chdir(tmp_path)
    assert pidalio("init", "first").exit_code == 0
    monkeypatch.chdir(tmp_path / "first")


LOGGED = json.dumps({"proxy": "web-v1-0.default", "method": "GET", "authority": "greeter:9080", "path": "/"})


@pytest.mark.parametrize(("headers", "subset"), [((), "v1"), (("-H", "x-user: ada"), "v2")])
def test_log_line_is_explained_with_the_headers_that_it_does_not_hold(first, headers, subset):
    result = pidalio("explain", "-f", "mesh", "-f", "rules/one-user.yaml", "--log", LOGGED, *headers)
    assert result.exit_code == 0
    assert f"outbound|9080|{subset}|greeter" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--log", "{}"), id="no line of a log"),
        pytest.param(("--from", "web-v1-0", "GET", "http://["), id="no URL"),
        pytest.param(("--from", "web-v1-0", "GET", "greeter"), id="no absolute URL"),
        pytest.param(("--from", "web-v1-0", "GET", "http://greeter", "-H", "x"), id="no header"),
    ],
)
def test_what_cannot_be_explained_is_wrong_usage(first, arguments):
    result = pidalio("explain", "-f", "mesh", *arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_compile_for_a_workload_that_is_not_there_says_so(first):
    result = pidalio("compile", "-f", "mesh", "--proxy", "sidecar~10.0.0.7~wbe-v1-0.default~default.svc.cluster.local")
    assert result.exit_code == 0
    assert result.stderr.startswith("pidalio: no workload wbe-v1-0.default is in the files: ")


def test_compile_for_what_is_no_address_is_wrong_usage(first):
    result = pidalio("compile", "-f", "mesh", "--proxy", "sidecar~web~web-v1-0.default~default.svc.cluster.local")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'web' is no IP address" in result.stderr


def test_namespace_that_cannot_be_is_wrong_usage(first):
    result = pidalio("validate", "-f", "mesh", "-n", "Not_One")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'Not_One' is no namespace" in result.stderr
    assert pidalio("validate", "-f", "mesh", "-n", "other").exit_code == 0
