"""`pidalio serve`: run a control plane."""

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pidalio.cli.following import followed, following_options, given
from pidalio.cli.namespaces import namespace_option
from pidalio.model import Severity

if TYPE_CHECKING:
    from pidalio.platforms.installed import Configured
    from pidalio.server.control_plane import Applied
    from pidalio.settings import ServerSettings


@click.command(
    epilog="""\b
Examples:
  pidalio serve mesh
  pidalio serve mesh --xds-address 127.0.0.1:15010 --api-address 127.0.0.1:15014
  pidalio serve rules --platform kubernetes --platform consul=http://127.0.0.1:8500
  pidalio serve --settings pidalio.yaml
  pidalio certs init certs --name 192.0.2.1 && pidalio serve mesh --xds-address 192.0.2.1:15010 \\
      --api-address 192.0.2.1:15014 --tls-cert certs/server.crt --tls-key certs/server.key --tls-ca certs/ca.crt
""",
)
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option(
    "--xds-address", default="", metavar="ADDRESS", help="HOST:PORT or unix:/PATH for proxies; else a UNIX socket."
)
@click.option("--api-address", default="", metavar="HOST:PORT", help="TCP port for the API, besides its UNIX socket.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate of this server (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key (PEM).")
@click.option("--tls-ca", type=click.Path(path_type=Path), help="CA that signed the certificates of callers (PEM).")
@following_options()
@click.option(
    "--registrations",
    default="",
    metavar="etcd=URL[?FIELD=VALUE&...]",
    help="Where control planes share the instances that register themselves; else each knows its own.",
)
@click.option(
    "--registration-grace",
    type=float,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an instance stays that is registered by its proxy's stream, after the stream ended.",
)
@namespace_option()
def serve(
    paths: tuple[str, ...],
    xds_address: str,
    api_address: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_ca: Path | None,
    platforms: tuple[str, ...],
    settings_file: Path | None,
    minimum_healthy: int,
    start_timeout: float,
    registrations: str,
    registration_grace: float,
    namespace: str,
) -> None:
    """Run a control plane: proxies and agents connect to it, commands ask it.

    PATHS are files and folders whose objects are live. History and token are kept in .pidalio of this folder. Beyond
    loopback mutual TLS is required; certificates are read again when their files change. Ctrl-C ends it; proxies go
    on with what they have.
    """
    from pidalio.settings import TlsPaths

    stated, configured = followed(settings_file, platforms)
    flags = given(
        {
            "namespace": namespace,
            "xds_address": xds_address,
            "api_address": api_address,
            "minimum_healthy": minimum_healthy,
            "start_timeout": start_timeout,
            "registrations": registrations,
            "registration_grace": registration_grace,
        }
    )
    if paths:
        flags["files"] = paths
    if tls := TlsPaths.given(tls_cert, tls_key, tls_ca):
        flags["tls"] = tls
    settings = stated.settings(Path.cwd(), flags)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, configured))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the event loop: uvloop's where the platform has it."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _serve(settings: "ServerSettings", platforms: "tuple[Configured, ...]") -> None:
    """Serve until a signal comes."""
    from pidalio.server.serve import Server

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    serving = False

    def tell(applied: "Applied") -> None:
        if serving:  # what the files hold at the start is told as it stands, below
            _tell(applied)

    async with Server(settings, platforms=platforms, changed=tell) as server:
        serving = True
        for report in server.control.reports():
            click.echo(f"{report.severity.name.lower()}: {report.line()}", err=True)
        click.echo(f"xDS: {server.xds_address}")
        click.echo(f"API: unix:{server.api_socket}")
        if server.api_address:
            scheme = "https" if settings.tls else "http"
            click.echo(f"API: {scheme}://{server.api_address} (token in {server.data / 'token'})")
        click.echo(f"ready: {len(server.control.objects())} objects, revision {server.control.revision}")
        await stopping.wait()
        click.echo("stopping")


def _tell(applied: "Applied") -> None:
    """Say what a change of files did, and what is wrong with it."""
    for word in ("added", "changed", "removed"):
        for ref in getattr(applied.change, word):
            click.echo(f"{ref} {word}")
    for report in applied.reports:
        if report.severity is not Severity.INFO:
            click.echo(f"{report.severity.name.lower()}: {report.line()}", err=True)
