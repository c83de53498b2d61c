"""`pidalio get`: show live objects."""

from typing import TYPE_CHECKING, Any

import click

from pidalio.cli.connection import Connection, server_options
from pidalio.cli.output import counted, documents, output_option, structured, table

if TYPE_CHECKING:
    from pidalio.http.wire import ObjectView, StatusView


@click.command(
    epilog="""\b
Examples:
  pidalio get
  pidalio get VirtualService
  pidalio get vs greeter -n shop -o yaml
  pidalio get destinationrules -o json
""",
)
@click.argument("kind", required=False)
@click.argument("name", required=False)
@click.option("-n", "--namespace", default=None, help="Only objects of this namespace.")
@output_option()
@server_options
def get(connection: Connection, *, kind: str | None, name: str | None, namespace: str | None, form: str) -> None:
    """Show the objects that are live, with who owns each (a file, or the API) and on how many proxies it is effective.

    KIND is a kind in any spelling (VirtualService, virtualservices, vs). NOTES counts the parts that do nothing and the
    conflicts that it loses; as JSON and YAML the status of each object says them.
    """
    from pidalio.cli.naming import kind_named

    known = kind_named(kind) if kind else None
    found = connection.ask(lambda client: client.objects(known, namespace, name))
    if form == "json":
        structured([with_status(one) for one in found], form)
    elif form == "yaml":
        documents([with_status(one) for one in found])
    else:
        rows = []
        for one in found:
            meta = one.object["metadata"]
            owner = {"api": "API", "files": one.unit}.get(one.source, one.source)
            place = str(one.place) if one.place else ""
            state = effective(one.status), notes(one.status)
            rows.append((one.object["kind"], meta.get("namespace", ""), meta["name"], *state, owner, place))
        table(("KIND", "NAMESPACE", "NAME", "EFFECTIVE", "NOTES", "OWNER", "PLACE"), rows)


def with_status(one: "ObjectView") -> dict[str, Any]:
    """Return an object's tree with what becomes of it under `status`, as Kubernetes writes it; one of its own stays."""
    if one.status is None:
        return one.object
    import msgspec

    return one.object | {"status": one.object.get("status", {}) | {"pidalio": msgspec.to_builtins(one.status)}}


def effective(status: "StatusView | None") -> str:
    """Return on how many proxies an object is effective, `-` for what concerns none."""
    if status is None or status.effective_on is None:
        return "-"
    return f"{status.effective_on}/{status.proxies}"


def notes(status: "StatusView | None") -> str:
    """Return what there is to mend, counted."""
    if status is None:
        return ""
    parts = ["" if status.compiled else "not compiled"]
    parts.append(f"{len(status.ineffective)} ineffective" if status.ineffective else "")
    parts.append(counted(len(status.conflicts), "conflict") if status.conflicts else "")
    parts.append(counted(len(status.risks), "risk") if status.risks else "")
    return ", ".join(part for part in parts if part)
