"""Messages about routes, as the platform's own router reads them: bytes in, what they mean out, or why they mean none.

Pure. Invariant: a message that the platform's router would drop is dropped here too, and says why in one line.
Source: the route messages of gorouter and of service-discovery, as its documentation and source describe them.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

import msgspec

from pidalio.model import printable

BIGGEST: Final = 256 << 10
"""Bytes of one message that are read at most."""
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")
_PORT = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Uri: TypeAlias = tuple[str, str]
"""Host, lower-case, perhaps a wildcard; and path, "" or from its slash on, without one at its end."""


class BadMessage(ValueError):
    """A message that means nothing; `who` is what it is about, as far as that can be known."""

    def __init__(self, why: str, who: str = "") -> None:
        super().__init__(why)
        self.who = who


class _Options(msgspec.Struct, frozen=True):
    loadbalancing: str | None = None


class _Body(msgspec.Struct, frozen=True):
    """A message as it comes; null means what a missing field means."""

    host: str
    uris: list[str] | None = None
    port: _PORT | None = None
    tls_port: _PORT | None = None
    protocol: str | None = None
    app: str | None = None
    private_instance_id: str | None = None
    private_instance_index: str | None = None
    server_cert_domain_san: str | None = None
    isolation_segment: str | None = None
    availability_zone: str | None = None
    endpoint_updated_at_ns: int | None = None
    stale_threshold_in_seconds: int | None = None
    route_service_url: str | None = None
    tags: dict[str, str] | None = None
    options: _Options | None = None


class Instance(msgspec.Struct, frozen=True):
    """One instance as a message describes it; `internal` ones are called at internal domains only.

    `tls_name` is the name that its certificate bears, "" where it is spoken to in plain.
    """

    address: str
    port: int
    tls_name: str = ""
    is_http2: bool = False
    app: str = ""
    guid: str = ""
    index: str = ""
    segment: str = ""
    zone: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    balancing: str = ""
    route_service: str = ""
    internal: bool = False

    @property
    def owner(self) -> tuple[str, str]:
        """Return who has the address: the app and its instance."""
        return self.app, self.guid


class Message(msgspec.Struct, frozen=True):
    """That an instance serves these uris, or no longer.

    `updated` orders messages of one instance, in nanoseconds, 0 for unknown; `threshold` is the message's own number of
    seconds until it is stale, 0 for none. `refused` says what of it means nothing, "" for none.
    """

    instance: Instance
    uris: tuple[Uri, ...]
    updated: int = 0
    threshold: int = 0
    refused: str = ""
    who: str = ""


class Times(msgspec.Struct, frozen=True):
    """What a router says of time, in seconds: how often instances are registered, when they are forgotten."""

    interval: float
    threshold: float


_decode = msgspec.json.Decoder(_Body).decode


def read(data: bytes, *, internal_port: int = 0) -> Message:
    """Return what a message says; raise `BadMessage`. With an `internal_port` it is about internal routes."""
    if len(data) > BIGGEST:
        raise BadMessage(f"a message of {len(data)} bytes is not read: {BIGGEST} is the most")
    try:
        body = _decode(data)
    except msgspec.MsgspecError as error:
        raise BadMessage(str(error), _who(data)) from error
    who = _named(body.app, body.host)
    instance = _instance(body, internal_port, who)
    uris, refused = dict[Uri, None](), ""
    for one in body.uris or ():
        if (found := uri_of(one)) is not None:
            uris[found] = None
        else:
            refused = f"uri {printable(one)!r} is no route: a host, with a wildcard in front at most, and a path"
    if not uris:
        raise BadMessage(refused or "it has no uris", who)
    threshold = max(body.stale_threshold_in_seconds or 0, 0)
    return Message(instance, tuple(uris), body.endpoint_updated_at_ns or 0, threshold, refused, who)


def _instance(body: _Body, internal_port: int, who: str) -> Instance:
    tls, name = body.tls_port or 0, body.server_cert_domain_san or ""
    if internal_port:
        tls = 0
    port = tls or body.port or internal_port
    _check(body, port, who)
    if tls and not name:
        raise BadMessage("it has a tls_port and no server_cert_domain_san, so that nobody can verify the instance", who)
    service = body.route_service_url or ""
    if service and not service.startswith("https://"):
        raise BadMessage(f"route_service_url {service!r} is not https", who)
    return Instance(
        address=body.host,
        port=port,
        tls_name=name.lower() if tls else "",
        is_http2=body.protocol == "http2",
        app=body.app or "",
        guid=body.private_instance_id or "",
        index=body.private_instance_index or "",
        segment=body.isolation_segment or "",
        zone=body.availability_zone or "",
        tags=tuple(sorted((body.tags or {}).items())),
        balancing=(body.options.loadbalancing or "") if body.options else "",
        route_service=service,
        internal=bool(internal_port),
    )


def _check(body: _Body, port: int, who: str) -> None:
    try:
        ipaddress.ip_address(body.host)
    except ValueError as error:
        raise BadMessage(f"host {body.host!r} is no IP address", who) from error
    if not port:
        raise BadMessage("it has neither a port nor a tls_port", who)


def uri_of(text: str) -> Uri | None:
    """Return `Example.com/Path/?query` as host and path, lower-case; None where it is no route."""
    host, slash, path = text.lower().partition("?")[0].partition("/")
    return (host, (slash + path).rstrip("/")) if _HOST.match(host) else None


def read_times(data: bytes) -> Times | None:
    """Return what a router says of time, None where it says nothing that makes sense."""
    try:
        body = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        return None
    if not isinstance(body, Mapping):
        return None
    stated = (body.get(name) for name in ("minimumRegisterIntervalInSeconds", "pruneThresholdInSeconds"))
    times = [float(one) for one in stated if isinstance(one, int | float) and not isinstance(one, bool) and one > 0]
    return Times(*times) if len(times) == 2 else None


def _who(data: bytes) -> str:
    """Return what a message is about that cannot be read whole."""
    try:
        body = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        return ""
    return _named(body.get("app"), body.get("host")) if isinstance(body, Mapping) else ""


def _named(app: object, host: object) -> str:
    return " at ".join(one for one in (f"app {app}" if app else "", str(host or "")) if one)
