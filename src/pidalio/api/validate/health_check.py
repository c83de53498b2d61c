"""HealthCheck: a question that Envoy can ask, and an answer that can be told from its opposite."""

from pidalio.api.findings import Findings
from pidalio.api.health_check import HealthCheck, HttpCheck, TcpCheck, statuses
from pidalio.api.names import host_mistake
from pidalio.api.object import Meta
from pidalio.api.places import join
from pidalio.api.validate.exports import check_exports
from pidalio.api.validate.headers import header_mistake, value_mistake
from pidalio.api.validate.http_actions import METHODS
from pidalio.api.validate.values import (
    check_dns_label,
    check_host,
    check_not_negative,
    check_optional_port,
    check_positive,
)

ROUTES_WAIT = 5_000
"""So long, in milliseconds, routes wait for a new cluster to be ready."""
_METHODS = METHODS - {"*", "CONNECT"}
_FIXED = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade"})


def validate(spec: HealthCheck, meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a HealthCheck (that it asks in one way is checked while parsing)."""
    check_host(spec.host, "host", found, wildcard=False)
    check_optional_port(spec.port, "port", found)
    if spec.subset:
        check_dns_label(spec.subset, "subset", "subset", found)
    check_positive(spec.interval, "interval", found)
    check_positive(spec.timeout, "timeout", found)
    if spec.timeout is not None and spec.timeout >= ROUTES_WAIT:
        message = "while an instance hangs, calls by a new route to it get 503: routes wait 5 s for a new cluster"
        found.warning("slow-health-check", "timeout", message)
    check_not_negative(spec.unhealthy_threshold, "unhealthyThreshold", found)
    check_not_negative(spec.healthy_threshold, "healthyThreshold", found)
    check_exports(spec.export_to, meta.namespace, "exportTo", found)
    if spec.http:
        _check_http(spec.http, found)
    if spec.grpc and spec.grpc.authority:
        _check_authority(spec.grpc.authority, "grpc.authority", found)
    if spec.tcp:
        _check_tcp(spec.tcp, found)


def _check_http(http: HttpCheck, found: Findings) -> None:
    if http.path and not http.path.startswith("/"):
        found.error("bad-health-check", "http.path", "a path begins with '/'")
    if http.host:
        _check_authority(http.host, "http.host", found)
    if http.method and http.method not in _METHODS:
        message = f"{http.method!r} is not one of {', '.join(sorted(_METHODS))}"
        found.error("bad-health-check", "http.method", message)
    for name, value in http.headers:
        path = join("http.headers", name)
        if name.startswith(":") or name.lower() in _FIXED:
            found.error("bad-header", path, f"{name!r} is not for a check to set: the host has a field of its own")
        elif mistake := header_mistake(name) or value_mistake(value):
            found.error("bad-header", path, mistake)
    _check_statuses(http, found)


def _check_authority(authority: str, path: str, found: Findings) -> None:
    """Note an authority that is no name or address, with or without port."""
    host, colon, port = authority.rpartition(":") if authority.rpartition(":")[2].isdigit() else (authority, "", "")
    if mistake := host_mistake(host.strip("[]"), wildcard=False):
        found.error("bad-host", path, mistake)
    if colon and not 1 <= int(port) <= 65535:
        found.error("bad-port", path, f"{port} is not a port: write a number between 1 and 65535")


def _check_statuses(http: HttpCheck, found: Findings) -> None:
    """Note what is no status, and statuses that are said to mean both that an instance is well and that it is not."""
    well: set[int] = set()
    for index, written in enumerate(http.expected):
        well.update(_status(written, f"http.expected[{index}]", found))
    for index, written in enumerate(http.retriable):
        path = f"http.retriable[{index}]"
        if both := sorted((well or {200}).intersection(_status(written, path, found))):
            message = f"{both[0]} is expected already: a status is either of an instance that is well or not"
            found.error("bad-health-check", path, message)


def _status(written: str, path: str, found: Findings) -> range:
    named = statuses(written)
    if named is None:
        message = f"{written!r} is neither a status from 100 to 599 nor a range such as '200-299'"
        found.error("bad-status", path, message)
    return named or range(0)


def _check_tcp(tcp: TcpCheck, found: Findings) -> None:
    for index, text in enumerate(tcp.receive):
        if not text:
            found.error("bad-health-check", f"tcp.receive[{index}]", "every answer holds no text: leave the entry out")
    if tcp.receive and not tcp.send:
        message = "nothing is sent: only a server that speaks first answers such a check"
        found.warning("bad-health-check", "tcp.receive", message)
