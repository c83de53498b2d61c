"""Which services a datacenter has, judged: nothing that the token hides is taken for gone.

An index that went backwards means that Consul lost its state (a restored snapshot, a server of `-dev` that restarted),
and so does most of it missing after an interruption (of ours, too: `earlier`): until the agents have registered
everything again, nothing is missing. Where nothing at all is seen, not even Consul itself, the token sees nothing.
Source: Consul's documentation of blocking queries and of ACLs.
"""

import asyncio
from typing import Final

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.consul import words
from pidalio.platforms.consul.questions import Answer, Consul
from pidalio.platforms.consul.saying import Saying, few
from pidalio.platforms.consul.settings import ConsulSettings

_NAMES: Final = "/v1/catalog/services"
_ITSELF: Final = "consul"
"""The service that Consul's own servers are: no service of the mesh."""


class Names:
    """The names of one datacenter's services; `veiled` are those that the token may not read any more.

    Consul tells only callers with a token that it hides something from them: so it is asked whenever something is gone.
    """

    def __init__(self, settings: ConsulSettings, datacenter: str, saying: Saying) -> None:
        self._settings, self._datacenter, self._saying = settings, datacenter, saying
        self._index = 0
        self.veiled: frozenset[str] = frozenset()
        self.settled = 0.0

    def is_settling(self) -> bool:
        """Tell whether Consul lost its state a short while ago (until `settled`, a time of the event loop)."""
        return asyncio.get_running_loop().time() < self.settled

    async def ask(self, consul: Consul, *, after: int = 0, is_consistent: bool = False) -> Answer:
        """Ask for the names, and look whether the index went backwards and whether there is a leader."""
        answer = await consul.ask(_NAMES, after=after, is_consistent=is_consistent)
        if not answer.has_leader:
            message = "Consul's servers have no leader: what one of them knows is followed, and may be old"
            self._saying.tell("leader", self._datacenter, "consul-no-leader", message)
            if answer.index < self._index:
                raise PlatformUnavailable("Consul's servers have no leader, and the one that answers is behind")
            return answer
        self._saying.tell("leader", self._datacenter)
        if answer.index < self._index:
            answer = await consul.ask(_NAMES, is_consistent=True)  # another server may only be behind
            if answer.index < self._index and self._saying.directory.names(self._datacenter):
                self._settle()
        self._index = answer.index
        return answer

    async def begin(self, consul: Consul) -> tuple[Answer, set[str]]:
        """Ask for the names after an interruption; return the answer, and what services there are."""
        has_settled = bool(self.settled) and not self.is_settling()
        self.settled = 0.0 if has_settled else self.settled
        answer = await self.ask(consul)
        names = await self.take(consul, answer)
        known = self._saying.directory.names(self._datacenter)
        if 2 * len(known - names) > len(known) and not has_settled and self._settings.settle:
            self._settle()
            names |= known
        if not self.is_settling():
            self._saying.tell("settling", self._datacenter)
        return answer, names

    def _settle(self) -> None:
        """Let Consul have its time to know everything again."""
        if not self._settings.settle:
            return
        self.settled = asyncio.get_running_loop().time() + self._settings.settle
        message = (
            "most of what Consul knew is missing, or its index went backwards: for"
            f" {self._settings.settle:g} s nothing that is missing counts as gone"
        )
        self._saying.tell("settling", self._datacenter, "consul-lost-state", message)

    async def take(self, consul: Consul, answer: Answer) -> set[str]:
        """Return the services that there are, with those that cannot be taken for gone; raise `PlatformUnavailable`."""
        found = set(words.names(answer.body))
        known = self._saying.directory.names(self._datacenter)
        gone = known - found
        self.veiled = frozenset()
        if gone:
            self.veiled = frozenset(name for _, name in await consul.hidden(("service", name) for name in gone))
        if not found and (self.veiled or not known):
            raise PlatformUnavailable(
                _blind(self._settings, answer),
            )
        found.discard(_ITSELF)
        return found | (known if self.is_settling() else self.veiled)


def _blind(settings: ConsulSettings, answer: Answer) -> str:
    if not answer.has_leader:
        return "Consul's servers have no leader, and the one that answers knows nothing"
    if settings.token or settings.token_file:
        return "the token sees nothing: give it `service:read` and `node:read`, or state another one"
    return "the token sees nothing: Consul shows nothing to callers without one; state it as `token` or `tokenFile`"


def hidden_message(names: frozenset[str]) -> str:
    """Return what is told when these services, or instances of them, are hidden."""
    return (
        f"the token may not read all of {few(names)}: what was known of them stays; give it `service:read` for them and"
        " `node:read` for their nodes"
    )
