"""Figures of one control plane for Prometheus, in a registry of their own.

Invariant: counting costs a few microseconds on the event loop; what must be looked up is looked up at the scrape only,
and no label has a value that users or proxies choose freely.
"""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pidalio.http.mesh import Mesh
from pidalio.http.wire import PLATFORM_STATES, PlatformView
from pidalio.model import Severity
from pidalio.store import tables
from pidalio.xds import Peer, Rejection
from pidalio.xds.typeurls import ORDER, short

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counts what passes on the streams (it is their `Events`), and shows the state of the mesh that it observes."""

    media_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.pushes = Counter("pidalio_xds_pushes", "Responses sent to proxies", ["type"], registry=self.registry)
        self.bytes = Counter("pidalio_xds_pushed_bytes", "Bytes sent to proxies", ["type"], registry=self.registry)
        self.acks = Counter("pidalio_xds_acks", "Responses that proxies accepted", ["type"], registry=self.registry)
        self.nacks = Counter("pidalio_xds_nacks", "Resources that proxies refused", ["type"], registry=self.registry)
        self.streams = Counter("pidalio_xds_streams", "Streams that proxies opened", registry=self.registry)
        self.latency = Histogram(
            "pidalio_xds_ack_seconds",
            "From a response to its acknowledgement",
            ["type"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.compile = Histogram(
            "pidalio_compile_seconds", "Compiling one change of input", buckets=_SECONDS, registry=self.registry
        )

    def observe(self, mesh: Mesh) -> None:
        """Show the state of `mesh` at every scrape."""
        self.registry.register(_State(mesh))

    def follow(self, views: Callable[[], Iterable[PlatformView]]) -> None:
        """Show how each platform is at every scrape."""
        self.registry.register(_Platforms(views))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def compiled(self, seconds: float) -> None:
        """Take note that a change of input was compiled."""
        self.compile.observe(seconds)

    def connected(self, proxy: str, stream: int, peer: Peer) -> None:
        """Take note that a stream opened."""
        del proxy, stream, peer
        self.streams.inc()

    def disconnected(self, proxy: str, stream: int, reason: str) -> None:
        """Take note that a stream ended: the state shows how many are left."""

    def pushed(
        self, proxy: str, type_url: str, names: Sequence[str], removed: Sequence[str], size: int, generation: int
    ) -> None:
        """Take note of a response."""
        del proxy, names, removed, generation
        kind = _known(type_url)
        self.pushes.labels(kind).inc()
        self.bytes.labels(kind).inc(size)

    def acked(self, proxy: str, type_url: str, names: Sequence[str], seconds: float, generation: int) -> None:
        """Take note of an acknowledgement."""
        del proxy, names, generation
        kind = _known(type_url)
        self.acks.labels(kind).inc()
        self.latency.labels(kind).observe(seconds)

    def rejected(self, proxy: str, rejection: Rejection) -> None:
        """Take note of a refusal."""
        del proxy
        self.nacks.labels(_known(rejection.type_url)).inc()


class _State(Collector):
    """Looks at the mesh at every scrape."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._seen: tuple[object, ...] = ()
        self._severities: Tally[Severity] = Tally()

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Return nothing, so that registering looks at nothing."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures as they are now."""
        mesh = self._mesh
        yield GaugeMetricFamily("pidalio_connected_proxies", "Proxies with a stream", len(mesh.proxies()))
        yield GaugeMetricFamily("pidalio_generation", "Generation of the inputs that is compiled", mesh.ads.generation)
        yield GaugeMetricFamily("pidalio_revision", "Newest recorded revision", mesh.revision)
        kinds = Tally(item.kind for item in mesh.objects())
        yield _labelled("pidalio_objects", "Live objects", "kind", sorted(kinds.items()))
        running = len(tables.CAMPAIGNS.keys(mesh.world))
        yield GaugeMetricFamily("pidalio_fault_campaigns", "Fault campaigns that run", running)
        severities = self._counted()
        counts = [(one.name.lower(), severities[one]) for one in Severity]
        yield _labelled("pidalio_reports", "Standing reports", "severity", counts)

    def _counted(self) -> Tally[Severity]:
        """Count reports anew when something changed since the last scrape: thousands of objects take their time."""
        mesh = self._mesh
        rejections = sum(len(stream.rejections) for stream in mesh.ads.streams())
        now = (mesh.world.generation, mesh.revision, rejections, mesh.catalog.reports())
        if now != self._seen:
            self._seen = now
            self._severities = Tally(report.severity for report in mesh.reports())
        return self._severities


class _Platforms(Collector):
    """Looks at the platforms at every scrape; their names are those of the settings."""

    def __init__(self, views: Callable[[], Iterable[PlatformView]]) -> None:
        self._views = views

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Return nothing, so that registering looks at nothing."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures as they are now."""
        now = time.time()
        found = [one for one in self._views() if one.kind]
        age = GaugeMetricFamily(
            "pidalio_platform_age_seconds",
            "How old what is known of a platform is: 0 while it is followed, else since it was heard last",
            labels=["platform"],
        )
        state = GaugeMetricFamily("pidalio_platform_state", "1 for the state it is in", labels=["platform", "state"])
        instances = GaugeMetricFamily("pidalio_platform_instances", "Instances known of it", labels=["platform"])
        for one in found:
            if one.heard:
                age.add_metric([one.name], 0 if one.state == "synced" else max(now - one.heard, 0))
            for name in PLATFORM_STATES:
                state.add_metric([one.name, name], one.state == name)
            instances.add_metric([one.name], one.instances)
        yield from (age, state, instances)


def _labelled(name: str, text: str, label: str, values: Sequence[tuple[str, int]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in values:
        family.add_metric([value], count)
    return family


def _known(type_url: str) -> str:
    """Return the short name of a type that we serve; proxies may ask for others."""
    return short(type_url) if type_url in ORDER else "other"
