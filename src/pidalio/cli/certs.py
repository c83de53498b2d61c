"""`pidalio certs`: a trial certificate authority for a mesh on several machines."""

import socket
from pathlib import Path

import click


@click.group(
    epilog="""\b
Examples:
  pidalio certs init certs --name 192.0.2.1
  pidalio certs issue certs reviews-v1
""",
)
def certs() -> None:
    """Make certificates for trying a mesh on several machines; in earnest use the authority that you have."""


@certs.command(
    epilog="""\b
Examples:
  pidalio certs init certs
  pidalio certs init certs --name 192.0.2.1 --name mesh.example.com
""",
)
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--name", "names", multiple=True, metavar="NAME", help="DNS name or address of the server; may be repeated."
)
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3650), help="How long they are valid.")
def init(directory: Path, names: tuple[str, ...], days: int) -> None:
    """Make an authority in DIR, a certificate for the server and one for agents.

    The server's is for this machine's own names, loopback, and every --name.
    """
    from pidalio.agent.certificates import create_authority, issue

    known = tuple(dict.fromkeys((*names, *_own_names())))
    server = create_authority(directory, known, days=days)
    agent = issue(directory, "agent", days=days)
    for path in (server.authority, server.certificate, server.key, agent.certificate, agent.key):
        click.echo(f"made {path}")
    click.echo(f"for {', '.join(known)}, valid for {days} days")
    shown = f"--tls-cert {server.certificate} --tls-key {server.key} --tls-ca {server.authority}"
    click.echo(f"next: pidalio serve --xds-address HOST:15010 --api-address HOST:15014 {shown}")


@certs.command(
    epilog="""\b
Examples:
  pidalio certs issue certs reviews-v1
  pidalio certs issue certs reviews-v1 --identity spiffe://mesh/ns/shop/sa/reviews
""",
)
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.argument("name")
@click.option(
    "--identity",
    "identities",
    multiple=True,
    help="Who holds it (default: NAME); spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT speaks for that namespace only.",
)
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3650), help="How long it is valid.")
def issue(directory: Path, name: str, identities: tuple[str, ...], days: int) -> None:
    """Issue one more certificate from the authority in DIR, as NAME.crt and NAME.key."""
    from pidalio.agent.certificates import issue as issue_certificate

    made = issue_certificate(directory, name, identities, days=days)
    click.echo(f"made {made.certificate} and {made.key}")


def _own_names() -> tuple[str, ...]:
    """Return what this machine is called, without asking anyone but itself."""
    host = socket.gethostname()
    return tuple(
        dict.fromkeys(("localhost", "127.0.0.1", "::1", *((host,) if host.replace("-", "").isalnum() else ())))
    )
