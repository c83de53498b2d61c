"""`pidalio validate`: say everything that is wrong with files, with no server running."""

import click

from pidalio.cli.namespaces import namespace_option
from pidalio.cli.output import output_option, structured
from pidalio.model import Severity


@click.command(
    epilog="""\b
Examples:
  pidalio validate -f mesh/
  pidalio validate -f rules.yaml -f services.yaml
  kubectl get virtualservices -o yaml | pidalio validate -f -
"""
)
@click.option("-f", "--file", "paths", multiple=True, required=True, metavar="PATH", help="File, folder, or - (stdin).")
@namespace_option()
@output_option("text")
@click.option("--strict", is_flag=True, help="Warnings fail too: what has no effect, and what loses to another rule.")
def validate(paths: tuple[str, ...], namespace: str, *, strict: bool, form: str) -> None:
    """Check files: syntax, fields, references, what has no effect, and which rules compete.

    Exit status 1 when there is an error (with --strict, also for a warning).
    """
    from pidalio.server.offline import OfflineMesh

    mesh = OfflineMesh.from_paths(paths, namespace)
    reports = (*mesh.reports(), *mesh.survey().reports(mesh.catalog.place, each=form != "text"))
    if form != "text":
        structured(reports, form)
    else:
        for report in reports:
            click.echo(f"{report.severity.name.lower()}: {report.line()}")
        count = len(mesh.objects())
        errors = sum(report.severity is Severity.ERROR for report in reports)
        warnings = sum(report.severity is Severity.WARNING for report in reports)
        click.echo(f"{count} objects, {errors} errors, {warnings} warnings")
    worst = max((report.severity for report in reports), default=Severity.INFO)
    if worst is Severity.ERROR or (strict and worst is Severity.WARNING):
        raise SystemExit(1)
