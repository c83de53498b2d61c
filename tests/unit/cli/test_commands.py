"""What holds for every command: it is listed, loads, explains itself with examples, and fails in one line."""

import json

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
