"""The group: what it lists, how fast, and how each kind of failure ends."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from pidalio.cli import _SECTIONS, main
from pidalio.errors import InvalidInput, NotFound, ServerUnreachable, UsageError
from pidalio.model import Place, Report, Severity

NAMES = [name for section in _SECTIONS.values() for name in section]


def test_the_list_has_every_command_with_a_sentence() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    for name in NAMES:
        assert f"\n  {name} " in output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom pidalio.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'httpx', 'grpc', 'google.protobuf', 'asyncio', 'yaml', 'rich', 'pidalio.api', 'pidalio.http'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Usage: " in done.stdout


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch):
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setitem(main.commands._loaded, "status", failing)
    return CliRunner().invoke(main, ["status"])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("say KIND"), 2),
        (NotFound("no such thing"), 1),
        (ServerUnreachable("nobody there"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_is_one_line(error: Exception, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    result = fails_with(error, monkeypatch)
    assert (result.exit_code, result.stderr, result.stdout) == (status, f"pidalio: {error}\n", "")


def test_invalid_input_is_told_by_its_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report(Severity.ERROR, "unknown-field", "no such field", None, "spec.x", Place("a.yaml", 3))
    result = fails_with(InvalidInput("nothing was changed", [report]), monkeypatch)
    assert result.exit_code == 1
    assert result.stderr == "a.yaml:3: unknown-field: spec.x: no such field\n"


def test_ctrl_c_is_130_and_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    result = fails_with(KeyboardInterrupt(), monkeypatch)
    assert (result.exit_code, result.output.strip()) == (130, "")


def test_wrong_options_are_2() -> None:
    assert CliRunner().invoke(main, ["status", "--nope"]).exit_code == 2
    assert CliRunner().invoke(main, ["nope"]).exit_code == 2


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(fails_with(ZeroDivisionError(), monkeypatch).exception, ZeroDivisionError)


def test_a_reader_that_has_seen_enough_is_no_failure_to_tell() -> None:
    code = (
        "import click, sys\nfrom pidalio.cli import main\n"
        "@click.command()\ndef much():\n    for n in range(100000): click.echo('line')\n"
        "main.commands['status'] = much\nmain(['status'])"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.startswith("pidalio, version ")
