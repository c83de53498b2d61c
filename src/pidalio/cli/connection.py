"""How commands reach a control plane: the options that say where it is, and the client that goes there."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pidalio.http.client import Client, Target

T = TypeVar("T")
Ask = Callable[["Client"], Awaitable[T]]

_OPTIONS = (
    click.option(
        "--server",
        envvar="PIDALIO_SERVER",
        metavar="ADDRESS",
        help="unix:/PATH, HOST:PORT or URL; else this folder's mesh.",
    ),
    click.option("--token", envvar="PIDALIO_TOKEN", metavar="TOKEN", help="Token of a server's TCP port."),
    click.option(
        "--tls-cert", envvar="PIDALIO_TLS_CERT", type=click.Path(path_type=Path), help="Own certificate (PEM)."
    ),
    click.option("--tls-key", envvar="PIDALIO_TLS_KEY", type=click.Path(path_type=Path), help="Its key (PEM)."),
    click.option("--tls-ca", envvar="PIDALIO_TLS_CA", type=click.Path(path_type=Path), help="CA of the server (PEM)."),
)


class Connection:
    """Where the control plane is, as options said; `ask` goes there."""

    def __init__(
        self, server: str | None, token: str | None, tls_cert: Path | None, tls_key: Path | None, tls_ca: Path | None
    ) -> None:
        self._server = server
        self._token = token or ""
        self._files = (tls_cert, tls_key, tls_ca)

    def target(self) -> "Target":
        """Return the address; raise `ServerUnreachable` when no mesh runs in this folder."""
        from pidalio.http.client import Target
        from pidalio.settings import TlsPaths

        paths = TlsPaths.given(*self._files)
        if paths is None:
            return Target.named(self._server, token=self._token)
        from pidalio.http.tls import client_context

        return Target.named(self._server, token=self._token, tls=client_context(paths))

    def ask(self, question: Ask[T]) -> T:
        """Return the answer to what `question` asks a client."""
        from pidalio.http.client import Client

        async def asked() -> T:
            async with Client(self.target()) as client:
                return await question(client)

        return asyncio.run(asked())


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the control plane is; the command gets them as `connection`."""

    def wrapped(
        *args: Any,
        server: str | None,
        token: str | None,
        tls_cert: Path | None,
        tls_key: Path | None,
        tls_ca: Path | None,
        **options: Any,
    ) -> Any:
        return command(*args, connection=Connection(server, token, tls_cert, tls_key, tls_ca), **options)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__dict__.update(command.__dict__)
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
