"""`pidalio explain` without files: the running control plane is asked."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pidalio.http.explaining import Explained, Question
from pidalio.model import Origin
from pidalio.simulate import Decision, Request

if TYPE_CHECKING:
    from pidalio.cli.connection import Connection
    from pidalio.http.client import Client


def explain_live(
    connection: "Connection", caller: str, request: Request
) -> tuple[Decision, Callable[[Origin | None], str]]:
    """Return what the server decides, and what says where each rule is written."""
    from pidalio.cli.explain import describe

    async def ask(client: "Client") -> Explained:
        return await client.explain(Question(caller=caller, request=request), Explained)

    found = connection.ask(ask)
    return found.decision, lambda origin: describe(origin, found.places.get(str(origin), "") if origin else "")
