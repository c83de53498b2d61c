"""One Kubernetes cluster as a live source: all its streams, and what is told of them together.

Invariants: the cluster is lost while any stream fails, and heard when none does; what may not be read (RBAC), or is
not served (no such kind), is no failure: it is told in one line, and everything else goes on.
It stands between the follower and `reading`. Source of the rules: design record 0020.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping

from pidalio.errors import PlatformUnavailable
from pidalio.model import ObjectRef, Report, Severity
from pidalio.platforms.adapter import Feed
from pidalio.platforms.informing import ObjectStatus
from pidalio.platforms.kubernetes.cluster import Cluster
from pidalio.platforms.kubernetes.connecting import connection
from pidalio.platforms.kubernetes.informing import Election, StatusWriter
from pidalio.platforms.kubernetes.mirrors import Pods, Slices
from pidalio.platforms.kubernetes.named import Namespaces, Nodes, Services
from pidalio.platforms.kubernetes.reading import resources
from pidalio.platforms.kubernetes.reading.groups import Groups
from pidalio.platforms.kubernetes.reading.reflector import Mirror, Reflector
from pidalio.platforms.kubernetes.reading.resources import Resource
from pidalio.platforms.kubernetes.reading.server import Refusal, Server
from pidalio.platforms.kubernetes.rules import RuleMirror, Rules
from pidalio.platforms.kubernetes.settings import KubernetesSettings, Origin
from pidalio.platforms.pausing import again_and_again
from pidalio.platforms.turns import Turns

_PATIENCE = 10.0
"""Seconds that a kind waits for another one that it is put together with."""
_GATHER = 0.02
"""Seconds for pods that come together, before slices that name them are made anew."""
_NOT_LOST = (403, 404, 410)


class Kubernetes:
    """Follows one cluster."""

    def __init__(self, settings: KubernetesSettings) -> None:
        self._settings = settings
        self._cluster: Cluster | None = None
        self._versions: dict[ObjectRef, int] = {}
        election = Election(settings.lease_name, settings.lease_namespace)
        self._writer = StatusWriter(election, self._versions, addresses=settings.addresses)

    def versions(self) -> Mapping[ObjectRef, int] | None:
        """Return the objects to be told of (`Informed`)."""
        return self._writer.versions()

    def inform(self, statuses: Mapping[ObjectRef, ObjectStatus]) -> None:
        """Take note of what became of objects (`Informed`)."""
        self._writer.inform(statuses)

    async def run(self, feed: Feed) -> None:
        """Follow the cluster until cancelled; raise `PlatformUnavailable` where there is no way to it."""
        stated = self._settings
        if self._cluster is None:
            self._cluster = Cluster(Origin(feed.name, stated.domain, stated.trust_domain, stated.network))
        way = connection(stated.kubeconfig, stated.context)
        writing = asyncio.create_task(self._writer.run(way, feed), name="statuses") if stated.status else None
        try:
            chosen: frozenset[str] | None = None
            while True:
                following = Following(stated, feed, self._cluster, Server(way), self._versions, chosen)
                chosen = await following.run()
        finally:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
            await way.close()


class Following:
    """All streams of a cluster, for one choice of namespaces (None: not known yet, or all)."""

    def __init__(
        self,
        settings: KubernetesSettings,
        feed: Feed,
        cluster: Cluster,
        server: Server,
        versions: dict[ObjectRef, int],
        chosen: frozenset[str] | None,
    ) -> None:
        self._settings, self._feed, self._cluster, self._server = settings, feed, cluster, server
        self._chosen = chosen
        self._other = asyncio.Event()
        self._seen: frozenset[str] | None = None
        self._rules = Rules(feed, versions)
        self._groups = Groups(server)
        self._failing: dict[Reflector, str] = {}
        self._forbidden: set[Reflector] = set()
        self._decided: set[Reflector] = set()
        self._current: dict[Resource, asyncio.Event] = {}
        self._streams: tuple[Reflector, ...] = ()

    async def run(self) -> frozenset[str]:
        """Follow; return the namespaces that are chosen when they are others."""
        self._streams = tuple(self._all_streams())
        tasks = [
            asyncio.create_task(again_and_again(one.turn, self._failed(one)), name=str(one)) for one in self._streams
        ]
        tasks.append(asyncio.create_task(self._rules.run(), name="rules"))
        tasks.append(asyncio.create_task(self._remake(), name="slices made anew"))
        other = asyncio.create_task(self._other.wait(), name="namespaces")
        try:
            done, _ = await asyncio.wait((*tasks, other), return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
            return self._seen or frozenset()
        finally:
            for one in (*tasks, other):
                one.cancel()
            await asyncio.gather(*tasks, other, return_exceptions=True)

    def _all_streams(self) -> Iterator[Reflector]:
        cluster, feed = self._cluster, self._feed
        selector = self._settings.namespace_selector
        yield self._stream(resources.NAMESPACES, Namespaces(cluster, feed, self._choose), labels=selector)
        if selector and self._chosen is None:
            return  # the others begin when it is known which namespaces are meant
        yield self._stream(resources.NODES, Nodes(cluster, feed, lambda _: True))
        for resource in (resources.PODS, resources.SERVICES, resources.SLICES, *resources.RULES):
            for namespace in (self._settings.chosen if resource.namespaced else ()) or ("",):
                yield self._stream(resource, self._mirror(resource, namespace), namespace=namespace)

    def _mirror(self, resource: Resource, namespace: str) -> Mirror:
        """Return what becomes of a resource of one namespace, or of all."""
        cluster, feed, selects = self._cluster, self._feed, self._selects
        if resource is resources.PODS:
            return Pods(cluster, feed, selects, namespace, self._known(resources.NAMESPACES, resources.NODES))
        if resource is resources.SERVICES:
            return Services(cluster, feed, selects, namespace)
        if resource is resources.SLICES:
            return Slices(cluster, feed, selects, namespace, self._known(resources.PODS))
        return RuleMirror(self._rules, resource, selects, namespace)

    def _stream(self, resource: Resource, mirror: Mirror, *, namespace: str = "", labels: str = "") -> Reflector:
        self._current.setdefault(resource, asyncio.Event())
        return Reflector(self._server, self._groups, resource, mirror, self, namespace=namespace, labels=labels)

    # Namespaces.

    def _selects(self, namespace: str) -> bool:
        chosen = self._settings.chosen or self._chosen
        return chosen is None or namespace in chosen

    def _choose(self, seen: frozenset[str]) -> None:
        """Take note of the namespaces that the selector picks."""
        self._seen = seen
        if self._settings.namespace_selector and seen != self._chosen:
            self._other.set()

    # What streams tell.

    def _known(self, *wanted: Resource) -> Callable[[], Awaitable[None]]:
        """Return what waits until these kinds are up to date, or cannot be."""

        async def known() -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    for one in wanted:
                        await self._current[one].wait()

        return known

    async def _remake(self) -> None:
        """Make anew what is stale, what came together at once, until cancelled."""
        turns = Turns()
        spoiled = asyncio.Event()
        self._cluster.spoiled = spoiled.set
        spoiled.set()
        while True:
            await spoiled.wait()
            await asyncio.sleep(_GATHER)
            spoiled.clear()
            while self._cluster.is_to_be_remade:
                self._feed.change(self._cluster.remake())
                await turns.give()

    def follows(self, stream: Reflector) -> None:
        """Note that a stream is up to date and goes on."""
        self._failing.pop(stream, None)
        self._forbidden.discard(stream)
        self._feed.tell(f"forbidden {stream}")
        self._decide(stream)
        if not self._failing:
            self._feed.heard()

    def went_back(self, stream: Reflector, former: int, now: int) -> None:
        """Tell that versions are lower than they were."""
        if not former:
            self._feed.tell(f"back {stream}")
            return
        message = (
            f"{stream}: the cluster went back from version {former} to {now}, as after a restored backup: "
            "what it holds now is taken for true"
        )
        self._feed.tell(f"back {stream}", Report(Severity.WARNING, "kubernetes-went-back", message))

    def _failed(self, stream: Reflector) -> Callable[[PlatformUnavailable], None]:
        def failed(error: PlatformUnavailable) -> None:
            self._current[stream.resource].clear()
            code = error.status.code if isinstance(error, Refusal) else 0
            if code == 403 and isinstance(error, Refusal):
                self._forbid(stream, error.status.message)
            elif code == 404 and stream.resource.is_builtin:
                self._lose(stream, f"there is no {stream} at the server (404): is it Kubernetes' API?")
            elif code not in _NOT_LOST:
                self._lose(stream, str(error))

        return failed

    def _lose(self, stream: Reflector, why: str) -> None:
        self._failing[stream] = why
        self._feed.lost(min(self._failing.values()))

    def _forbid(self, stream: Reflector, why: str) -> None:
        """Go on without what may not be read, and tell which permission is missing."""
        self._failing.pop(stream, None)
        resource = stream.resource
        self._forbidden.add(stream)
        message = (
            f"{stream} may not be read ({why}): allow get, list and watch on {resource.plural} of apiGroups "
            f'["{resource.group}"] in a {"Role" if stream.namespace else "ClusterRole"}; '
            f"until then {resource.without}"
        )
        self._feed.tell(f"forbidden {stream}", Report(Severity.WARNING, "kubernetes-forbidden", message))
        self._decide(stream)

    def _decide(self, stream: Reflector) -> None:
        """Note that a stream was read once, or may not be; with the last one, the cluster was read."""
        self._decided.add(stream)
        same = {one for one in self._streams if one.resource is stream.resource}
        if stream.resource is resources.PODS and (same <= self._decided or stream in self._forbidden):
            self._cluster.set_parking(same.isdisjoint(self._forbidden))
        if same <= self._decided:
            self._current[stream.resource].set()
        is_waiting = self._settings.namespace_selector and self._chosen is None
        if not is_waiting and self._decided >= set(self._streams) and not self._failing:
            self._feed.ready()
