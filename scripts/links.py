"""Check what the documentation points at: links between pages, anchors, and files of the repository that it names.

Addresses outside the repository are not fetched.
"""

import re
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:src|tests|docs|examples|scripts|benchmarks|\.ci)/[\w./-]+)`")
FENCE = re.compile(r"^(```|~~~)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)


def documents(root: Path) -> list[Path]:
    """Return every Markdown page of the repository, built and installed things aside."""
    found = [
        path for path in root.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]
    return sorted(path for path in found if "node_modules" not in path.parts)


def dead_links(root: Path) -> Iterator[str]:
    """Yield one line for each link, anchor or named file that leads nowhere."""
    for page in documents(root):
        text = without_code(page.read_text())
        for found in LINK.finditer(text):
            yield from dead_link(root, page, text, found)
        for found in NAMED.finditer(text):
            if not (root / found[1]).exists():
                yield f"{where(root, page, text, found)}: no such file: {found[1]}"


def dead_link(root: Path, page: Path, text: str, found: re.Match[str]) -> Iterator[str]:
    """Yield one line when a link leads nowhere."""
    target, _, anchor = found[1].partition("#")
    if "://" in target or target.startswith("mailto:"):
        return
    path = (page.parent / target).resolve() if target else page
    if not path.exists():
        yield f"{where(root, page, text, found)}: no such page: {found[1]}"
    elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text()):
        yield f"{where(root, page, text, found)}: no such heading: {found[1]}"


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    plain = (
        re.sub(r"[`*\[\]]|\(.*?\)(?=\s|$)", "", heading).lower() for heading in HEADING.findall(without_code(text))
    )
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def without_code(text: str) -> str:
    """Return a page with its code blocks blanked out, line numbers kept."""
    kept, inside = [], False
    for line in text.split("\n"):
        fence = FENCE.match(line) is not None
        kept.append("" if fence or inside else line)
        inside = inside != fence
    return "\n".join(kept)


def where(root: Path, page: Path, text: str, found: re.Match[str]) -> str:
    """Return `file:line` of a match."""
    return f"{page.relative_to(root)}:{text.count(chr(10), 0, found.start()) + 1}"
