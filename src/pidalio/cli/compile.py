"""`pidalio compile`: print what one proxy would get, with no server running."""

import sys
from typing import TYPE_CHECKING, Any

import click

from pidalio.cli.namespaces import namespace_option
from pidalio.errors import InvalidInput, UsageError
from pidalio.model import Labels, ProxyType, Severity, labels_of

if TYPE_CHECKING:
    from pidalio.model import Interception, Proxy
    from pidalio.server.offline import OfflineMesh


@click.command(
    name="compile",
    epilog="""\b
Examples:
  pidalio compile -f mesh/ --proxy sidecar~10.0.0.7~reviews-v1-0.default~default.svc.cluster.local > envoy.yaml
  pidalio compile -f mesh/ --proxy router~10.0.0.9~edge.default~default.svc.cluster.local --labels istio=ingressgateway
  pidalio compile -f mesh/ --proxy sidecar~10.0.0.7~web-0.default~default.svc.cluster.local --format dump
""",
)
@click.option("-f", "--file", "paths", multiple=True, required=True, metavar="PATH", help="File, folder, or - (stdin).")
@click.option("--proxy", "node_id", required=True, metavar="ID", help="TYPE~IP~NAME.NAMESPACE~DOMAIN, as in Istio.")
@click.option("--labels", metavar="K=V,…", help="Labels of the proxy; else those of its workload in the files.")
@click.option("--outbound", default="127.0.0.1:15001", show_default=True, help="Address of the HTTP-proxy listener.")
@click.option(
    "--mode",
    type=click.Choice(["explicit", "transparent"]),
    default="explicit",
    show_default=True,
    help="Whether callers name the sidecar as their proxy, or the system redirects connections to it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["static", "dump"]),
    default="static",
    show_default=True,
    help="A file to start Envoy from, or every resource with the rules it stems from.",
)
@namespace_option()
def compile_(
    paths: tuple[str, ...], node_id: str, labels: str | None, outbound: str, mode: str, form: str, namespace: str
) -> None:
    """Print the configuration of one proxy.

    static: a file that plain `envoy -c` starts from and that behaves the same.
    dump: every resource with the part of the rules it stems from.
    """
    from pidalio.server.offline import OfflineMesh

    mesh = OfflineMesh.from_paths(paths, namespace)
    proxy = mesh.proxy(node_id, parse_labels(labels), outbound, interception_of(mode))
    if labels is None and proxy.type is ProxyType.SIDECAR and mesh.workload(proxy.name, proxy.namespace) is None:
        message = f"no workload {proxy.name}.{proxy.namespace} is in the files: nothing is compiled for its own ports"
        click.echo(f"pidalio: {message}; correct the name, or say --labels", err=True)
    reports = mesh.reports()
    if any(report.severity is Severity.ERROR and report.code not in _OWNED for report in reports):
        raise InvalidInput("the files have errors: nothing was compiled", reports)
    for report in reports:
        click.echo(report.line(), err=True)
    click.echo(static(mesh, proxy) if form == "static" else dump(mesh, proxy), nl=False)
    sys.stdout.flush()


_OWNED = frozenset({"unknown-host", "unknown-port", "unknown-subset"})
"""Errors that compile to an owned failure (503) and stop nothing."""


def interception_of(mode: str) -> "Interception":
    """Return how connections reach a sidecar in `explicit` or `transparent` mode."""
    from pidalio.model import Interception

    return Interception.REDIRECT if mode == "transparent" else Interception.NONE


def parse_labels(written: str | None, option: str = "--labels") -> Labels | None:
    """Return labels written as `k=v,k=v` after an option, None when nothing was written."""
    if written is None:
        return None
    pairs = [part.partition("=") for part in written.split(",") if part]
    if any(not separator for _, separator, _ in pairs):
        raise UsageError(f"{option} {written!r}: write them as key=value,key=value")
    return labels_of((key, value) for key, _, value in pairs)


def static(mesh: "OfflineMesh", proxy: "Proxy") -> str:
    """Return a file (YAML) that plain Envoy starts from."""
    from pidalio.envoy.bootstrap import node
    from pidalio.envoy.protos import to_yaml
    from pidalio.envoy.static import static_bootstrap
    from pidalio.pipeline import plans_for
    from pidalio.server.proxies import metadata_of

    who = node(proxy.id, f"{proxy.name}.{proxy.namespace}", locality=proxy.locality, metadata=metadata_of(proxy))
    return to_yaml(static_bootstrap(plans_for(mesh.world, proxy), who))


def dump(mesh: "OfflineMesh", proxy: "Proxy") -> str:
    """Return every resource (YAML documents) with its version and provenance."""
    from pidalio.envoy.protos import to_dict
    from pidalio.envoy.resource import content_of
    from pidalio.pipeline import groups_of, members, resource_of

    documents: list[dict[str, Any]] = []
    for group in groups_of(mesh.world, proxy):
        for _, key in members(mesh.world, group):
            resource = resource_of(mesh.world, key)
            if resource:
                origins = [_origin(mesh, one) for one in resource.origins]
                documents.append(
                    {
                        "name": resource.name,
                        "type": resource.type_url.rpartition(".")[2],
                        "version": resource.version,
                        "origins": origins,
                        "resource": to_dict(content_of(resource)),
                    }
                )
    return _yaml(documents)


def _origin(mesh: "OfflineMesh", origin: Any) -> str:
    place = mesh.catalog.place(origin.object, origin.path)
    return f"{origin} ({place})" if place else str(origin)


def _yaml(documents: list[dict[str, Any]]) -> str:
    import yaml

    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, explicit_start=True)
