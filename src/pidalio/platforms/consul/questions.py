"""Questions to one Consul, and what its answers say about themselves.

Invariant: an answer is handed on only with what is needed to judge it: its index, whether the servers have a leader,
whether the token hides something. A server without a leader is asked for what it knows itself (`stale`); a refused
token is read again from its file once. Source: Consul's HTTP API, "Blocking queries", "Consistency modes" and "ACL".
"""

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp
import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.asking import asked, read, session
from pidalio.platforms.consul.pacing import LEADERLESS
from pidalio.platforms.consul.settings import ConsulSettings

_SLACK: Final = 10.0
"""Seconds beyond the time that an answer may take, before nobody is believed to be there."""
_REFUSED: Final = (401, 403)
_NO_LEADER: Final = "No cluster leader"
_AUTHORIZE: Final = "/v1/internal/acl/authorize"


class Answer(msgspec.Struct, frozen=True):
    """One answer; `index` is what the next question waits for a change from (at least 1)."""

    body: bytes
    index: int
    has_leader: bool = True
    is_filtered: bool = False


class Consul:
    """One Consul as seen from here, for one datacenter ("": the agent's own); an asynchronous context manager."""

    def __init__(self, settings: ConsulSettings, datacenter: str, connections: int) -> None:
        self._settings = settings
        self._base = {**settings.questions(), **({"dc": datacenter} if datacenter else {})}
        self._connections = connections
        self._client: aiohttp.ClientSession | None = None
        self._token = ""
        self._hides = True
        self._has_leader = True

    async def __aenter__(self) -> Self:
        """Open; raise `PlatformUnavailable` when the token or a certificate cannot be read."""
        self._token = self._settings.secret()
        silence = self._settings.wait_seconds * 17 / 16 + _SLACK
        self._client = session(self._settings.tls(), silence=silence, connections=self._connections)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.close()

    async def ask(
        self,
        path: str,
        *,
        after: int = 0,
        wait: float = 0.0,
        is_consistent: bool = False,
        parameters: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return what Consul says; with `after`, as soon as it became different, or `wait` seconds (0: as set) passed.

        Raise `PlatformUnavailable`.
        """
        wanted = {**self._base, **(parameters or {})}
        mode = "consistent" if is_consistent else "stale" if self._settings.stale else ""
        wait = wait or self._settings.wait_seconds
        if self._has_leader:
            try:
                answer = await self._answer(path, self._waiting(wanted, after, mode, wait))
            except PlatformUnavailable as error:
                if _NO_LEADER not in str(error):
                    raise
            else:
                if answer.has_leader:
                    return answer
        had_leader, self._has_leader = self._has_leader, False  # a question to a leader that is none takes seconds
        answer = await self._answer(path, self._waiting(wanted, after, "stale", LEADERLESS))
        self._has_leader = answer.has_leader
        if not answer.has_leader or had_leader:
            return answer
        return await self.ask(path, after=after, wait=wait, is_consistent=is_consistent, parameters=parameters)

    @staticmethod
    def _waiting(wanted: Mapping[str, str], after: int, mode: str, seconds: float) -> dict[str, str]:
        """Return the parameters of a question that waits for a change."""
        made = {**wanted, **({mode: ""} if mode else {})}
        return {**made, "index": str(after), "wait": f"{max(1, round(seconds * 1000))}ms"} if after else made

    async def hidden(self, segments: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Return which of these (`service` or `node`, name) the token may not read; all, when that cannot be told."""
        wanted = tuple(dict.fromkeys(segments))
        if not wanted or not self._hides:
            return frozenset()
        body = [{"Resource": kind, "Access": "read", "Segment": name} for kind, name in wanted]
        try:
            answered = msgspec.json.decode(await self._authorized(body), type=list[_Allowed])
        except (PlatformUnavailable, msgspec.MsgspecError) as error:
            self._hides = "ACL support disabled" not in str(error)
            return frozenset(wanted) if self._hides else frozenset()
        allowed = {(one.resource, one.segment) for one in answered if one.allow}
        return frozenset(wanted) - allowed

    async def _authorized(self, body: Sequence[Mapping[str, str]]) -> bytes:
        async with asked(
            self._open(), "POST", self._url(_AUTHORIZE), params=self._base, headers=self._headers(), body=body
        ) as answer:
            return await read(answer)

    async def _answer(self, path: str, parameters: Mapping[str, str]) -> Answer:
        try:
            return await self._once(path, parameters)
        except PlatformUnavailable as error:
            if not isinstance(error, _Refused):
                raise
            token, self._token = self._token, self._settings.secret()
            if token == self._token:
                raise
        return await self._once(path, parameters)

    async def _once(self, path: str, parameters: Mapping[str, str]) -> Answer:
        async with asked(
            self._open(),
            "GET",
            self._url(path),
            params=parameters,
            headers=self._headers(),
            accepts=lambda status: status == 200 or status in _REFUSED,
        ) as answer:
            body = await read(answer)
            if answer.status in _REFUSED:
                said = body[:200].decode(errors="replace").strip()
                raise _Refused(
                    f"Consul refuses the token ({answer.status}: {said}): state one that is valid as `token`, or put it"
                    " into the `tokenFile`",
                    is_lasting=True,
                )
            head = answer.headers
            return Answer(
                body,
                index=_index(head.get("X-Consul-Index", "")),
                has_leader=head.get("X-Consul-KnownLeader", "true") != "false",
                is_filtered=head.get("X-Consul-Results-Filtered-By-ACLs", "") == "true",
            )

    def _url(self, path: str) -> str:
        return self._settings.address + path

    def _headers(self) -> dict[str, str]:
        return {"X-Consul-Token": self._token} if self._token else {}

    def _open(self) -> aiohttp.ClientSession:
        assert self._client is not None, "asked outside of its block"  # noqa: S101 - a mistake of ours
        return self._client


class _Refused(PlatformUnavailable):
    """The token is not taken."""


class _Allowed(msgspec.Struct, rename="pascal"):
    """Whether one thing may be read."""

    resource: str
    segment: str
    allow: bool = False


def _index(text: str) -> int:
    """Return the index to wait from: at least 1, for 0 would not wait."""
    return max(1, int(text)) if text.isdecimal() else 1
