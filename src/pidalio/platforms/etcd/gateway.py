"""etcd v3 by its JSON gateway: ranges, transactions, leases and watches over one HTTP session.

Keys and values travel as base64, 64-bit numbers as text. Invariant: every failure is one `PlatformUnavailable` that
says what to do where that can be known; a member that does not answer is left for the next one.
Source: etcd's own API reference (`rpc.proto` and its gateway).
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import aiohttp
import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms import asking
from pidalio.platforms.etcd.messages import Answered, Failure, Found, Granted, Range, Token, WatchLine, WatchResult
from pidalio.platforms.etcd.settings import EtcdSettings

T = TypeVar("T")
_PAGE: Final = 1000
"""Keys of one answer."""
_PATIENCE: Final = 10.0
"""Seconds for one answer."""


class Gateway:
    """One etcd; an asynchronous context manager."""

    def __init__(self, settings: EtcdSettings) -> None:
        self._settings = settings
        self._member = 0
        self._token = ""
        self._client: aiohttp.ClientSession
        self.name = ",".join(one.partition("://")[2] for one in settings.addresses())

    async def __aenter__(self) -> Self:
        self._client = asking.session(self._tls(), silence=_PATIENCE)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def range(self, prefix: str) -> Found:
        """Return all keys below a prefix, as of one revision."""
        key, end = prefix.encode(), end_of(prefix)
        found: Found | None = None
        while True:
            body: dict[str, Any] = {"key": encoded(key), "range_end": encoded(end), "limit": str(_PAGE)}
            if found is not None:
                body["revision"] = str(found.revision)
            page = await self._ask("kv/range", body, Range)
            if found is None:
                found = Found(page.header.revision, page.header.cluster_id)
            found.pairs.update((one.key.decode(errors="replace"), one) for one in page.kvs)
            if not page.more or not page.kvs:
                return found
            key = page.kvs[-1].key + b"\0"
            await asyncio.sleep(0)

    async def newest(self, prefix: str) -> Range:
        """Return how many keys there are below a prefix, and the one that changed last."""
        body = {
            "key": encoded(prefix.encode()),
            "range_end": encoded(end_of(prefix)),
            "limit": "1",
            "keys_only": True,
            "sort_target": "MOD",
            "sort_order": "DESCEND",
        }
        return await self._ask("kv/range", body, Range)

    async def swap(self, key: str, value: bytes | None, expected: int, lease: str = "") -> Answered:
        """Write a key, or delete it (None), if it was last changed at revision `expected` (0: it is not there).

        The answer says whether it was done; if not, its range has what is there.
        """
        name = encoded(key.encode())
        done: dict[str, Any] = {"request_delete_range": {"key": name}}
        if value is not None:
            put = {"key": name, "value": encoded(value)}
            done = {"request_put": put | ({"lease": lease} if lease else {})}
        body = {
            "compare": [{"key": name, "target": "MOD", "mod_revision": str(expected), "result": "EQUAL"}],
            "success": [done],
            "failure": [{"request_range": {"key": name}}],
        }
        return await self._ask("kv/txn", body, Answered)

    async def put(self, key: str, value: bytes, lease: str = "") -> None:
        """Write a key, whatever is there."""
        body = {"key": encoded(key.encode()), "value": encoded(value)}
        await self._ask("kv/put", body | ({"lease": lease} if lease else {}), msgspec.Raw)

    async def delete(self, key: str) -> None:
        """Delete a key."""
        await self._ask("kv/deleterange", {"key": encoded(key.encode())}, msgspec.Raw)

    async def grant(self, seconds: int) -> str:
        """Return a new lease of so many seconds."""
        return (await self._ask("lease/grant", {"TTL": str(seconds)}, Granted)).id

    async def keep_alive(self, lease: str) -> bool:
        """Renew a lease; tell whether it still ran."""
        line = await self._ask("lease/keepalive", {"ID": lease}, WatchLine)
        return line.result is not None and line.result.ttl > 0

    async def revoke(self, lease: str) -> None:
        """End a lease, and the keys that it holds."""
        await self._ask("lease/revoke", {"ID": lease}, msgspec.Raw)

    async def watch(self, prefix: str, revision: int) -> AsyncIterator[WatchResult]:
        """Yield what etcd says of keys below a prefix since `revision`; raise when it ends."""
        create = {
            "key": encoded(prefix.encode()),
            "range_end": encoded(end_of(prefix)),
            "start_revision": str(revision),
            "progress_notify": True,
        }
        async with self._asked("watch", {"create_request": create}, silence=None) as answer:
            async for line in answer.content:
                if not line.strip():
                    continue
                said = self._decoded(line, WatchLine)
                if said.error is not None:
                    raise PlatformUnavailable(f"{self.name}: the watch ended: {said.error.text}")
                if said.result is not None:
                    yield said.result
        raise PlatformUnavailable(f"{self.name}: the watch ended")

    # How it is asked

    async def _ask(self, path: str, body: Any, form: type[T]) -> T:
        async with self._asked(path, body) as answer:
            return self._decoded(await asking.read(answer), form)

    def _decoded(self, data: bytes, form: type[T]) -> T:
        try:
            return msgspec.json.decode(data, type=form, strict=False)
        except msgspec.DecodeError as error:
            raise PlatformUnavailable(f"{self.name}: an answer is not etcd's: {error}") from error

    def _asked(self, path: str, body: Any, *, silence: float | None = _PATIENCE) -> "_Asked":
        return _Asked(self, path, body, silence)

    async def send(self, path: str, body: Any, silence: float | None) -> aiohttp.ClientResponse:
        """Return the answer of the member that answered last, or of the next that does; logged in where that counts."""
        failed: PlatformUnavailable | None = None
        for _ in self._settings.addresses():
            try:
                return await self._send(path, body, silence)
            except PlatformUnavailable as error:
                failed = failed or error
                if error.is_lasting:
                    break
                self._member += 1
        raise failed or PlatformUnavailable(f"{self.name}: no member is named")

    async def _send(self, path: str, body: Any, silence: float | None) -> aiohttp.ClientResponse:
        if self._settings.user and not self._token:
            await self._log_in()
        answer = await self._post(path, body, silence)
        if answer.status == 401 and self._settings.user:
            answer.release()
            await self._log_in()
            answer = await self._post(path, body, silence)
        if answer.status != 200:
            raise await self._refusal(answer)
        return answer

    async def _log_in(self) -> None:
        self._token = ""
        body = {"name": self._settings.user, "password": self._password()}
        answer = await self._post("auth/authenticate", body, _PATIENCE)
        if answer.status != 200:
            raise await self._refusal(answer)
        self._token = self._decoded(await asking.read(answer), Token).token

    async def _post(self, path: str, body: Any, silence: float | None) -> aiohttp.ClientResponse:
        members = self._settings.addresses()
        address = members[self._member % len(members)]
        headers = {"Content-Type": "application/json"} | ({"Authorization": self._token} if self._token else {})
        try:
            return await self._client.post(
                f"{address}/v3/{path}",
                data=msgspec.json.encode(body),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_PATIENCE, sock_read=silence),
            )
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise PlatformUnavailable(f"{address.partition('://')[2]}: {asking.said(error)}") from error

    async def _refusal(self, answer: aiohttp.ClientResponse) -> PlatformUnavailable:
        """Return what a refusal means, and what to do about it."""
        data = await asking.read(answer, 1 << 20)
        try:
            text = msgspec.json.decode(data, type=Failure, strict=False).text
        except msgspec.DecodeError:
            text = data.decode(errors="replace").strip()[:200]
        answer.release()
        advice = ""
        if "user name is empty" in text:
            advice = ": it asks for a user: say user and password"
        elif "authentication failed" in text:
            advice = f": is the password of {self._settings.user} right?"
        elif answer.status == 403 or "permission denied" in text:
            advice = f": grant {self._settings.user or 'the certificate'} what it needs below the prefix"
        elif "auth token" in text:
            self._token = ""
        lasting = answer.status in (400, 403, 404) and "required revision" not in text
        return PlatformUnavailable(f"{self.name}: {text or answer.status}{advice}", is_lasting=lasting)

    def _password(self) -> str:
        if not self._settings.password_file:
            return self._settings.password
        try:
            return Path(self._settings.password_file).expanduser().read_text().strip()
        except OSError as error:
            raise PlatformUnavailable(
                f"{self._settings.password_file}: the password cannot be read: {error.strerror}"
            ) from error

    def _tls(self) -> ssl.SSLContext | None:
        if not any(one.startswith("https://") for one in self._settings.addresses()):
            return None
        return asking.tls_context(self._settings.ca, self._settings.cert, self._settings.key)


class _Asked:
    """One question, whose answer is read inside an `async with` block: what fails there is told as any failure is."""

    def __init__(self, gateway: Gateway, path: str, body: Any, silence: float | None) -> None:
        self._gateway, self._path, self._body, self._silence = gateway, path, body, silence
        self._answer: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> aiohttp.ClientResponse:
        self._answer = await self._gateway.send(self._path, self._body, self._silence)
        return self._answer

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        assert self._answer is not None  # noqa: S101 - entered before
        self._answer.close() if self._silence is None else self._answer.release()
        if isinstance(error, (TimeoutError, aiohttp.ClientError, OSError, ValueError)):
            raise PlatformUnavailable(f"{self._gateway.name}: {asking.said(error)}") from error


def encoded(data: bytes) -> str:
    """Return bytes as the gateway takes them."""
    return base64.b64encode(data).decode()


def end_of(prefix: str) -> bytes:
    """Return the key behind all those that begin with `prefix`."""
    key = bytearray(prefix.encode())
    while key and key[-1] == 0xFF:
        key.pop()
    if not key:
        return b"\0"
    key[-1] += 1
    return bytes(key)
