"""Commands: they speak to a control plane over its API, run one, or run the compiler on files.

One file per command; `main` finds it by the table below and imports nothing else, so that `--help` is fast.
Invariant: what stops a command is one line on stderr and an exit status: 1 refused or failed, 2 wrong usage,
130 interrupted.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from pidalio.errors import InvalidInput, PidalioError, UsageError

_SECTIONS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Run": {
        "init": ("init:init", "Make a first mesh to edit."),
        "up": ("up:up", "Run a mesh from files: control plane, workloads, an Envoy beside each."),
        "serve": ("serve:serve", "Run a control plane."),
        "agent": ("agent:agent", "Run one workload's Envoy, and make it part of a mesh."),
        "grpc-bootstrap": (
            "grpc_bootstrap:grpc_bootstrap",
            "Print what a gRPC application without a proxy starts from.",
        ),
        "certs": ("certs:certs", "Make certificates for a mesh on several machines."),
    },
    "Change": {
        "apply": ("apply:apply", "Add or replace objects, and wait until they are live."),
        "delete": ("delete:delete", "Remove objects, and wait until they are gone."),
        "fault": ("fault:fault", "Add faults for a while, and see what they do."),
        "history": ("history:history", "List, compare and restore revisions."),
        "release": ("release:release", "Believe a platform whose instances went all at once."),
    },
    "Ask": {
        "get": ("get:get", "Show live objects."),
        "status": ("status:status", "Show every proxy, and what there is to mend."),
        "platforms": ("platforms:platforms", "Show what services are learnt from, and how each of it is."),
        "proxy": ("proxy:proxy", "Show what a proxy holds, and what it should hold."),
        "explain": ("explain:explain", "Explain why a request goes where it goes."),
        "logs": ("logs:logs", "Show requests as proxies logged them."),
    },
    "Files, with no server": {
        "validate": ("validate:validate", "Check files."),
        "compile": ("compile:compile_", "Print one proxy's configuration."),
        "schema": ("schema:schema", "Print JSON Schema of the kinds, for editors."),
    },
}
_COMMANDS: Final = {name: entry for section in _SECTIONS.values() for name, entry in section.items()}


class _Commands(MutableMapping[str, click.Command]):
    """Commands by name, each imported when it is looked up."""

    def __init__(self) -> None:
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module, _, attribute = _COMMANDS[name][0].partition(":")
            self._loaded[name] = getattr(import_module(f"{__name__}.{module}"), attribute)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class _Main(click.Group):
    """The group `pidalio`: lists commands by section, and turns what stops one into a line and a status."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections, without importing a command."""
        del ctx
        for section, commands in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, summary) for name, (_, summary) in commands.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; exit with its status, unless `standalone_mode` is off."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        sys.exit(self._status(args, prog_name, complete_var))

    def _status(self, args: Sequence[str] | None, prog_name: str | None, complete_var: str | None) -> int:
        _give_streams()
        try:
            result = super().main(args, prog_name, complete_var, standalone_mode=False)
            sys.stdout.flush()
        except click.ClickException as error:
            return _misused(error)
        except UsageError as error:
            return _told(error, 2)
        except PidalioError as error:
            return _told(error, 1)
        except (click.Abort, KeyboardInterrupt):
            return 130
        except BrokenPipeError:
            # Whoever reads has seen enough (click ends likewise); nothing may be written when Python ends either.
            _write_nowhere()
            return 1
        except OSError as error:
            _write_nowhere()
            return _told(PidalioError(f"{error.filename or 'the answer cannot be written'}: {error.strerror}"), 1)
        return result if isinstance(result, int) else 0


def _give_streams() -> None:
    """Open what the caller closed: a command that nobody reads still does what it is told to."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - for as long as the process lives


def _write_nowhere() -> None:
    """Give up what is not written yet, which Python would try to write again when it ends."""
    with contextlib.suppress(io.UnsupportedOperation):  # in tests it may be no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _misused(error: click.ClickException) -> int:
    """Tell how a command was called wrongly; what needs no word of its own gets the help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    message = " ".join(error.format_message().split())
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        message = f"{message.rstrip('.')}{'' if message.endswith('?') else ':'} see `{context.command_path} --help`"
    click.echo(f"pidalio: {message}", err=True)
    return error.exit_code


def _told(error: PidalioError, status: int) -> int:
    """Tell what stopped a command: its reports, one line each, say more than the summary of them."""
    reports = error.reports if isinstance(error, InvalidInput) else ()
    for report in reports:
        click.echo(f"{'' if getattr(report, 'place', None) else 'pidalio: '}{report.line()}", err=True)
    if not reports:
        click.echo(f"pidalio: {error}", err=True)
    return status


@click.command(
    cls=_Main,
    commands=_Commands(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  pidalio init first && cd first && pidalio up mesh
  pidalio apply -f rules/ninety-ten.yaml
  pidalio explain --from web-v1-0 GET http://greeter:9080/
""",
)
@click.version_option(package_name="pidalio", prog_name="pidalio")
def main() -> None:
    """Steer the traffic between services with Istio's rules and real Envoy proxies."""
