"""ZooKeeper as adapters speak it: one session, kept for ever, whose answers and watches arrive on the event loop.

The client library works in threads of its own; nothing of it runs on the loop, and nothing of ours in its threads.
Invariants: while the session is away nothing is known, and nothing is said to be gone (a node that is missing counts
only as the answer of a connected server); after each time away, whoever watches is told to look again, for what was
watched meanwhile is not told. Source: ZooKeeper, "Programmer's Guide", sessions and watches.
"""

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoAuthError, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import EventType, KazooState
from kazoo.retry import KazooRetry

from pidalio.errors import PlatformUnavailable

_ANSWER: Final = 15.0
"""Seconds in which an answer comes, a lost connection included; after that the session is told to be away."""
_log = logging.getLogger(__name__)
_log_of_client = logging.getLogger(f"{__name__}.client")
_log_of_client.setLevel(logging.ERROR)


class Ensemble:
    """One session with `servers` (`HOST:PORT,…`); an asynchronous context manager.

    `secret` is `user:password` of the scheme `digest`. `changed()` is called on the loop whenever the session came back
    or was lost, and whenever something that was watched changed: then everything is to be asked for again.
    """

    def __init__(
        self, servers: str, changed: Callable[[], None], *, secret: str = "", timeout: float = 10.0, **tls: Any
    ) -> None:
        self._servers, self._changed = servers, changed
        self._settings = {
            "timeout": timeout,
            "auth_data": [("digest", secret)] if secret else None,
            "connection_retry": KazooRetry(max_tries=-1, delay=0.2, backoff=2, max_delay=10.0),
            "logger": _log_of_client,
            **tls,
        }
        self._client: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_connected = False
        self.times = 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        try:
            self._client = KazooClient(self._servers, **self._settings)
        except (KazooException, ValueError) as error:
            raise PlatformUnavailable(f"ZooKeeper {self._servers}: {error}", is_lasting=True) from error
        self._client.add_listener(self._heard_state)
        self._client.start_async()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        client.remove_listener(self._heard_state)
        await asyncio.shield(asyncio.to_thread(_ended, client))

    async def children(
        self, path: str, *, watched: bool = True, changed: Callable[[], None] | None = None
    ) -> list[str] | None:
        """Return the names below `path`, None where there is no such node; raise `PlatformUnavailable`.

        With `changed`, that is called once when they change (or the node comes), instead of the session's own.
        """
        watch = self._watch(changed) if watched else None
        found: list[str] | None = await self._answer(path, lambda: self._client.get_children_async(path, watch))
        if found is None and watch and await self._answer(path, lambda: self._client.exists_async(path, watch)):
            watch(None)  # it came in between
        return found

    async def data(self, path: str, *, watched: bool = True, changed: Callable[[], None] | None = None) -> bytes | None:
        """Return what a node holds, None where there is no such node; `changed` and errors as for `children`."""
        watch = self._watch(changed) if watched else None
        found = await self._answer(path, lambda: self._client.get_async(path, watch))
        return None if found is None else bytes(found[0])

    def _watch(self, changed: Callable[[], None] | None) -> Callable[[Any], None]:
        """Return what the client calls, in a thread of its own, when something watched changed."""
        if changed is None:
            return self._heard_watch

        def heard(event: Any) -> None:
            if event is None or event.type != EventType.NONE:  # else the connection is lost, which states tell
                self._call(changed)

        return heard

    async def _answer(self, path: str, ask: Callable[[], Any]) -> Any:
        """Return what the client's promise becomes; None for a node that is not there."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(result: Any) -> None:
            error = result.exception
            self._call(_settle, future, None if error else result.value, error)

        try:
            ask().rawlink(done)
            async with asyncio.timeout(_ANSWER):
                return await future
        except NoNodeError:
            return None
        except NoAuthError as error:
            cure = "its ACL wants another user: state user:password before the servers"
            raise PlatformUnavailable(f"ZooKeeper refuses to show {path}: {cure}", is_lasting=True) from error
        except TimeoutError as error:
            raise PlatformUnavailable(f"ZooKeeper {self._servers}: no server answers within {_ANSWER:g} s") from error
        except (KazooException, KazooTimeoutError, OSError) as error:
            said = str(error) or type(error).__name__
            raise PlatformUnavailable(f"ZooKeeper {self._servers}: {path}: {said}") from error

    def _heard_state(self, state: str) -> None:
        """Take a change of the session over to the loop; called in a thread of the client."""
        self._call(self._take_state, state == KazooState.CONNECTED)

    def _heard_watch(self, _event: Any) -> None:
        """Take over that something changed; called in a thread of the client."""
        self._call(self._tell)

    def _take_state(self, is_connected: bool) -> None:
        self.is_connected = is_connected
        self.times += is_connected
        self._tell()

    def _tell(self) -> None:
        if self._client is not None:
            self._changed()

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(function, *arguments)
            except RuntimeError:
                _log.debug("an answer of ZooKeeper came when the loop had ended")


def _settle(future: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)


def _ended(client: Any) -> None:
    client.stop()
    client.close()
