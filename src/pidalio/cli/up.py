"""`pidalio up`: run a whole mesh from files, and stay up."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pidalio.cli.following import followed, following_options, given
from pidalio.cli.namespaces import namespace_option

if TYPE_CHECKING:
    from pidalio.up import Mesh, MeshOptions

_PATIENCE_SECONDS = 15


@click.command(
    epilog="""\b
Examples:
  pidalio init first && cd first && pidalio up mesh
  pidalio up                      every YAML file of this folder, and of those in it
  pidalio up mesh rules/one-user.yaml
  pidalio up mesh --platform consul=http://127.0.0.1:8500
""",
)
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@namespace_option()
@click.option(
    "--envoy", default="", metavar="PATH", help="Envoy executable; else PIDALIO_ENVOY, else the one installed."
)
@click.option("--any-envoy-version", is_flag=True, help="Run an Envoy of another version than Pidalio compiles for.")
@click.option("--drain", default=2.0, show_default=True, metavar="SECONDS", help="Time that callers get at the end.")
@following_options()
def up(
    paths: tuple[str, ...],
    namespace: str,
    envoy: str,
    any_envoy_version: bool,
    drain: float,
    platforms: tuple[str, ...],
    settings_file: Path | None,
    minimum_healthy: int,
    start_timeout: float,
) -> None:
    """Run a mesh from files: control plane, local workloads, an Envoy beside each, gateways.

    PATHS are files and folders, by default this folder. They are live: what is saved there is what runs, within a
    second. Data and logs are kept in .pidalio of this folder. Ctrl-C ends everything.
    """
    from pidalio.up import MeshOptions

    stated, configured = followed(settings_file, platforms)
    stated.require_only(("files", "namespace", "minimum_healthy", "start_timeout"), "`pidalio up`")
    flags = given({"namespace": namespace, "minimum_healthy": minimum_healthy, "start_timeout": start_timeout})
    if paths:
        flags["files"] = paths
    settings = stated.settings(Path.cwd(), flags)
    options = MeshOptions(
        settings.files or (() if configured else (".",)),
        Path.cwd(),
        settings.namespace,
        envoy,
        any_envoy_version,
        drain,
        configured,
        settings.minimum_healthy,
        settings.start_timeout,
    )
    own = str(Path(sys.executable).parent)  # `python` in a command is ours where the system has none
    os.environ["PATH"] = os.pathsep.join(part for part in (os.environ.get("PATH", ""), own) if part)
    asyncio.run(_until_stopped(options))


async def _until_stopped(options: "MeshOptions") -> None:
    """Run until a signal comes; a second one does not wait for callers."""
    from pidalio.up import Mesh

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    running = asyncio.create_task(_run(Mesh(options, click.echo), stop))

    def signalled() -> None:
        if stop.is_set():
            running.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signalled)
    try:
        await running
    except asyncio.CancelledError:
        click.echo("stopped at once")


async def _run(mesh: "Mesh", stop: asyncio.Event) -> None:
    async with mesh:
        stopping = asyncio.create_task(stop.wait())
        announcing = asyncio.create_task(_announce(mesh))
        await asyncio.wait({stopping})
        announcing.cancel()
        click.echo("stopping")


async def _announce(mesh: "Mesh") -> None:
    """Say when everything serves, or what does not after a while."""
    ready = asyncio.create_task(mesh.ready())
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await asyncio.shield(ready)
    except TimeoutError:
        click.echo(f"not ready yet: {', '.join(mesh.waiting_for())}")
        await ready
    click.echo(mesh.summary())
