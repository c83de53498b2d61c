"""What Eureka's answers say: JSON with several spellings in, instances out. Pure.

Source: Eureka's REST operations and codecs. Its oddities: booleans and numbers come as strings or as themselves, an
empty registry omits its list, an old codec writes a list of one as the one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.model import Labels, labels_of

_REMEMBERED: Final = 600_000
"""Milliseconds for which it is remembered that an instance is gone."""
_LONGEST_TIME: Final = 16
Key = tuple[str, str]
"""Application (upper case, as Eureka has it) and instance id."""


class Instance(msgspec.Struct, frozen=True, gc=False):
    """One instance; a port that is not enabled is 0."""

    app: str
    id: str
    host: str
    address: str
    status: str
    port: int = 0
    secure_port: int = 0
    vips: tuple[str, ...] = ()
    metadata: Labels = ()
    zone: str = ""
    updated: int = 0
    """When the server changed it last, in milliseconds of its own clock; 0 where it does not say."""

    @property
    def key(self) -> Key:
        """Return what tells it from all others."""
        return self.app, self.id


class Malformed(msgspec.Struct, frozen=True):
    """One instance that cannot be read: which, and why."""

    key: Key
    why: str


class Answer(msgspec.Struct, frozen=True):
    """The applications of one answer; each entry with the action of a delta (`ADDED`, `MODIFIED`, `DELETED`, or "")."""

    entries: tuple[tuple[str, Instance], ...]
    malformed: tuple[Malformed, ...]
    hash: str


def answer(body: bytes) -> Answer:
    """Return what `/apps` or `/apps/delta` answered; raise `PlatformUnavailable` when it is no such answer."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlatformUnavailable(f"the answer is no JSON: {error}") from error
    found = tree.get("applications") if isinstance(tree, dict) else None
    if not isinstance(found, dict):
        raise PlatformUnavailable("the answer holds no applications: is the address that of Eureka's REST interface?")
    entries: list[tuple[str, Instance]] = []
    malformed: list[Malformed] = []
    for name, one in _every_instance(found):
        try:
            entries.append((str(one.get("actionType") or ""), _instance(name, one)))
        except ValueError as error:
            malformed.append(
                Malformed((name.upper(), str(one.get("instanceId") or one.get("hostName") or "?")), str(error))
            )
    return Answer(tuple(entries), tuple(malformed), str(found.get("apps__hashcode") or ""))


def hash_of(instances: Iterable[Instance]) -> str:
    """Return what a registry with these instances calls its hash code: each status with how many have it."""
    counts = Counter(one.status for one in instances)
    return "".join(f"{status}_{count}_" for status, count in sorted(counts.items()))


class Known(msgspec.Struct, frozen=True):
    """The instances that there are, and of those that are `gone` when the server changed them last.

    Answers of one server may be older than one another, for each is kept by itself for a while: what they say of an
    instance counts when it is not older than what is known. Times are the server's own, compared with nothing else.
    """

    instances: Mapping[Key, Instance] = {}
    gone: Mapping[Key, int] = {}

    def after(self, delta: Answer) -> "Known":
        """Return what is known after a delta; of several changes of one instance the last one counts."""
        now, gone = dict(self.instances), dict(self.gone)
        for action, one in delta.entries:
            known = now.get(one.key)
            if _is_older(one.updated, known.updated if known else gone.get(one.key, 0)):
                continue
            if action == "DELETED":
                now.pop(one.key, None)
                gone[one.key] = one.updated
            else:
                now[one.key] = one
                gone.pop(one.key, None)
        return Known(now, _recent(gone))

    def replaced(self, found: Mapping[Key, Instance]) -> "Known":
        """Return what is known after an answer that holds everything: a delta from before brings nothing back."""
        ended = {key: one.updated + 1 for key, one in self.instances.items() if key not in found and one.updated}
        return Known(found, _recent({key: when for key, when in {**self.gone, **ended}.items() if key not in found}))


def _is_older(one: int, other: int) -> bool:
    """Tell whether a change came before another; where a time is missing (0), what is said last counts."""
    return 0 < one < other


def _recent(gone: Mapping[Key, int]) -> Mapping[Key, int]:
    """Leave out what no delta tells of any more: they hold the changes of three minutes."""
    newest = max(gone.values(), default=0)
    return {key: when for key, when in gone.items() if when > newest - _REMEMBERED}


def _every_instance(tree: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for application in _listed(tree.get("application")):
        for one in _listed(application.get("instance")):
            yield str(application.get("name") or one.get("app") or ""), one


def _listed(value: Any) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    many = value if isinstance(value, list) else [value]
    return [one for one in many if isinstance(one, dict)]


def _instance(app: str, tree: Mapping[str, Any]) -> Instance:
    host, address = _text(tree, "hostName"), _text(tree, "ipAddr")
    if not app or not (host or address):
        raise ValueError("it has no application, or neither hostName nor ipAddr")
    metadata = {key: value for key, value in (tree.get("metadata") or {}).items() if isinstance(value, str)}
    metadata.pop("@class", None)
    return Instance(
        app=app.upper(),
        id=_text(tree, "instanceId") or host or address,
        host=host,
        address=address or host,
        status=_text(tree, "status") or "UNKNOWN",
        port=_port(tree, "port"),
        secure_port=_port(tree, "securePort"),
        vips=tuple(part.strip() for part in _text(tree, "vipAddress").split(",") if part.strip()),
        metadata=labels_of(metadata),
        zone=_zone(tree) or metadata.get("zone", ""),
        updated=_time(tree, "lastUpdatedTimestamp"),
    )


def _text(tree: Mapping[str, Any], field: str) -> str:
    value = tree.get(field)
    return value if isinstance(value, str) else ""


def _time(tree: Mapping[str, Any], field: str) -> int:
    """Return a time, which comes as a number or as text; 0 for anything else."""
    text = str(tree.get(field, ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_TIME else 0


def _port(tree: Mapping[str, Any], field: str) -> int:
    """Return an enabled port's number, 0 for one that is not; raise `ValueError` for one that is none."""
    value = tree.get(field)
    if value is None:
        return 0
    stated = value if isinstance(value, dict) else {"$": value, "@enabled": "true"}
    if str(stated.get("@enabled", "true")).lower() != "true":
        return 0
    text = str(stated.get("$", ""))
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 65536:
        raise ValueError(f"{field} is {text!r}, not a port: register it with a number from 1 to 65535")
    return int(text)


def _zone(tree: Mapping[str, Any]) -> str:
    center = tree.get("dataCenterInfo")
    metadata = center.get("metadata") if isinstance(center, dict) else None
    zone = metadata.get("availability-zone") if isinstance(metadata, dict) else None
    return zone if isinstance(zone, str) else ""
