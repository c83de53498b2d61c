"""The code in the package's README runs."""

from pathlib import Path

import pidalio.derive


def test_the_example_runs() -> None:
    text = (Path(pidalio.derive.__file__).parent / "README.md").read_text(encoding="utf-8")
    _, *blocks = text.split("```python\n")
    assert blocks
    for block in blocks:
        exec(compile(block.split("```")[0], "README.md", "exec"), {"__name__": "readme"})  # noqa: S102 - our own text
