"""The API from the other side: what commands and agents call.

Invariant: an answer of failure becomes the very exception that the server raised, with its reports; and when nobody
answers, `ServerUnreachable` says what to do.
"""

import os
import pwd
import re
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from pidalio.errors import ServerUnreachable, Unavailable, UsageError
from pidalio.http import discovery, wire
from pidalio.http.failures import raised
from pidalio.http.fault_bodies import (
    FaultAnswer,
    FaultOrder,
    FaultsAnswer,
    FaultView,
    TalliesAnswer,
    TalliesView,
)
from pidalio.ir import ProcessPlan
from pidalio.model import Labels, ObjectRef, Sight, Tally

T = TypeVar("T")

_CONNECT = 5.0
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_PATIENCE = 60.0
"""Seconds until an answer must come, besides the time that was asked to be waited."""


class Target(msgspec.Struct, frozen=True):
    """Where a control plane is: `unix:/path`, or a base URL; `tls` for `https`."""

    address: str
    token: str = ""
    tls: ssl.SSLContext | None = None

    @classmethod
    def named(cls, server: str | None, *, token: str = "", tls: ssl.SSLContext | None = None) -> "Target":
        """Return the target for what a user said: `unix:/path`, a path, `host:port`, a URL, or None for this folder."""
        if not server:
            return cls(discovery.find(Path.cwd()).api, token, tls)
        if not token.isascii() or not token.isprintable():
            raise UsageError("a token is printable ASCII text, as in .pidalio/token of the server's folder")
        path = f"unix:{server}" if server.startswith(("/", "./", "../")) else server
        if path.startswith("unix:") and len(path) > len("unix:"):
            return cls(path, token, tls)
        url = server if server.startswith(("http://", "https://")) else f"{'https' if tls else 'http'}://{server}"
        if ":" not in server or path == "unix:" or not _is_url(url):
            raise UsageError(f"{server!r} is not a server: write it as unix:/PATH, HOST:PORT or a URL")
        return cls(url.rstrip("/"), token, tls)


class Client:
    """Asks one control plane; an asynchronous context manager."""

    def __init__(self, target: Target) -> None:
        self.target = target
        socket = target.address.removeprefix("unix:") if target.address.startswith("unix:") else None
        transport = httpx.AsyncHTTPTransport(uds=socket, verify=target.tls or ssl.create_default_context())
        headers = {"authorization": f"Bearer {target.token}"} if target.token else {}
        base = "http://pidalio" if socket else target.address
        self._http = httpx.AsyncClient(base_url=base, transport=transport, headers=headers, trust_env=False)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def apply(
        self,
        files: Sequence[wire.SourceFile],
        *,
        author: str = "",
        message: str = "",
        dry_run: bool = False,
        force: bool = False,
        strict: bool = False,
        namespace: str = "default",
        expected: int | None = None,
    ) -> wire.AppliedAnswer:
        """Add or replace the objects of files, all or none; raise `InvalidInput` when it is refused."""
        query = {
            "dryRun": dry_run,
            "force": force,
            "strict": strict,
            "author": author,
            "message": message,
            "namespace": namespace,
            "expected": expected,
        }
        body = msgspec.json.encode(wire.SourceFiles(tuple(files)))
        media_type = "application/vnd.pidalio.files+json"
        return await self._ask("POST", "/v1/apply", wire.AppliedAnswer, query, body, media_type=media_type)

    async def delete(
        self,
        refs: Sequence[ObjectRef],
        *,
        author: str = "",
        message: str = "",
        dry_run: bool = False,
        force: bool = False,
    ) -> wire.AppliedAnswer:
        """Remove objects, all or none; raise `InvalidInput` when it is refused."""
        query = {"dryRun": dry_run, "force": force, "author": author, "message": message}
        body = msgspec.json.encode(wire.ObjectNames(tuple(refs)))
        return await self._ask("POST", "/v1/delete", wire.AppliedAnswer, query, body)

    async def release(self, source: str, *, author: str = "") -> wire.ReleasedAnswer:
        """Believe what is held back of a source; raise `NotFound` where nothing is."""
        path = f"/v1/release/{quote(source, safe='')}"
        return await self._ask("POST", path, wire.ReleasedAnswer, {"author": author})

    async def live(self, generation: int, seconds: float) -> wire.LiveAnswer:
        """Wait until the proxies that the change of `generation` concerns run it, at most `seconds`."""
        query = {"generation": generation, "seconds": seconds}
        return await self._ask("GET", "/v1/live", wire.LiveAnswer, query, waiting=seconds)

    async def objects(
        self,
        kind: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        *,
        status: bool = True,
    ) -> tuple[wire.ObjectView, ...]:
        """Return live objects, with `status` what becomes of each; raise `NotFound` when there is none of the name."""
        query = {"kind": kind, "namespace": namespace, "name": name, "status": status}
        return (await self._ask("GET", "/v1/objects", wire.ObjectsAnswer, query)).objects

    async def status(self) -> wire.StatusAnswer:
        """Return every proxy, every standing report, every platform."""
        return await self._ask("GET", "/v1/status", wire.StatusAnswer)

    async def platforms(self) -> tuple[wire.PlatformView, ...]:
        """Return every platform: whether it was read, when it was heard last, and what is wrong with it."""
        return (await self._ask("GET", "/v1/platforms", wire.PlatformsAnswer)).platforms

    async def endpoints(self, host: str = "") -> tuple[wire.EndpointView, ...]:
        """Return the endpoints of a service, or of all, with what each source says of their health."""
        return (await self._ask("GET", "/v1/endpoints", wire.EndpointsAnswer, {"host": host})).endpoints

    async def holdings(self, proxy: str, what: str, *, content: bool = True) -> wire.HoldingsAnswer:
        """Return what a proxy holds of `listeners`, `routes`, `clusters` or `endpoints`, beside what it should."""
        path = f"/v1/proxies/{quote(proxy, safe='')}/{what}"
        return await self._ask("GET", path, wire.HoldingsAnswer, {"content": content})

    async def explain(self, question: Any, answer: type[T]) -> T:
        """Ask an `explaining.Question`; `answer` is `explaining.Explained` (its module is heavy: the caller has it)."""
        return await self._ask("POST", "/v1/explain", answer, body=msgspec.json.encode(question))

    async def history(self, limit: int = 50, before: int | None = None) -> tuple[wire.RevisionView, ...]:
        """Return revisions, newest first."""
        answer = await self._ask("GET", "/v1/history", wire.HistoryAnswer, {"limit": limit, "before": before})
        return answer.revisions

    async def revision(self, number: int) -> wire.RevisionAnswer:
        """Return one revision and what it changed."""
        return await self._ask("GET", f"/v1/history/{number}", wire.RevisionAnswer)

    async def diff(self, older: int, newer: int | None = None) -> wire.DiffAnswer:
        """Return how two revisions differ (None: the newest)."""
        return await self._ask("GET", "/v1/history/diff", wire.DiffAnswer, {"a": older, "b": newer})

    async def restore(self, number: int, *, author: str = "", message: str = "") -> wire.AppliedAnswer:
        """Bring back what the API owned as of a revision."""
        query = {"author": author, "message": message}
        return await self._ask("POST", f"/v1/history/{number}/restore", wire.AppliedAnswer, query)

    async def register(self, registration: wire.Registration) -> wire.RegistrationAnswer:
        """Make an instance part of the mesh, or renew its lease."""
        workload = registration.workload
        path = f"/v1/workloads/{quote(f'{workload.name}.{workload.namespace}', safe='')}"
        return await self._ask("PUT", path, wire.RegistrationAnswer, body=msgspec.json.encode(registration))

    async def group(self, namespace: str, name: str) -> dict[str, Any]:
        """Return the tree of a WorkloadGroup; raise `NotFound` when there is none of the name."""
        path = f"/v1/groups/{quote(namespace, safe='')}/{quote(name, safe='')}"
        return (await self._ask("GET", path, wire.GroupAnswer)).object

    async def process(self, namespace: str, labels: Labels, group: str = "") -> ProcessPlan:
        """Return how the Envoy of a proxy is to be started; `group` is the WorkloadGroup that describes it."""
        written = ",".join(f"{key}={value}" for key, value in labels)
        query = {"namespace": namespace, "labels": written, "group": group}
        return (await self._ask("GET", "/v1/process", wire.ProcessAnswer, query)).process

    async def sights(self, proxy: str, sights: tuple[Sight, ...], lease: float) -> None:
        """Tell what a proxy's Envoy took out of its own pools; it counts for `lease` seconds."""
        body = msgspec.json.encode(wire.SightsView(sights, lease))
        await self._ask("PUT", f"/v1/proxies/{quote(proxy, safe='')}/sights", wire.SightsAnswer, body=body)

    async def tallies(self, proxy: str, tallies: tuple[Tally, ...]) -> None:
        """Tell what a proxy's Envoy counted of its own calls."""
        body = msgspec.json.encode(TalliesView(tallies))
        await self._ask("PUT", f"/v1/proxies/{quote(proxy, safe='')}/tallies", TalliesAnswer, body=body)

    async def start_fault(self, order: FaultOrder) -> FaultAnswer:
        """Start a fault campaign, or tell whom it would concern; raise `Conflict` when another one is in its way."""
        return await self._ask("POST", "/v1/faults", FaultAnswer, body=msgspec.json.encode(order))

    async def stop_fault(self, name: str, *, author: str = "") -> FaultAnswer:
        """End a fault campaign; raise `NotFound` when none of the name runs."""
        return await self._ask("DELETE", f"/v1/faults/{quote(name, safe='')}", FaultAnswer, {"author": author})

    async def faults(self) -> tuple[FaultView, ...]:
        """Return every fault campaign: those that run, then those that are over."""
        return (await self._ask("GET", "/v1/faults", FaultsAnswer)).faults

    async def deregister(self, name: str, namespace: str) -> wire.RegistrationAnswer:
        """Take an instance out of the mesh at once; raise `NotFound` when it is not in it."""
        path = f"/v1/workloads/{quote(f'{name}.{namespace}', safe='')}"
        return await self._ask("DELETE", path, wire.RegistrationAnswer)

    async def ready(self) -> wire.HealthAnswer:
        """Tell whether the control plane serves proxies."""
        return await self._ask("GET", "/readyz", wire.HealthAnswer, accepted=(200, 503))

    async def _ask(
        self,
        method: str,
        path: str,
        answer: type[T],
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        *,
        media_type: str = "application/json",
        waiting: float = 0.0,
        accepted: tuple[int, ...] = (200,),
    ) -> T:
        response = await self._send(method, path, query, body, media_type, waiting)
        if response.status_code not in accepted:
            raise _failure(response)
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.DecodeError as error:
            raise Unavailable(
                f"{self.target.address} answers in another form: is it the same version? {error}"
            ) from error

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: bytes | None,
        media_type: str,
        waiting: float,
    ) -> httpx.Response:
        given = {name: _text(value) for name, value in (query or {}).items() if value not in (None, "")}
        headers = {"content-type": media_type} if body is not None else {}
        timeout = httpx.Timeout(_PATIENCE + waiting, connect=_CONNECT)
        try:
            return await self._http.request(method, path, params=given, content=body, headers=headers, timeout=timeout)
        except httpx.ConnectError as error:
            reason = _ERRNO.sub("", str(error)) or "no connection"
            advice = "start one with `pidalio up` or `pidalio serve`, or name another with --server"
            raise ServerUnreachable(
                f"no control plane answers at {self.target.address} ({reason}): {advice}"
            ) from error
        except httpx.TransportError as error:
            what = "does not answer in time" if isinstance(error, httpx.TimeoutException) else "went away"
            doubt = "" if method == "GET" else "; see with `pidalio history list` whether it was done"
            raise ServerUnreachable(f"the control plane at {self.target.address} {what}: ask again{doubt}") from error


def default_author() -> str:
    """Return who is recorded as the author of a change when nobody says: this user."""
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return str(os.getuid())


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:  # of a port that is none
        return False


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _failure(response: httpx.Response) -> Exception:

    try:
        return raised(response.status_code, msgspec.json.decode(response.content, type=wire.ErrorAnswer))
    except msgspec.DecodeError:
        return Unavailable(f"it answers with status {response.status_code}, and not as a control plane of Pidalio does")
