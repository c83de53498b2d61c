"""Pages of the documentation and the code blocks in them."""

import re
import shlex
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(.*)$")
NEVER = {"node_modules", "reference", "testdata", "golden"}


class Block(msgspec.Struct, frozen=True):
    """One fenced block: its language, the words after it (`name=value`, or a name alone), text, and first line."""

    language: str
    options: dict[str, str]
    text: str
    line: int


def pages() -> list[Path]:
    """Return every page that people wrote; generated ones have scripts that check them."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(path for path in found if not any(part in NEVER or part.startswith(".") for part in path.parts))


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    found: list[Block] = []
    opened: tuple[str, int] | None = None
    body: list[str] = []
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if fence is None:
            body.append(line)
        elif opened is None:
            opened, body = (fence[1], number), []
        else:
            found.append(block(*opened, body))
            opened = None
    assert opened is None, f"{page}:{opened[1] if opened else 0}: the block is never closed"
    return found


def block(information: str, line: int, body: list[str]) -> Block:
    language, *words = shlex.split(information) or [""]
    options = {name: value for name, _, value in (word.partition("=") for word in words)}
    return Block(language, options, "\n".join(body) + "\n", line)
