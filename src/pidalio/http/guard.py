"""Who may call: a token and a known Host on TCP; whoever may open the socket on UNIX.

Invariant: nothing of a request but its headers is looked at before it is let in.
The Host is checked so that a web page cannot reach a loopback port by a name of its own (DNS rebinding), and a token
is never found by guessing bytes one at a time.
"""

import hmac
from collections.abc import Collection

import msgspec
from starlette.requests import Request

from pidalio.http.call import PEER
from pidalio.http.failures import Forbidden, Unauthorized


class Guard(msgspec.Struct, frozen=True):
    """The conditions of one door; an empty `token` asks for none, empty `hosts` for any.

    `certificates`: every caller has a verified client certificate, which is enough for what agents do.
    """

    token: str = ""
    hosts: Collection[str] = ()
    certificates: bool = False

    def admit(self, request: Request, *, is_open: bool, for_agents: bool) -> None:
        """Raise `Forbidden` or `Unauthorized` where the request may not pass."""
        host = request.headers.get("host", "").lower()
        if self.hosts and host not in self.hosts:
            raise Forbidden(f"Host {host[:100]!r} is not a name of this server: call it by {min(self.hosts)}")
        if not self.token or is_open:
            return
        if self.certificates and for_agents and request.scope.get("state", {}).get(PEER):
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token.encode()):
            raise Unauthorized("a token is needed: send it as `Authorization: Bearer TOKEN`")
