"""Make before break, per stream: what refers to a new cluster waits for it, a removed cluster waits for what referred.

Envoy withholds the acknowledgement of clusters until they are warm, so an acknowledged cluster with acknowledged
endpoints can be used. Nothing here ever holds clusters or endpoints themselves: that would be a deadlock, for the one
is not acknowledged before the other has arrived.
Invariant: additions wait at most `patience` seconds, so that one cluster that never warms cannot hold back the rest;
removals wait for as long as it takes.
"""

from collections.abc import Mapping, Sequence

from pidalio.envoy.resource import Resource
from pidalio.xds.subscription import Subscription
from pidalio.xds.target import Target
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, REFERRING, short

_MOST_SEARCHED = 16  # new clusters whose names are looked for in the bytes of a resource; more are not told apart


class Gate:
    """Which new clusters a stream is still waiting for, and since when something waits (seconds, any clock).

    `resumed` says that the proxy brought something from a former stream.
    """

    __slots__ = ("_closed_since", "_free_since", "_given_up", "_opened", "resumed", "warming")

    def __init__(self, opened: float) -> None:
        self.resumed = False
        self.warming: dict[str, None] = {}
        self._given_up: set[str] = set()
        self._opened = opened
        self._closed_since: float | None = None
        self._free_since: float | None = None

    def holds(
        self,
        subscriptions: Mapping[str, Subscription],
        target: Target,
        resources: Sequence[Resource],
        now: float,
        patience: float,
    ) -> bool:
        """Tell whether these resources must wait, because one of them names a cluster that is not ready.

        All of a response waits together: a domain that moves between virtual hosts must never be in none of them.
        A proxy that comes back while a cluster warms asks for clusters last; until then all of them may be missing.
        """
        if CLUSTER not in subscriptions and self.resumed and resources and target.names(CLUSTER):
            return now - self._opened < patience
        missing = self._missing(subscriptions)
        if not _names_any(resources, missing):
            return False
        if self._closed_since is None:
            self._closed_since = now
        if now - self._closed_since < patience:
            return True
        self._closed_since = None
        self._given_up.update(missing)
        return False

    def frees(
        self, subscriptions: Mapping[str, Subscription], target: Target, now: float, patience: float, linger: float
    ) -> bool:
        """Tell whether clusters may be removed: everything that could refer to them is acknowledged.

        A refused listener or route leaves its former version in use, and with it the clusters that it names.
        After a reconnect the types that the proxy has yet to ask for are waited for, up to `patience`.
        `linger` is how long (seconds) requests that chose their route before are given to finish.
        """
        if any(self._may_refer(subscriptions, target, kind, now, patience) for kind in REFERRING):
            self._free_since = None
            return False
        if self._free_since is None:
            self._free_since = now
        if now - self._free_since < linger:
            return False
        self._free_since = None
        return True

    def describe(self, subscriptions: Mapping[str, Subscription]) -> str:
        """Say what is being waited for, empty where nothing is."""
        missing = self._missing(subscriptions) if self._closed_since is not None else {}
        if missing:
            some = ", ".join(list(missing)[:3])
            return f"routes wait for {len(missing)} new cluster(s) to be acknowledged: {some}"
        gone = subscriptions[CLUSTER].gone if CLUSTER in subscriptions else {}
        blamed = [f"{short(kind)} {name}" for kind, name in _refused_but_held(subscriptions)]
        if gone and blamed:
            return (
                f"{len(gone)} cluster(s) are kept because {blamed[0]} was refused and its former version may use them"
            )
        return f"{len(gone)} cluster(s) to be removed after what refers to them" if gone else ""

    def _missing(self, subscriptions: Mapping[str, Subscription]) -> dict[str, None]:
        """Return the new clusters that are to come, or came and are not ready."""
        clusters = subscriptions.get(CLUSTER)
        if clusters is None or not (self.warming or clusters.due or clusters.retry):
            self._closed_since = None
            return {}
        endpoints = subscriptions.get(ENDPOINT)
        for name in [name for name in self.warming if _is_ready(clusters, endpoints, name)]:
            del self.warming[name]
        missing = dict(self.warming)
        missing.update((name, None) for name in clusters.waiting() if name not in clusters.held)
        self._given_up.intersection_update(missing)
        missing = {name: None for name in missing if name not in self._given_up}
        if not missing:
            self._closed_since = None
        return missing

    def _may_refer(
        self, subscriptions: Mapping[str, Subscription], target: Target, kind: str, now: float, patience: float
    ) -> bool:
        asked = subscriptions.get(kind)
        if asked is None:
            return bool(target.names(kind)) and now - self._opened < patience
        return not asked.is_settled or any(name in asked.held for name in asked.rejected)


def _is_ready(clusters: Subscription, endpoints: Subscription | None, name: str) -> bool:
    """Tell whether a cluster needs no more waiting: usable, refused, or removed meanwhile."""
    if name in clusters.rejected or not clusters.includes(name):
        return True
    if name not in clusters.held:
        return not clusters.has_been_sent(name) and name not in clusters.due
    if endpoints is None or not endpoints.includes(name):
        return True
    return name in endpoints.held or name in endpoints.rejected


def _names_any(resources: Sequence[Resource], clusters: Mapping[str, None]) -> bool:
    if not clusters or not resources:
        return False
    if len(clusters) > _MOST_SEARCHED:
        return True
    searched = [name.encode() for name in clusters]
    return any(name in resource.body for resource in resources for name in searched)


def _refused_but_held(subscriptions: Mapping[str, Subscription]) -> list[tuple[str, str]]:
    return [
        (kind, name)
        for kind in REFERRING
        if (asked := subscriptions.get(kind)) is not None
        for name in asked.rejected
        if name in asked.held
    ]
