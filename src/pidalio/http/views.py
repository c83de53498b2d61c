"""From what the mesh knows to what the API shows: the place where `file:line` is joined to what bears an origin.

Invariant: views are made when they are asked for; nothing here is kept.
"""

from collections.abc import Iterable
from typing import Any

from pidalio.api.dump import dump
from pidalio.api.object import Object
from pidalio.history import Difference, Revision
from pidalio.http.mesh import Mesh
from pidalio.http.wire import (
    DifferenceView,
    ObjectView,
    OriginView,
    ProxyView,
    RejectionView,
    ReportView,
    RevisionView,
    StatusView,
    TypeView,
)
from pidalio.model import Delivery, Origin, Proxy, Report
from pidalio.xds import Rejection, StreamStatus
from pidalio.xds.typeurls import short


class Views:
    """Makes views of one mesh."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    def reports(self, reports: Any) -> tuple[ReportView, ...]:
        """Return reports, each once and with its place where one is known."""
        unique: dict[Report, None] = dict.fromkeys(self._mesh.catalog.locate(reports))
        return tuple(ReportView.of(each) for each in unique)

    def origin(self, origin: Origin) -> OriginView:
        """Return an origin with its place."""
        return OriginView(origin.object, origin.path, self._mesh.place(origin.object, origin.path))

    def rejection(self, one: Rejection) -> RejectionView:
        """Return a refusal with the place of what made the resource."""
        kind = short(one.type_url)
        if not one.origins:
            return RejectionView(kind, one.name, one.version, one.error)
        where = self.origin(one.origins[0])
        return RejectionView(kind, one.name, one.version, one.error, where.object, where.path, where.place)

    def object(self, item: Object[Any], status: StatusView | None = None) -> ObjectView:
        """Return a live object with its owner and place, and what becomes of it."""
        owner = self._mesh.catalog.owner(item.ref)
        source, unit = (owner.source, owner.unit) if owner else ("", "")
        return ObjectView(dump(item), source, unit, self._mesh.place(item.ref), status)

    def proxies(self, streams: Iterable[StreamStatus]) -> tuple[ProxyView, ...]:
        """Return every stream; `behind` is counted from the newest generation that is compiled."""
        known = self._mesh.proxies()
        return tuple(self._proxy(each, known.get(each.node.id)) for each in streams)

    def _proxy(self, status: StreamStatus, known: Proxy | None) -> ProxyView:
        return ProxyView(
            id=status.node.id,
            type=_type(known) if known else "",
            name=known.name if known else status.node.id,
            namespace=known.namespace if known else "",
            address=status.peer.address,
            identities=status.peer.identities,
            connected=status.connected,
            generation=status.generation,
            behind=self._mesh.ads.generation - status.generation if status.generation >= 0 else None,
            waiting=status.waiting,
            streams=status.streams,
            responses=status.responses,
            bytes=status.bytes,
            types=tuple(
                TypeView(
                    short(one.type_url),
                    one.acked,
                    one.sent,
                    one.due,
                    tuple(self.rejection(each) for each in one.rejected),
                )
                for one in status.types
            ),
        )


def revision_view(revision: Revision) -> RevisionView:
    """Return a revision; what it did to each object as a word."""
    changes = tuple((ref, action.value) for ref, action in revision.changes)
    return RevisionView(revision.number, revision.time, revision.author, revision.message, changes)


def difference_view(one: Difference) -> DifferenceView:
    """Return one object before and after."""
    before, after = (entry.document if entry else None for entry in (one.before, one.after))
    return DifferenceView(one.ref, one.action.value, before, after)


def _type(proxy: Proxy) -> str:
    return "grpc" if proxy.delivery is Delivery.GRPC else proxy.type.value
