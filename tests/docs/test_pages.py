"""Every command and every YAML block of the documentation does what the page says."""

import ast
import json
import re
import shlex
import shutil
import socket
import sys
from pathlib import Path

import click
import pytest
from tests.docs.pages import ROOT, Block, blocks, pages
from tests.docs.session import REAL_ADDRESS, SHOWN_ADDRESS, Session, commands, matches

PORT = re.compile(rf"(?:{re.escape(SHOWN_ADDRESS)}|{re.escape(REAL_ADDRESS)}):(\d+)")
USUAL_PORTS = {15001}  # where agents take their workload's calls
LANGUAGES = {"yaml", "console", "python", "json", "text"}
PAGES = [page for page in pages() if blocks(page)]


def ports_of(found: list[Block]) -> set[int]:
    """Return the ports that a page's own processes are to have, as far as it names them."""
    if not any("background" in block.options for block in found):
        return set()
    return USUAL_PORTS | {int(port) for block in found for port in PORT.findall(block.text)}


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex((REAL_ADDRESS, port)) != 0


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    found = blocks(page)
    taken = [port for port in sorted(ports_of(found)) if not is_free(port)]
    if taken:
        pytest.skip(f"port {taken[0]} is in use, and the page shows it: end what listens there")
    with Session(tmp_path) as session:
        for block in found:
            follow(page, block, session)


def follow(page: Path, block: Block, session: Session) -> None:
    where = f"{page}:{block.line}"
    assert block.language in LANGUAGES, f"{where}: say the language, one of {sorted(LANGUAGES)}"
    if "skip" in block.options:
        for command, _ in commands(block.text):
            check_usage(where, command)
    elif block.language == "yaml":
        session.yaml(block)
    elif block.language == "console":
        session.console(block)
    elif block.language == "python":
        ast.parse(block.text, filename=where)
    elif block.language == "json":
        json.loads(block.text)


def check_usage(where: str, command: str) -> None:
    """Check that a command that is not run exists, with the options that are shown."""
    from pidalio.cli import main

    words = shlex.split(command)
    if words[0] != "pidalio":
        return
    at: click.Command = main
    for word in words[1:]:
        if word == "--":
            return
        if isinstance(at, click.Group) and word in at.commands:
            at = at.commands[word]
        elif word.startswith("-") and word != "-":
            known = {option for parameter in at.params for option in (*parameter.opts, *parameter.secondary_opts)}
            assert word in known, f"{where}: {command}: no option {word}"


def test_examples_in_help_are_right() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from reference import cli_page
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    page = cli_page().replace("\\\n", " ")
    shown = [line.strip() for line in page.splitlines() if line.startswith("    ") and " pidalio " in f" {line}"]
    examples = [part.strip() for line in shown for part in re.split(r"&&|\||>|  +(?=\w+ )", line)]
    checked = [example for example in examples if example.startswith("pidalio ")]
    assert len(checked) > 20
    for example in checked:
        check_usage("--help", example)


def test_every_skip_says_why() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert block.options.get("skip", "why"), f'{page}:{block.line}: say why: skip="..."'


@pytest.mark.parametrize("mesh", sorted((ROOT / "examples").glob("*/mesh")), ids=lambda path: path.parent.name)
def test_example_is_valid(mesh: Path, tmp_path: Path) -> None:
    with Session(tmp_path) as session:
        done = session.run(f"pidalio validate --strict -f {mesh}")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("step", sorted((ROOT / "examples").glob("*/steps/*.yaml")), ids=lambda path: path.stem)
def test_step_is_valid_in_the_place_of_the_first_rules(step: Path, tmp_path: Path) -> None:
    mesh = tmp_path / "mesh"
    shutil.copytree(step.parents[1] / "mesh", mesh)
    shutil.copyfile(step, mesh / "routes.yaml")
    with Session(tmp_path) as session:
        done = session.run(f"pidalio validate --strict -f {mesh}")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("shown", "output", "expected"),
    [
        ("", "anything", True),
        ("ready", "ready\n", True),
        ("ready", "not ready\n", False),
        ("…ready…", "one\nready at last\nthree\n", True),
        ("…live on 2…", "live on 3\n", False),
    ],
)
def test_shown_output_is_compared(shown: str, output: str, expected: bool) -> None:
    assert matches(shown, output) is expected


def test_commands_are_split_from_their_output() -> None:
    text = "$ pidalio status \\\n    -o json\n{}\n$ true\n"
    assert commands(text) == [("pidalio status \\\n    -o json", "{}"), ("true", "")]
