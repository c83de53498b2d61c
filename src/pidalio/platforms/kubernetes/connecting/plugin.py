"""Run a credential plugin: a program that prints who we are, as kubectl runs it, without a terminal.

Invariants: a plugin that hangs is ended with all that it started; what it prints is bounded; what it says on stderr is
quoted in one line when it fails, and nothing of what it prints on stdout ever is (that is the secret).
Source of the rule: Kubernetes' "client-go credential plugins", client.authentication.k8s.io/v1 and v1beta1.
"""

import asyncio
import base64
import contextlib
import datetime as dt
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.model import printable
from pidalio.platforms.kubernetes.connecting.target import Cluster, Plugin

PATIENCE: Final = 60.0
"""Seconds that a plugin may take."""
_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_CONFIG: Final = "client.authentication.k8s.io/exec"
"""Name of the extension of a cluster that is meant for plugins."""
_BIGGEST: Final = 1 << 20
_QUOTED: Final = 200
_REAPED: Final = 5.0


class Given(msgspec.Struct, frozen=True, rename="camel"):
    """What a plugin gave: a token, or a certificate and its key, and until when it may be used."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: dt.datetime | None = None


class _Printed(msgspec.Struct, frozen=True, rename="camel"):
    kind: str
    api_version: str
    status: Given | None = None


async def run(plugin: Plugin, cluster: Cluster, environment: Mapping[str, str], patience: float = PATIENCE) -> Given:
    """Return what the plugin gives; raise `PlatformUnavailable`, one line, for everything else."""
    if plugin.api_version not in _VERSIONS:
        raise _failed(plugin, f"apiVersion {plugin.api_version!r} is not known: one of {', '.join(_VERSIONS)}")
    if shutil.which(plugin.command, path=environment.get("PATH")) is None:
        hint = f": {printable(plugin.install_hint)}" if plugin.install_hint else ": install it, or mend PATH"
        raise _failed(plugin, f"not found{hint}")
    code, out, said = await _outcome(plugin, _environment(plugin, cluster, environment), patience)
    if code != 0:
        raise _failed(plugin, f"ended with {code}{_quoted(said)}")
    return _given(plugin, out, said)


def _environment(plugin: Plugin, cluster: Cluster, environment: Mapping[str, str]) -> dict[str, str]:
    spec: dict[str, object] = {"interactive": False}
    if plugin.provide_cluster_info:
        spec["cluster"] = _described(plugin, cluster)
    info = {"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec}
    stated = {one.name: one.value for one in plugin.env or ()}
    return {**environment, **stated, "KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}


def _described(plugin: Plugin, cluster: Cluster) -> dict[str, object]:
    """Return the cluster as plugins are told it: with the CA itself, and the settings that are meant for them."""
    shown: dict[str, object] = {key: value for key, value in msgspec.to_builtins(cluster).items() if value}
    shown.pop("extensions", None)
    if path := shown.pop("certificate-authority", None):
        try:
            shown.setdefault("certificate-authority-data", base64.b64encode(Path(str(path)).read_bytes()).decode())
        except OSError as error:
            raise _failed(plugin, f"{path} cannot be read for it: {error.strerror}") from error
    for one in cluster.extensions or ():
        if one.name == _CONFIG:
            shown["config"] = one.extension
    return shown


async def _outcome(plugin: Plugin, environment: Mapping[str, str], patience: float) -> tuple[int, bytes, bytes]:
    """Return exit status, stdout and stderr of the plugin."""
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *(plugin.args or ()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise _failed(plugin, f"cannot be run: {error.strerror}") from error
    is_over = False
    try:
        async with asyncio.timeout(patience):
            out, said = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
            code = await process.wait()
        is_over = True
    except TimeoutError as error:
        raise _failed(plugin, f"did not end within {patience:g} s and was ended") from error
    finally:
        if not is_over:
            await _end(process)
    return code, out, said


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the plugin with all that it started: it has a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REAPED):
            await process.wait()


async def _bounded(stream: asyncio.StreamReader | None) -> bytes:
    """Return what comes, up to the bound; the rest is read and dropped, so that the writer can end."""
    kept = b""
    while stream is not None and (part := await stream.read(1 << 16)):
        kept += part[: _BIGGEST - len(kept)]
    return kept


def _given(plugin: Plugin, out: bytes, said: bytes) -> Given:
    try:
        printed = msgspec.json.decode(out, type=_Printed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        why = str(error) if out.strip() else "it printed nothing"
        raise _failed(plugin, f"printed no ExecCredential: {why}{_quoted(said)}") from error
    if printed.kind != "ExecCredential" or printed.api_version != plugin.api_version:
        other = printable(f"{printed.kind} of {printed.api_version}")
        raise _failed(plugin, f"printed {other}, not an ExecCredential of {plugin.api_version}")
    given = printed.status or Given()
    if bool(given.client_certificate_data) != bool(given.client_key_data):
        raise _failed(plugin, "gave a certificate without its key, or the other way round")
    if not given.token and not given.client_certificate_data:
        raise _failed(plugin, f"gave neither a token nor a certificate{_quoted(said)}")
    return given


def _quoted(said: bytes) -> str:
    words = " ".join(said.decode(errors="replace").split())
    return f": {printable(words)[-_QUOTED:]}" if words else ""


def _failed(plugin: Plugin, why: str) -> PlatformUnavailable:
    return PlatformUnavailable(f"credential plugin {plugin.command}: {why}", is_lasting=True)
