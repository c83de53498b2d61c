"""`pidalio grpc-bootstrap`: what an application starts from that follows the rules by gRPC itself."""

import json
from pathlib import Path

import click


@click.command(
    name="grpc-bootstrap",
    epilog="""\b
Examples:
  pidalio grpc-bootstrap web-v1-0 > web.json
  pidalio grpc-bootstrap shop/web-v1-0 --labels app=web,version=v1 --locality eu/west/a > web.json
  pidalio grpc-bootstrap web-v1-0 --server 192.0.2.1:15010 \\
      --tls-cert web.crt --tls-key web.key --tls-ca ca.crt > web.json
""",
)
@click.argument("name", metavar="[NAMESPACE/]NAME")
@click.option("--labels", default="", metavar="K=V,…", help="Labels of the application, which rules may ask for.")
@click.option("--locality", default="", metavar="REGION/ZONE/SUBZONE", help="Where it runs.")
@click.option("--server", default="", metavar="ADDRESS", help="xDS of the control plane; else the mesh of this folder.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate of this application.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key.")
@click.option("--tls-ca", type=click.Path(path_type=Path), help="CA that signed the control plane's certificate.")
def grpc_bootstrap(
    name: str,
    labels: str,
    locality: str,
    server: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_ca: Path | None,
) -> None:
    """Print the xDS bootstrap of a gRPC application that runs without a proxy.

    Name the file in GRPC_XDS_BOOTSTRAP, and call xds:///HOST:PORT: gRPC then asks the control plane where calls go.
    """
    from pidalio.cli.agent import parsed_labels
    from pidalio.model import Delivery, Locality, Proxy, ProxyType
    from pidalio.settings import TlsPaths
    from pidalio.up.grpc_bootstrap import grpc_bootstrap as made
    from pidalio.up.joining import ServerPlace

    place = ServerPlace.of(server, "", "", TlsPaths.given(tls_cert, tls_key, tls_ca), Path.cwd())
    namespace, slash, short = name.rpartition("/")
    proxy = Proxy(
        ProxyType.SIDECAR,
        place.local_address(),
        short,
        namespace if slash else "default",
        labels=parsed_labels(labels),
        locality=Locality(*locality.split("/", 2)) if locality else Locality(),
        delivery=Delivery.GRPC,
    )
    click.echo(json.dumps(made(proxy, place), indent=2))
