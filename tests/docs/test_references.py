"""What the documentation points at exists, and what is generated is what the code says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, blocks, pages

SENTENCE_END = re.compile(r"(?<![A-Z])(?<!\be\.g)(?<!\bi\.e)[.!?] +[A-Z]")
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
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from reference import code_tables
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    documented = {code for _, codes in code_tables() for code in codes}
    reported = {code: where for path in (ROOT / "src").rglob("*.py") for code, where in reported_codes(path)}
    missing = {code: where for code, where in reported.items() if code not in documented}
    assert not missing, f"codes without a sentence in their package's codes.py: {missing}"


def reported_codes(path: Path) -> list[tuple[str, str]]:
    """Return the codes that a module writes down in `Report(severity, code, ...)` and `found.error(code, ...)`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        position = {"Report": 1, "error": 0, "warning": 0}.get(name)
        if position is None or len(node.args) <= position:
            continue
        code = node.args[position]
        if (
            isinstance(code, ast.Constant)
            and isinstance(code.value, str)
            and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.value)
        ):
            found.append((code.value, f"{path.relative_to(ROOT)}:{node.lineno}"))
    return found
