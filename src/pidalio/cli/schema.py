"""`pidalio schema`: JSON Schema of the kinds, for editors."""

import click


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

    KIND is a kind in any spelling (VirtualService, virtualservices, vs). Point your editor's YAML language server at
    the file to get completion and checks while you type.
    """
    from pidalio.api import document_schema, schemas
    from pidalio.cli.naming import kind_named
    from pidalio.cli.output import structured

    structured(document_schema() if kind is None else schemas()[kind_named(kind)], "json")
