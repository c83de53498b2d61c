"""Every code has an example, and every example provokes its code."""

import ast
from pathlib import Path

import pytest
from tests.codes.examples import examples
from tests.fields.collecting import running

from pidalio.api import load
from pidalio.server.offline import OfflineMesh

ROOT = Path(__file__).parents[2]
CARRIED_OUT = [
    pytest.param(code, example, id=f"{package}-{code}")
    for package, found in examples().items()
    for code, example in found.items()
    if example.files
]
NAMED = [
    pytest.param(code, example, id=f"{package}-{code}")
    for package, found in examples().items()
    for code, example in found.items()
    if not example.files
]


def codes():
    """Every stable code by its package, read off the sources."""
    for path in (ROOT / "src" / "pidalio").rglob("codes.py"):
        package = ".".join(path.relative_to(ROOT / "src" / "pidalio").parent.parts)
        tree = ast.parse(path.read_text())
        (table,) = (node.value for node in tree.body if isinstance(node, ast.AnnAssign))
        assert isinstance(table, ast.Dict)
        yield package, {key.value for key in table.keys if isinstance(key, ast.Constant)}


def test_every_code_has_an_example():
    assert {package: set(found) for package, found in examples().items()} == dict(codes())


@pytest.mark.parametrize(("code", "example"), CARRIED_OUT)
def test_what_is_shown_provokes_the_code(code, example):
    mesh = OfflineMesh({f"{number}.yaml": load(text, f"{number}.yaml") for number, text in enumerate(example.files)})
    found = (*mesh.reports(), *mesh.survey().reports(mesh.catalog.place))
    assert code in [report.code for report in found]


@pytest.mark.parametrize(("code", "example"), NAMED)
def test_the_named_test_speaks_of_the_code(code, example):
    assert code in (ROOT / example.test.partition("::")[0]).read_text()


def test_the_named_tests_exist_and_run():
    wanted = {example.test for found in examples().values() for example in found.values() if example.test}
    assert running(wanted, ROOT) >= wanted
