"""`pidalio agent`: one sidecar with its workload, or one gateway, joined to a control plane elsewhere."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pidalio.errors import UsageError

if TYPE_CHECKING:
    from pidalio.api.local_workload import WorkloadPort
    from pidalio.model import Labels
    from pidalio.up.joining import JoinedAgent


@click.command(
    epilog="""\b
Examples:
  pidalio agent --workload reviews-v1-0 --labels app=reviews,version=v1 --port http=9080 -- python app.py
  pidalio agent --workload reviews-v1-0 --labels app=reviews,version=v1 --port http=9080:8000
  pidalio agent --group reviews-v1 -- python app.py
  pidalio agent --gateway istio=ingressgateway --server 192.0.2.1:15010 \\
      --tls-cert agent.crt --tls-key agent.key --tls-ca ca.crt
""",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option("--workload", default="", metavar="NAME", help="[NAMESPACE/]NAME-NUMBER of the workload.")
@click.option(
    "--group", default="", metavar="NAME", help="[NAMESPACE/]NAME of the WorkloadGroup that describes the workload."
)
@click.option("--gateway", metavar="K=V,…", help="Run a gateway with these labels instead of a workload.")
@click.option("--labels", default="", metavar="K=V,…", help="Labels of the workload.")
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="[NAME=]PORT[:APP]",
    help="Port of the workload; APP is the program's own.",
)
@click.option(
    "--address", default="", metavar="IP", help="Where callers reach it; else found by the way to the server."
)
@click.option("--outbound", default="127.0.0.1:15001", show_default=True, help="Where the program sends its calls.")
@click.option(
    "--mode",
    type=click.Choice(["explicit", "transparent"]),
    default="explicit",
    show_default=True,
    help="Whether the program names its proxy, or the system redirects connections (you set the redirection up).",
)
@click.option("--server", default="", metavar="ADDRESS", help="xDS of the control plane; else the mesh of this folder.")
@click.option("--api", default="", metavar="ADDRESS", help="API of the control plane, where workloads are registered.")
@click.option("--token", default="", envvar="PIDALIO_TOKEN", help="Token of an API on a loopback port.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate of this agent.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key.")
@click.option("--tls-ca", type=click.Path(path_type=Path), help="CA that signed the control plane's certificate.")
@click.option(
    "--envoy", default="", metavar="PATH", help="Envoy executable; else PIDALIO_ENVOY, else the one installed."
)
@click.option("--any-envoy-version", is_flag=True, help="Run an Envoy of another version than Pidalio compiles for.")
def agent(
    command: tuple[str, ...],
    workload: str,
    group: str,
    gateway: str | None,
    labels: str,
    ports: tuple[str, ...],
    address: str,
    outbound: str,
    mode: str,
    server: str,
    api: str,
    token: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_ca: Path | None,
    envoy: str,
    any_envoy_version: bool,
) -> None:
    """Run one sidecar with its workload, or one gateway.

    The agent starts Envoy, keeps it running, registers the workload while it is well, and takes it out first when it
    ends. COMMAND is started with PORT, HOST and http_proxy set; without one the program runs already. While the
    control plane is away, everything goes on with the last configuration that was accepted. What a WorkloadGroup says
    of its workloads (labels, ports, probe and more) need not be said here; it is read when the agent starts.
    """
    from pidalio.settings import TlsPaths
    from pidalio.up.joining import AgentOptions, JoinedAgent, ServerPlace

    if bool(workload or group) == (gateway is not None):
        raise UsageError("say either --workload NAME (or --group NAME) or --gateway LABELS")
    stated, _, name = workload.rpartition("/")
    of_group, _, group_name = group.rpartition("/")
    if stated and of_group and stated != of_group:
        raise UsageError(f"--workload {workload} --group {group}: a workload is in the namespace of its group")
    options = AgentOptions(
        server=ServerPlace.of(server, api, token, TlsPaths.given(tls_cert, tls_key, tls_ca), Path.cwd()),
        folder=Path.cwd(),
        name=name,
        namespace=stated or of_group or "default",
        group=group_name,
        labels=parsed_labels(labels if gateway is None else gateway),
        ports=tuple(parsed_port(each, started=bool(command)) for each in ports),
        command=command,
        address=address,
        outbound=outbound,
        transparent=mode == "transparent",
        envoy=envoy,
        any_version=any_envoy_version,
    )
    asyncio.run(_until_stopped(JoinedAgent(options, click.echo)))


def parsed_labels(written: str) -> "Labels":
    """Return labels written as `k=v,k=v`."""
    from pidalio.model import labels_of

    pairs = [part.partition("=") for part in written.split(",") if part]
    if any(not separator for _, separator, _ in pairs):
        raise UsageError(f"{written!r}: write labels as key=value,key=value")
    return labels_of((key, value) for key, _, value in pairs)


def parsed_port(written: str, *, started: bool) -> "tuple[WorkloadPort, int]":
    """Return a port written as `[NAME=]PORT[:APP]`, and the program's own one: 0 for any free, if we start it."""
    from pidalio.api.local_workload import WorkloadPort

    name, equals, numbers = written.rpartition("=")
    port, _, own = numbers.partition(":")
    if not port.isdigit() or (own and not own.isdigit()) or not 0 < int(port) < 65536:
        raise UsageError(f"--port {written}: write it as [NAME=]PORT[:APP], e.g. http=9080:8000")
    real = int(own) if own else 0 if started else int(port)
    return WorkloadPort(name=name if equals else "", port=int(port)), real


async def _until_stopped(joined: "JoinedAgent") -> None:
    """Run until a signal comes; a second one does not wait for callers."""
    loop, ending = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    running = asyncio.create_task(joined.run())

    def signalled() -> None:
        if ending or not joined.is_stoppable:
            running.cancel()
        else:
            click.echo("stopping")
            ending.append(asyncio.create_task(joined.stop()))

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signalled)
    try:
        await running
    except asyncio.CancelledError:
        click.echo("stopped at once")
