"""Bytes in, bytes out: a request is parsed once, a response is joined from bytes that exist already.

Invariant: no resource is parsed or serialised here (D3); only the response's few header fields are written.
Field numbers are those of `envoy.service.discovery.v3.DeltaDiscoveryResponse`.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from pidalio.envoy import messages
from pidalio.errors import InvalidInput
from pidalio.xds.node import Node, node_of

_SYSTEM_VERSION = b"\x0a"  # field 1, length-delimited
_TYPE_URL = b"\x22"  # field 4
_NONCE = b"\x2a"  # field 5
_REMOVED = b"\x32"  # field 6


class Request(msgspec.Struct, frozen=True, gc=False):
    """One DeltaDiscoveryRequest; `error` is the text of a NACK, None in an ACK; `node` where one was sent."""

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial: Mapping[str, str] = {}
    nonce: str = ""
    error: str | None = None
    node: Node | None = None


def parse(data: bytes) -> Request:
    """Parse one request; raise `InvalidInput` when `data` is not one."""
    try:
        message: Any = messages.DeltaDiscoveryRequest.FromString(data)
    except DecodeError as error:
        raise InvalidInput(f"not a DeltaDiscoveryRequest: {error}") from error
    if not message.type_url:
        raise InvalidInput("a discovery request names no type_url")
    return Request(
        message.type_url,
        tuple(message.resource_names_subscribe),
        tuple(message.resource_names_unsubscribe),
        dict(message.initial_resource_versions),
        message.response_nonce,
        " ".join(message.error_detail.message.split()) if message.HasField("error_detail") else None,
        node_of(message.node) if message.HasField("node") else None,
    )


def response(type_url: str, nonce: str, generation: int, bodies: Iterable[bytes], removed: Iterable[str]) -> bytes:
    """Join one DeltaDiscoveryResponse; each of `bodies` is an encoded `resources` entry, tag and length included."""
    return b"".join(
        (
            _shared_field(_SYSTEM_VERSION, str(generation)),
            *bodies,
            _shared_field(_TYPE_URL, type_url),
            _field(_NONCE, nonce),
            *[_field(_REMOVED, name) for name in removed],
        )
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
