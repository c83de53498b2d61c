"""Single questions to the API server: an object read, created, replaced.

Invariant: whatever the server answers is an `Answer`; only what is no answer, or one that says "later", raises.
"""

from typing import Any, Final, TypeVar

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.asking import asked, read, refusal
from pidalio.platforms.kubernetes.connecting import Connection

T = TypeVar("T")
_SAID: Final = frozenset({200, 201, 403, 404, 405, 409, 410, 422, 400, 413, 500})


class Said(msgspec.Struct, frozen=True):
    """Kubernetes' `Status`: why something was not done."""

    message: str = ""
    reason: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What the server answered: the status code and the body."""

    code: int
    body: bytes

    @property
    def is_done(self) -> bool:
        """Tell whether it was done."""
        return self.code < 300

    @property
    def why(self) -> str:
        """Return the server's own words for why not."""
        try:
            said = msgspec.json.decode(self.body, type=Said).message
        except msgspec.MsgspecError:
            said = ""
        return " ".join(said.split())[:300] or f"answered {self.code}"


class Calls:
    """Questions over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def namespace(self) -> str:
        """Return the namespace where the account is at home."""
        return self._connection.namespace

    async def get(self, path: str, params: dict[str, str] | None = None) -> Answer:
        """Return what is at `path`."""
        return await self._ask("GET", path, params=params)

    async def post(self, path: str, body: Any) -> Answer:
        """Create something under `path`."""
        return await self._ask("POST", path, body=body)

    async def put(self, path: str, body: Any) -> Answer:
        """Replace what is at `path`."""
        return await self._ask("PUT", path, body=body)

    async def _ask(self, method: str, path: str, *, params: dict[str, str] | None = None, body: Any = None) -> Answer:
        way = self._connection
        session = await way.session()
        url = f"{way.base_url}{path}"
        headers = {**await way.headers(), "Accept": "application/json"}
        async with asked(
            session, method, url, params=params, headers=headers, body=body, accepts=lambda _: True
        ) as answer:
            if answer.status == 401:
                raise await way.refused(answer)
            if answer.status not in _SAID:
                raise await refusal(answer)
            return Answer(answer.status, await read(answer))


class Denied(PlatformUnavailable):
    """The server answers, and does not do it; what else keeps us from it is told by whoever reads the cluster."""


def raised(answer: Answer, what: str) -> Denied:
    """Return the error that an answer nobody expected means."""
    return Denied(f"{what}: {answer.why}", is_lasting=answer.code in {400, 403, 404, 405, 422})


def decoded(answer: Answer, type_: type[T]) -> T:
    """Return what an answer holds; raise `Denied` for one that is none of Kubernetes."""
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except msgspec.MsgspecError as error:
        raise Denied(f"an answer that is none of Kubernetes: {error}") from error
