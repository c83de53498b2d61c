"""One type on one stream: what the proxy asked for, holds, was sent and refused.

Invariant: `held` says what the proxy acknowledged, or claimed when it connected, and nothing else;
`due` says what must be looked at again. There is no queue: later changes of a name meet in the one entry of `due`.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from sys import intern

import msgspec

from pidalio.xds.isolation import split
from pidalio.xds.status import Rejection

REMOVAL = ""  # stands for a version: the name was removed


class Sent(msgspec.Struct):
    """A response that is not answered yet: versions by name (`REMOVAL` where removed), when, and for which changes.

    `count` is how many there were; names that the proxy meanwhile unsubscribed from are no longer in `versions`.
    `since` is the oldest change that it carries, `generation` the newest generation known when it was sent.
    `asked` are the names that the proxy waits for; `replaced` those it gets in place of what it refused.
    """

    versions: dict[str, str]
    count: int
    at: float
    since: int
    generation: int
    asked: AbstractSet[str] = frozenset()
    replaced: AbstractSet[str] = frozenset()


class Subscription:
    """What one stream says and knows of one type.

    `due` maps a name to whether it must be sent even when its version is held (the proxy asked, or would wait for it).
    `retry` holds the parts of a refused response, to be sent one by one. `hopeless` holds names of which even the
    replacement was refused. `since` is the oldest change that waits in `due` or `retry`, None when none does.
    `gone` holds names whose removal waits for what refers to them, with the change that removed them.
    `said` is when the newest response was sent, in seconds of the server's steady clock.
    """

    __slots__ = (
        "answer",
        "due",
        "gone",
        "held",
        "hopeless",
        "names",
        "rejected",
        "retry",
        "said",
        "sent",
        "since",
        "type_url",
        "wildcard",
    )

    def __init__(self, type_url: str, *, wildcard: bool) -> None:
        self.type_url = type_url
        self.wildcard = wildcard
        self.names: set[str] = set()
        self.held: dict[str, str] = {}
        self.due: dict[str, bool] = {}
        self.gone: dict[str, int] = {}
        self.retry: list[list[str]] = []
        self.sent: dict[str, Sent] = {}
        self.rejected: dict[str, Rejection] = {}
        self.hopeless: set[str] = set()
        self.since: int | None = 0
        self.answer = True
        self.said = 0.0

    def includes(self, name: str) -> bool:
        """Tell whether the proxy asked for this name, or for all."""
        return self.wildcard or name in self.names

    def has_been_sent(self, name: str) -> bool:
        """Tell whether the proxy has the resource, or it is on its way there."""
        return name in self.held or any(name in sent.versions for sent in self.sent.values())

    def version(self, name: str) -> str | None:
        """Return the version that the proxy has if it accepts what is on its way; `REMOVAL` where that is a removal."""
        for sent in reversed(self.sent.values()):
            if name in sent.versions:
                return sent.versions[name]
        return self.held.get(name)

    def states(self) -> list[dict[str, str]]:
        """Return what the proxy holds, and what it will hold as it accepts, one after the other, what is on its way."""
        found = [dict(self.held)]
        for sent in self.sent.values():
            state = {**found[-1], **sent.versions}
            found.append({name: version for name, version in state.items() if version != REMOVAL})
        return found

    def versions(self) -> dict[str, str]:
        """Return what the proxy will hold if it accepts everything that is on its way: versions by name."""
        return self.states()[-1]

    def known(self) -> set[tuple[str, str]]:
        """Return name and version of everything that the proxy holds or that is on its way."""
        found = set(self.held.items())
        for sent in self.sent.values():
            found.update(item for item in sent.versions.items() if item[1] != REMOVAL)
        return found

    def refuses(self, name: str, version: str) -> bool:
        """Tell whether the proxy refused these very bytes."""
        rejection = self.rejected.get(name)
        return rejection is not None and rejection.version == version

    def pardon(self, name: str, version: str) -> None:
        """Drop a rejection that no longer matters: what is wanted is what the proxy has."""
        if self.rejected and self.held.get(name) == version:
            self.rejected.pop(name, None)

    @property
    def is_settled(self) -> bool:
        """Tell whether there is nothing to send and nothing unanswered."""
        return self.since is None and not self.sent and not self.answer

    @property
    def has_work(self) -> bool:
        """Tell whether something may have to be sent."""
        return bool(self.due or self.retry or self.answer)

    @property
    def pending_since(self) -> int | None:
        """Return the generation of the oldest change that is not acknowledged, None when all are; without `gone`."""
        oldest = self.since
        for sent in self.sent.values():
            if oldest is None or sent.since < oldest:
                oldest = sent.since
        return oldest

    def look_at(self, names: Iterable[str], generation: int, *, force: bool = False) -> None:
        """Note that these names may differ from what the proxy holds, since `generation`."""
        if force:
            self.due.update(dict.fromkeys(names, True))
        else:
            for name in names:
                self.due.setdefault(name, False)
        if self.due and (self.since is None or generation < self.since):
            self.since = generation

    def claim(self, versions: Mapping[str, str]) -> None:
        """Take what the proxy says it holds; names and versions are shared between streams."""
        self.held.update((intern(name), intern(version)) for name, version in versions.items())

    def forget(self, names: Iterable[str]) -> None:
        """Drop what is known of names that the proxy no longer asks for: it has thrown them away."""
        for name in names:
            self.held.pop(name, None)
            self.rejected.pop(name, None)
            self.due.pop(name, None)
            self.gone.pop(name, None)
            for sent in self.sent.values():
                sent.versions.pop(name, None)

    def calm(self) -> None:
        """Let go of `since` when nothing waits."""
        if not (self.due or self.retry):
            self.since = None

    def reconsider(self, generation: int) -> None:
        """Look again at resources that were refused for a conflict with another: the other may have given way."""
        conflicts = [name for name, each in self.rejected.items() if each.is_conflict]
        for name in conflicts:
            del self.rejected[name]
        self.look_at(conflicts, generation)

    def acknowledge(self, nonce: str) -> Sent | None:
        """Take an ACK; return what it answers, None for an unknown nonce."""
        sent = self.sent.pop(nonce, None)
        if sent is None:
            return None
        for name, version in sent.versions.items():
            if version:
                self.held[name] = version
            else:
                self.held.pop(name, None)
        return sent

    def refuse(self, nonce: str, error: str) -> tuple[Sent, str | None] | None:
        """Take a NACK; return what it answers and the name to blame, None where that is not known yet.

        The blame falls on a resource that was sent alone. Several are sent again in smaller parts.
        """
        sent = self.sent.pop(nonce, None)
        if sent is None:
            return None
        if not sent.versions:
            return sent, None
        self.look_at([name for name in sent.versions if name in sent.asked], sent.since, force=True)
        if sent.count == 1:
            return sent, next(iter(sent.versions))
        self.retry[:0] = split(sent.versions, error, REMOVAL)
        self.since = sent.since if self.since is None else min(self.since, sent.since)
        return sent, None

    def waiting(self) -> Iterator[str]:
        """Yield every name that is to be looked at, the parts of a refused response first."""
        for group in self.retry:
            yield from group
        yield from self.due
