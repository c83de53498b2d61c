"""Lines of Nomad's event stream as what they mean for services. Pure.

Source: Nomad's event stream API: each line holds an index and events, `{}` is a heartbeat.
"""

from typing import Any, TypeAlias

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.nomad.mapping import Node, Registration


class Registered(msgspec.Struct, frozen=True):
    """An instance is there, new or changed."""

    index: int
    what: Registration


class Deregistered(msgspec.Struct, frozen=True):
    """An instance is gone."""

    index: int
    what: Registration


class NodeSeen(msgspec.Struct, frozen=True):
    """A node is as it says."""

    index: int
    what: Node


class Unread(msgspec.Struct, frozen=True):
    """An event that makes no sense: which, and why."""

    index: int
    key: str
    why: str


Event: TypeAlias = Registered | Deregistered | NodeSeen | Unread


class _Envelope(msgspec.Struct):
    Topic: str = ""
    Type: str = ""
    Key: str = ""
    Payload: Any = None


class _Line(msgspec.Struct):
    Index: int = 0
    Events: list[_Envelope] | None = None


def events(line: bytes) -> tuple[Event, ...]:
    """Return what a line tells; raise `PlatformUnavailable` for one that is no JSON of this shape."""
    try:
        read = msgspec.json.decode(line, type=_Line)
    except msgspec.DecodeError as error:
        raise PlatformUnavailable(f"the event stream sends what is no event: {error}") from error
    return tuple(found for one in read.Events or () if (found := _event(read.Index, one)))


def _event(index: int, one: _Envelope) -> Event | None:
    payload = one.Payload if isinstance(one.Payload, dict) else {}
    try:
        if one.Topic == "Service":
            what = msgspec.convert(payload.get("Service"), Registration)
            return Deregistered(index, what) if one.Type == "ServiceDeregistration" else Registered(index, what)
        if one.Topic == "Node":
            return NodeSeen(index, msgspec.convert(payload.get("Node"), Node))
    except msgspec.ValidationError as error:
        return Unread(index, one.Key, str(error))
    return None
