"""One ADS stream as a state machine: requests and changes go in, responses come out; no sockets, no waiting.

`receive` takes what the proxy says, `changed` what the compiler says, `next_response` gives what is to be written now.
Invariant: it is never waited for a proxy here; what cannot be sent yet stays in the session and is asked for again.
"""

from collections.abc import Collection, Mapping

from pidalio.xds import requests, responses
from pidalio.xds.session import Session
from pidalio.xds.typeurls import HEALTH
from pidalio.xds.wire import Request


class Stream(Session):
    """The session of one proxy and the ways to move it."""

    def receive(self, request: Request) -> None:
        """Take one request; raise `Refused` when the stream asks for more than `Limits` allows."""
        if request.type_url == HEALTH:
            self.around.presence.health(self.number, request.error)
            return
        for each in self.variant.understand(self, request):
            requests.receive(self, each)

    def changed(self, dirty: Mapping[str, Collection[str]], generation: int) -> bool:
        """Note names that may differ since `generation`; tell whether this stream asked for any of them."""
        return requests.mark(self, dirty, generation)

    def renew(self, now: float) -> bool:
        """Note what must be sent again lest it end; tell whether there is any. `now` is of the server's clock."""
        return requests.renew(self, now)

    def next_response(self) -> bytes | None:
        """Return the bytes to write now, None when nothing may be sent at present."""
        return responses.next_response(self)
