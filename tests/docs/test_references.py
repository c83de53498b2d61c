"""What the documentation points at exists, and what is generated is what the code says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, blocks, pages

SENTENCE_END = re.compile(r"(?<![A-Z])(?<!\be\.g)(?<!\bi\.e)[.!?] +[A-Z]")
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
HAND_WRITTEN = [page for page in pages() if page.name != "CHANGELOG.md"]


def test_generated_pages_and_links() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=str)
def test_one_sentence_per_line(page: Path) -> None:
    inside = {number for block in blocks(page) for number in range(block.line, block.line + block.text.count("\n") + 2)}
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        if number in inside or line.lstrip().startswith(("|", "#")):
            continue
        prose = re.sub(r"`[^`]*`", "code", re.sub(r"^\s*(\d+\.|-) ", "", line))
        assert not SENTENCE_END.search(prose), f"{page}:{number}: more than one sentence"


def test_every_reported_code_is_documented() -> None:
    documented = documented_codes()
    reported = {code: where for path in (ROOT / "src").rglob("*.py") for code, where in reported_codes(path)}
    missing = {code: where for code, where in reported.items() if code not in documented}
    assert not missing, f"codes without a sentence in their package's codes.py: {missing}"


def test_every_documented_code_is_reported() -> None:
    sources = [path for path in (ROOT / "src").rglob("*.py") if path.name != "codes.py"]
    written = {text for path in sources for text in strings(path)}
    assert documented_codes() <= written


def documented_codes() -> set[str]:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from reference import code_tables
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return {code for _, codes in code_tables() for code in codes}


def strings(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def reported_codes(path: Path) -> list[tuple[str, str]]:
    """Return the codes that a module writes down: in `Report(severity, code, ...)`, `found.error(code, ...)` and in
    calls of its own functions that hand a parameter on to one of these."""
    tree = ast.parse(path.read_text())
    positions = {"Report": 1, "error": 0, "warning": 0, "Stop": 0}
    own = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in own:
        parameters = [parameter.arg for parameter in function.args.args if parameter.arg != "self"]
        for code, _ in codes_in(function, positions):
            if isinstance(code, ast.Name) and code.id in parameters:
                positions.setdefault(function.name, parameters.index(code.id))
    return [
        (code.value, f"{path.relative_to(ROOT)}:{line}")
        for code, line in codes_in(tree, positions)
        if isinstance(code, ast.Constant) and isinstance(code.value, str) and CODE.fullmatch(code.value)
    ]


def codes_in(tree: ast.AST, positions: dict[str, int]) -> list[tuple[ast.expr, int]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            position = positions.get(name)
            if position is not None and len(node.args) > position:
                found.append((node.args[position], node.lineno))
    return found


def test_codes_are_found_behind_functions_that_report() -> None:
    source = """
def _bad(item, code, message): return Report(Severity.ERROR, code, message, item)
def check(item): return [_bad(item, "too-big", "cut it"), Report(Severity.INFO, "fine", "nothing to do")]
"""
    path = ROOT / "src" / "made_up.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_text", lambda _: source)
        assert [code for code, _ in reported_codes(path)] == ["too-big", "fine"]
