"""Consul's answers as it words them: the fields that count, and nothing else. Pure.

A list may be null where nothing is in it. Source: Consul's HTTP API (health, catalog, config).
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from pidalio.errors import PlatformUnavailable


class TaggedAddress(msgspec.Struct, frozen=True, rename="lower"):
    """An address of a service by another way, with its port (0: the same)."""

    address: str = ""
    port: int = 0


class Place(msgspec.Struct, frozen=True, rename="pascal"):
    """Where something runs, stated by newer Consuls."""

    region: str = ""
    zone: str = ""


class Node(msgspec.Struct, frozen=True, rename="pascal"):
    """The machine of an instance; its name is unique in a datacenter."""

    node: str
    address: str = ""
    datacenter: str = ""
    tagged_addresses: dict[str, str] | None = None
    meta: dict[str, str] | None = None
    locality: Place | None = None


class Weights(msgspec.Struct, frozen=True, rename="pascal"):
    """The share of the load while all checks pass, and while one warns."""

    passing: int = 1
    warning: int = 1


class Instance(msgspec.Struct, frozen=True, rename="pascal"):
    """What registered itself; its id is unique at its node only. `kind` is empty but for proxies and gateways."""

    id: str = msgspec.field(name="ID")
    service: str = ""
    tags: list[str] | None = None
    address: str = ""
    tagged_addresses: dict[str, TaggedAddress] | None = None
    meta: dict[str, str] | None = None
    port: int = 0
    weights: Weights | None = None
    kind: str = ""
    locality: Place | None = None
    create_index: int = 0


class Check(msgspec.Struct, frozen=True, rename="pascal"):
    """What one check says: of an instance, or (without a service) of its node."""

    check_id: str = msgspec.field(name="CheckID", default="")
    status: str = ""


class Entry(msgspec.Struct, frozen=True, rename="pascal"):
    """One instance with its node and all checks that are about it."""

    node: Node
    service: Instance
    checks: list[Check] | None = None


class Defaults(msgspec.Struct, frozen=True, rename="pascal"):
    """A service's central settings."""

    name: str = ""
    protocol: str = ""


_NAMES: Final = msgspec.json.Decoder(dict[str, list[str] | None])
_ENTRIES: Final = msgspec.json.Decoder(list[msgspec.Raw] | None)
_ENTRY: Final = msgspec.json.Decoder(Entry)
_DEFAULTS: Final = msgspec.json.Decoder(list[Defaults] | None)


class _Named(msgspec.Struct, rename="pascal"):
    service: Mapping[str, object] = {}
    node: Mapping[str, object] = {}


def names(body: bytes) -> tuple[str, ...]:
    """Return the names in an answer about all services; raise `PlatformUnavailable` for one that is none."""
    try:
        return tuple(_NAMES.decode(body))
    except msgspec.MsgspecError as error:
        raise PlatformUnavailable(f"Consul's list of services cannot be read: {error}") from error


def entries(body: bytes) -> Iterator[Entry | str]:
    """Yield each entry of an answer about one service, or one line for what cannot be read.

    Raise `PlatformUnavailable` when it is no list at all.
    """
    try:
        raw = _ENTRIES.decode(body) or []
    except msgspec.MsgspecError as error:
        raise PlatformUnavailable(f"Consul's list of instances cannot be read: {error}") from error
    for one in raw:
        try:
            yield _ENTRY.decode(one)
        except msgspec.MsgspecError as error:
            yield f"instance {_name(one)} cannot be read and is left out: {error}"


def protocols(body: bytes) -> dict[str, str]:
    """Return the protocols in an answer about service-defaults, by service; raise `PlatformUnavailable`."""
    try:
        return {one.name: one.protocol for one in _DEFAULTS.decode(body) or () if one.name and one.protocol}
    except msgspec.MsgspecError as error:
        raise PlatformUnavailable(f"Consul's service-defaults cannot be read: {error}") from error


def _name(raw: msgspec.Raw) -> str:
    try:
        named = msgspec.json.decode(raw, type=_Named)
    except msgspec.MsgspecError:
        return "without a name"
    return f"{named.service.get('ID', '?')} of node {named.node.get('Node', '?')}"
