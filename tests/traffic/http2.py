"""As much of HTTP/2 as one request over one plain connection takes (RFC 9113, RFC 7541 without compression)."""

import asyncio
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.traffic.client import Sent

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_STATUSES = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}


def request(one: "Sent") -> bytes:
    """Return everything that a client with prior knowledge sends."""
    head = [(":method", one.method), (":scheme", "http"), (":authority", one.host), (":path", one.target)]
    block = b"".join(_literal(name.lower(), value) for name, value in [*head, *one.headers])
    return _PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _END_STREAM | _END_HEADERS, 1, block)


async def response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status (one that HTTP/2 has a number for) and the body."""
    status, body = 0, b""
    while True:
        head = await reader.readexactly(9)
        payload = await reader.readexactly(int.from_bytes(head[:3]))
        if head[3] == _HEADERS and not status:
            status = _STATUSES[payload[0]]
        if head[3] == _DATA:
            body += payload
        if head[3] in (_DATA, _HEADERS) and head[4] & _END_STREAM:
            return status, body


def echoed(body: bytes) -> tuple[tuple[str, str], ...]:
    """Return the headers that the echo server would have been seen to send, from what it says in the body."""
    return (("x-from", json.loads(body)["address"]), ("x-drop-me", "1")) if body.startswith(b"{") else ()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _literal(name: str, value: str) -> bytes:
    return b"\x00" + _text(name) + _text(value)


def _text(value: str) -> bytes:
    assert len(value) < 127, "longer texts need more than one byte for their length"
    return bytes([len(value)]) + value.encode()
