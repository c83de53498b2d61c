"""One service of a datacenter at a time: what an answer about it means, judged against what is known.

Invariants: nothing that the token hides is taken for gone; while Consul's state is lost, nothing is; an answer that
says the same as before costs nothing; a stream of events that was found to have lost one is asked no more.
It stands between the questions and the `Directory`.
"""

import asyncio
from typing import Final
from urllib.parse import quote

from pidalio.platforms.consul.directory import Directory
from pidalio.platforms.consul.instances import Seen, seen
from pidalio.platforms.consul.questions import Answer, Consul
from pidalio.platforms.consul.settings import ConsulSettings
from pidalio.platforms.consul.words import entries

_TOGETHER: Final = 200
"""Instances that are read before the event loop gets its turn."""
PAST_THE_STREAM: Final = {"near": "_agent"}
"""Makes a blocking query be answered by Consul's servers: the agent's stream of events has no order by distance."""


class Services:
    """What is known of single services in one datacenter, and of the answers about them."""

    def __init__(self, settings: ConsulSettings, datacenter: str, directory: Directory) -> None:
        self._settings, self._datacenter, self._directory = settings, datacenter, directory
        self._said: dict[str, int] = {}
        self._distrusted: set[str] = set()
        self.index: dict[str, int] = {}
        self.hidden: set[str] = set()
        self.keeps = False

    async def read(
        self, consul: Consul, name: str, *, after: int = 0, wait: float = 0.0, is_consistent: bool = False
    ) -> tuple[bool, bool]:
        """Ask about a service, and take it over; return whether the index moved, and whether something changed.

        With `after`, a change is waited for, `wait` seconds at most; Consul's agent answers that from a stream of
        events, and everything else from the servers' state. Where the two differ, the servers are right.
        """
        answer = await self._ask(consul, name, after, wait, is_consistent=is_consistent)
        former = self.index.get(name, 0)
        if answer.index < former and answer.has_leader:
            is_behind = answer.index < after
            answer = await self._ask(consul, name, is_consistent=True)
            if is_behind and answer.index >= after:  # else Consul's state is another one
                self._distrusted.add(name)
        if not answer.has_leader and answer.index < former:
            return True, False  # a server that is behind
        self.index[name] = answer.index
        body = hash(answer.body)
        if self._said.get(name) == body and not self.keeps:
            return answer.index != former, False
        changed = await self._take(consul, name, answer)
        self._said[name] = body
        if changed and not after and answer.index == former:
            self._distrusted.add(name)  # the stream has said something else of the same state
        return True, changed

    async def _ask(
        self, consul: Consul, name: str, after: int = 0, wait: float = 0.0, *, is_consistent: bool = False
    ) -> Answer:
        parameters = PAST_THE_STREAM if name in self._distrusted else {}
        if self._settings.filter:
            parameters = {**parameters, "filter": self._settings.filter}
        path = f"/v1/health/service/{quote(name, safe='')}"
        return await consul.ask(path, after=after, wait=wait, is_consistent=is_consistent, parameters=parameters)

    def forget(self, name: str) -> None:
        """Forget a service that is gone."""
        self._directory.remove(self._datacenter, name)
        self.unread(name)
        self.hidden.discard(name)
        self._distrusted.discard(name)

    def unread(self, name: str) -> None:
        """Forget what was said last of a service: the next answer counts, whatever it says."""
        self.index.pop(name, None)
        self._said.pop(name, None)

    def anew(self, *, keeps: bool) -> None:
        """Begin anew, as after an interruption; `keeps` everything that is known, whatever is missing."""
        self.index.clear()
        self._said.clear()
        self._distrusted.clear()
        self.keeps = keeps

    async def _take(self, consul: Consul, name: str, answer: Answer) -> bool:
        found: dict[tuple[str, str], Seen] = {}
        problems: list[str] = []
        number = 0
        for number, entry in enumerate(entries(answer.body), 1):
            if number % _TOGETHER == 0:
                await asyncio.sleep(0)
            if isinstance(entry, str):
                problems.append(entry)
            elif not entry.service.kind:
                one = seen(entry, self._datacenter or entry.node.datacenter, self._settings.tagged_address)
                if isinstance(one, str):
                    problems.append(one)
                else:
                    found[one.key] = one
        known = self._directory.instances(self._datacenter, name)
        missing = [one for one in known or () if one.key not in found]
        if known is None and not number and await consul.hidden((("service", name), ("node", ""))):
            self.hidden.add(name)
            return False
        veiled = await self._veiled(consul, name, missing)
        self.hidden = self.hidden | {name} if veiled else self.hidden - {name}
        kept = missing if self.keeps else veiled
        return self._directory.put(self._datacenter, name, (*found.values(), *kept), tuple(problems))

    async def _veiled(self, consul: Consul, name: str, missing: list[Seen]) -> list[Seen]:
        """Return which of the missing instances the token may not see."""
        if not missing:
            return []
        service = ("service", name)
        hidden = await consul.hidden((service, *(("node", one.node) for one in missing)))
        return missing if service in hidden else [one for one in missing if ("node", one.node) in hidden]
