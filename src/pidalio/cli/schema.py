"""`pidalio schema`: JSON Schema of the kinds, for editors."""

import click
import msgspec

from pidalio.errors import NotFound


@click.command(
    epilog="""\b
Examples:
  pidalio schema > mesh.schema.json
  pidalio schema VirtualService > virtual-service.schema.json
"""
)
@click.argument("kind", required=False)
def schema(kind: str | None) -> None:
    """Print the JSON Schema of KIND, or of a document of any kind.

    Point your editor's YAML language server at the file to get completion and checks while you type.
    """
    from pidalio.api import schemas

    found = schemas()
    if kind is None:
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": list(found.values())}
        click.echo(msgspec.json.format(msgspec.json.encode(whole)).decode())
        return
    if kind not in found:
        raise NotFound(f"no kind {kind}: there are {', '.join(sorted(found))}")
    click.echo(msgspec.json.format(msgspec.json.encode(found[kind])).decode())
