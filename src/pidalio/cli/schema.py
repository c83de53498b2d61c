"""`pidalio schema`: the schemas of the kinds, for editors and for Kubernetes."""

import click

from pidalio.errors import UsageError


@click.command(
    epilog="""\b
Examples:
  pidalio schema > mesh.schema.json
  pidalio schema VirtualService > virtual-service.schema.json
  pidalio schema --crds | kubectl apply --server-side -f -
"""
)
@click.argument("kind", required=False)
@click.option("--crds", is_flag=True, help="Print the CustomResourceDefinitions of our own kinds instead, as YAML.")
def schema(kind: str | None, *, crds: bool) -> None:
    """Print the JSON Schema of KIND, or of a document of any kind.

    KIND is a kind in any spelling (VirtualService, virtualservices, vs). Point your editor's YAML language server at
    the file to get completion and checks while you type.
    """
    from pidalio.api import document_schema, schemas
    from pidalio.api.definitions import definitions
    from pidalio.cli.naming import kind_named
    from pidalio.cli.output import documents, structured

    if crds:
        if kind is not None:
            raise UsageError("--crds prints the definitions of all our kinds: leave KIND out")
        documents(definitions())
        return
    structured(document_schema() if kind is None else schemas()[kind_named(kind)], "json")
