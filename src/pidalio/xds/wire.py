"""Bytes in, bytes out: a request is parsed once, a response is joined from bytes that exist already.

Invariant: no resource is parsed or serialised here (D3); only the response's few header fields are written.
Field numbers are those of `envoy.service.discovery.v3.DeltaDiscoveryResponse` and `DiscoveryResponse`.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from pidalio.envoy import messages
from pidalio.errors import InvalidInput
from pidalio.xds.node import Node, node_of

_VERSION = b"\x0a"  # field 1 of both, length-delimited: of the system, or of the set
_TYPE_URL = b"\x22"  # field 4 of both
_NONCE = b"\x2a"  # field 5 of both
_REMOVED = b"\x32"  # field 6 of the delta response


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request; `error` is the text of a NACK, None in an ACK; `node` where one was sent.

    A delta request says what changes: `subscribe`, `unsubscribe`, and at first what the proxy holds (`initial`).
    A state-of-the-world request says all names that are asked for, and the `version` of the set that the proxy holds.
    """

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial: Mapping[str, str] = {}
    nonce: str = ""
    error: str | None = None
    node: Node | None = None
    names: tuple[str, ...] = ()
    version: str = ""


def parse_delta(data: bytes) -> Request:
    """Parse one delta request; raise `InvalidInput` when `data` is not one."""
    message = _parsed(messages.DeltaDiscoveryRequest, data)
    return Request(
        message.type_url,
        tuple(message.resource_names_subscribe),
        tuple(message.resource_names_unsubscribe),
        dict(message.initial_resource_versions),
        message.response_nonce,
        _error(message),
        node_of(message.node, takes_parts=True) if message.HasField("node") else None,
    )


def parse_state(data: bytes) -> Request:
    """Parse one state-of-the-world request; raise `InvalidInput` when `data` is not one."""
    message = _parsed(messages.DiscoveryRequest, data)
    return Request(
        message.type_url,
        nonce=message.response_nonce,
        error=_error(message),
        node=node_of(message.node, takes_parts=False) if message.HasField("node") else None,
        names=tuple(message.resource_names),
        version=message.version_info,
    )


def _parsed(kind: Any, data: bytes) -> Any:
    try:
        message = kind.FromString(data)
    except DecodeError as error:
        raise InvalidInput(f"not a {kind.DESCRIPTOR.name}: {error}") from error
    if not message.type_url:
        raise InvalidInput("a discovery request names no type_url")
    return message


def _error(message: Any) -> str | None:
    return " ".join(message.error_detail.message.split()) if message.HasField("error_detail") else None


def delta_response(
    type_url: str, nonce: str, generation: int, bodies: Iterable[bytes], removed: Iterable[str]
) -> bytes:
    """Join one DeltaDiscoveryResponse; each of `bodies` is an encoded `resources` entry, tag and length included."""
    return b"".join(
        (
            _shared_field(_VERSION, str(generation)),
            *bodies,
            _shared_field(_TYPE_URL, type_url),
            _field(_NONCE, nonce),
            *[_field(_REMOVED, name) for name in removed],
        )
    )


def state_response(type_url: str, nonce: str, version: str, entries: Iterable[bytes]) -> bytes:
    """Join one DiscoveryResponse; each of `entries` is an encoded `resources` entry, tag and length included."""
    return b"".join(
        (_field(_VERSION, version), *entries, _shared_field(_TYPE_URL, type_url), _field(_NONCE, nonce)),
    )


def _field(tag: bytes, text: str) -> bytes:
    data = text.encode()
    return tag + _varint(len(data)) + data


_shared_field = functools.lru_cache(maxsize=64)(_field)  # the same for every stream


def _varint(number: int) -> bytes:
    """Encode a length, seven bits a byte, the low ones first."""
    if number < 0x80:
        return bytes((number,))
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
