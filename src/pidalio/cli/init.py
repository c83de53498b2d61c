"""`pidalio init`: make a first folder to edit."""

from importlib.resources import as_file, files
from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  pidalio init first
  cd first && pidalio up mesh
""",
)
@click.argument("directory", default="first", metavar="[DIR]")
def init(directory: str) -> None:
    """Make a first mesh in DIR (default: first): two small services, their rules, and a README that explains them.

    Nothing that exists is touched: a file in the way refuses the whole.
    """
    from pidalio.errors import Conflict

    folder = Path(directory)
    with as_file(files("pidalio.cli") / "templates" / "first") as template:
        found = sorted(path for path in template.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        contents = {folder / path.relative_to(template): path.read_bytes() for path in found}
    for path in (folder, *contents):
        if path.exists() and not (path == folder and folder.is_dir()):
            raise Conflict(f"{path} is there already: choose another folder")
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        click.echo(f"made {path}")
    click.echo(f"next: cd {folder} && pidalio up mesh")
