"""Proxies whose node names a WorkloadGroup: their instances are registered while their streams live.

A group that comes late registers those that wait for it; the identity of a proxy must be of the group.
Invariant: registration refuses no stream but for its identity: what cannot be registered is told and still steered.
It stands between the streams (`xds.Presence`) and `platforms.vm.Registrations`.
"""

import logging
from collections.abc import Callable, Iterator

import msgspec

from pidalio.api.object import Object
from pidalio.api.workload_entry import WorkloadGroup
from pidalio.errors import PidalioError, Refused
from pidalio.model import ObjectRef, Proxy, Report, Severity
from pidalio.platforms.vm import Registrations
from pidalio.platforms.vm.grouped import account_objection, entry_of, group_named, labels_in
from pidalio.server.proxies import proxy_of
from pidalio.store.change import Change
from pidalio.xds import Node, Peer

_KIND = "WorkloadGroup"
_log = logging.getLogger(__name__)


class _Guest:
    """A proxy that names a group: `identity` is that of its instance once it is registered, `why` it is not."""

    def __init__(self, proxy: Proxy, group: ObjectRef, node: Node, peer: Peer) -> None:
        self.proxy, self.group, self.node, self.peer = proxy, group, node, peer
        self.identity = ""
        self.why: Report | None = None


class StreamRegistrar:
    """Registers instances by the streams of their proxies; `find` returns a live object or None."""

    def __init__(self, find: Callable[[ObjectRef], Object[WorkloadGroup] | None], known: Registrations) -> None:
        self._find, self._known = find, known
        self._guests: dict[int, _Guest] = {}
        self._waiting: dict[int, _Guest] = {}
        self.again: Callable[[int, str], None] = lambda _stream, _why: None
        """Ends a stream, so that its proxy comes again."""
        known.dropped = self._dropped

    def check(self, node: Node, peer: Peer) -> None:
        """Raise `Refused` for a proxy whose certificate is not of the group that its node names."""
        name = group_named(node.metadata)
        if name and peer.identities:
            group = self._find(ObjectRef(_KIND, Proxy.from_id(node.id).namespace, name))
            if group is not None and (why := account_objection(peer.identities, group)):
                raise Refused(why)

    def describe(self, node: Node) -> Proxy:
        """Return the proxy that a node describes, with the labels that its group has for it."""
        proxy = proxy_of(node)
        name = group_named(node.metadata)
        group = self._find(ObjectRef(_KIND, proxy.namespace, name)) if name else None
        return proxy if group is None else msgspec.structs.replace(proxy, labels=labels_in(group.spec, proxy.labels))

    def came(self, stream: int, node: Node, peer: Peer) -> None:
        """Register the instance of a proxy that names a group."""
        name = group_named(node.metadata)
        if name:
            proxy = self.describe(node)
            guest = self._guests[stream] = _Guest(proxy, ObjectRef(_KIND, proxy.namespace, name), node, peer)
            self._register(stream, guest)

    def left(self, stream: int) -> None:
        """Let the instance go, after the grace time."""
        guest = self._guests.pop(stream, None)
        self._waiting.pop(stream, None)
        if guest is not None and guest.identity:
            self._known.disconnect(stream, guest.identity)

    def health(self, stream: int, error: str | None) -> None:
        """Take over what an agent tells of its instance's health."""
        guest = self._guests.get(stream)
        if guest is not None and guest.identity:
            self._known.tell_health(guest.identity, error)

    def committed(self, change: Change) -> None:
        """Register those that wait for a group that came."""
        if any(ref.kind == _KIND for ref in (*change.added, *change.changed)):
            self._register_waiting()

    def reports(self) -> Iterator[Report]:
        """Yield why proxies are not registered."""
        yield from dict.fromkeys(guest.why for guest in self._waiting.values() if guest.why is not None)

    def _register_waiting(self) -> None:
        for stream, guest in tuple(self._waiting.items()):
            self._register(stream, guest)
            entry = self._known.entry(guest.identity)
            if entry is not None and entry.workload.labels != guest.proxy.labels:
                self.again(stream, f"{guest.group} is there now: come again")  # its services are others with it

    def _dropped(self, streams: set[int]) -> None:
        """Give those that wait their turn; after them, those whose instance was taken from them."""
        self._register_waiting()
        for stream in streams & self._guests.keys():
            guest = self._waiting[stream] = self._guests[stream]
            guest.identity = ""

    def _register(self, stream: int, guest: _Guest) -> None:
        self._waiting[stream] = guest
        guest.identity, guest.why = "", None
        group = self._find(guest.group)
        who = f"{guest.proxy.name}.{guest.proxy.namespace}"
        if group is None:
            message = f"proxy {who} names a group that is not there: its instance is registered once it is"
            guest.why = Report(Severity.WARNING, "group-unknown", message, guest.group)
            return
        why = account_objection(guest.peer.identities, group)
        entry = entry_of(guest.proxy, guest.node.metadata, guest.node.locality, group, guest.peer.identity)
        if not why:
            try:
                self._known.connect(stream, entry)
            except PidalioError as error:
                why = str(error)
        if why:
            _log.warning("%s is not registered: %s", who, why)
            message = f"the instance of proxy {who} is not registered: {why}"
            guest.why = Report(Severity.WARNING, "registration-refused", message, guest.group)
            return
        guest.identity = entry.id
        del self._waiting[stream]
