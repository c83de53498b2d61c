"""Sidecar as a whole: listeners, egress hosts, catch-all (reference §1.6)."""

import re

from pidalio.api.findings import Findings
from pidalio.api.gateway import ServerTLSMode
from pidalio.api.names import host_mistake, is_address, is_dns_label
from pidalio.api.object import Meta
from pidalio.api.sidecar import (
    CaptureMode,
    IstioEgressListener,
    IstioIngressListener,
    OutboundMode,
    Sidecar,
    SidecarPort,
)
from pidalio.api.validate.destinations import check_destination
from pidalio.api.validate.ports import check_protocol
from pidalio.api.validate.server_tls import check_server_tls
from pidalio.api.validate.traffic_policy import check_pool
from pidalio.api.validate.values import check_labels, check_port

_ENDPOINT = re.compile(r"(?:127\.0\.0\.1|\[::1\]|0\.0\.0\.0|\[::\]):(\d{1,5})\Z")


def validate(spec: Sidecar, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a Sidecar."""
    if spec.workload_selector:
        check_labels(spec.workload_selector.labels, "workloadSelector.labels", found)
    if not (spec.ingress or spec.egress or spec.outbound_traffic_policy or spec.inbound_connection_pool):
        message = "one of ingress, egress, outboundTrafficPolicy and inboundConnectionPool is needed"
        found.error("missing-field", "", message)
    _check_ingress(spec, found)
    _check_egress(spec, found)
    if spec.inbound_connection_pool:
        check_pool(spec.inbound_connection_pool, "inboundConnectionPool", found)
    policy = spec.outbound_traffic_policy
    if policy and policy.egress_proxy:
        check_destination(policy.egress_proxy, "outboundTrafficPolicy.egressProxy", found)
        if policy.mode is not OutboundMode.ALLOW_ANY:
            message = "an egress proxy needs mode ALLOW_ANY"
            found.error("bad-egress", "outboundTrafficPolicy.egressProxy", message)
        if policy.egress_proxy.port is None or "." not in policy.egress_proxy.host:
            message = "an egress proxy is a full name and a port"
            found.error("bad-egress", "outboundTrafficPolicy.egressProxy", message)


def _check_ingress(spec: Sidecar, found: Findings) -> None:
    numbers: set[int] = set()
    for index, listener in enumerate(spec.ingress):
        path = f"ingress[{index}]"
        _check_inbound(listener, path, found)
        number = listener.port.number if listener.port else 0
        if number and number in numbers:
            found.error("duplicate-value", f"{path}.port.number", f"port {number} is given twice: remove one")
        numbers.add(number)


def _check_inbound(listener: IstioIngressListener, path: str, found: Findings) -> None:
    if listener.port is None:
        found.error("missing-field", f"{path}.port", "an inbound listener has a port")
    else:
        _check_listener_port(listener.port, listener.bind, f"{path}.port", found)
    _check_bind(listener.bind, path, found)
    endpoint = listener.default_endpoint
    matched = _ENDPOINT.match(endpoint)
    if endpoint and not endpoint.startswith("unix://") and not matched:
        message = f"{endpoint!r}: write 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT or unix:///path"
        found.error("bad-listener", f"{path}.defaultEndpoint", message)
    if matched:
        check_port(int(matched[1]), f"{path}.defaultEndpoint", found)
    if listener.tls:
        check_server_tls(listener.tls, f"{path}.tls", found)
        if listener.tls.mode not in (ServerTLSMode.SIMPLE, ServerTLSMode.MUTUAL):
            message = f"{listener.tls.mode.name} is not for sidecars: use SIMPLE or MUTUAL"
            found.error("bad-tls", f"{path}.tls.mode", message)
    if listener.connection_pool:
        check_pool(listener.connection_pool, f"{path}.connectionPool", found)


def _check_egress(spec: Sidecar, found: Findings) -> None:
    for index, listener in enumerate(spec.egress):
        path = f"egress[{index}]"
        if listener.port is None:
            _check_catch_all(listener, index, len(spec.egress), found)
        else:
            _check_listener_port(listener.port, listener.bind, f"{path}.port", found)
        _check_bind(listener.bind, path, found)
        if listener.bind.startswith("unix://") and listener.capture_mode is CaptureMode.IPTABLES:
            found.error("bad-listener", f"{path}.captureMode", "a UNIX socket cannot be captured: use DEFAULT or NONE")
        if not listener.hosts:
            found.error("missing-field", f"{path}.hosts", "name what is visible, e.g. './*' or 'prod/*'")
        for position, host in enumerate(listener.hosts):
            check_egress_host(host, f"{path}.hosts[{position}]", found)


def _check_catch_all(listener: IstioEgressListener, index: int, count: int, found: Findings) -> None:
    path = f"egress[{index}]"
    if listener.bind:
        found.error("bad-listener", f"{path}.bind", "a bind needs a port")
    if index != count - 1:
        message = "only the last egress listener can be without port: move it to the end, or merge the hosts"
        found.error("bad-listener", path, message)


def _check_listener_port(port: SidecarPort, bind: str, path: str, found: Findings) -> None:
    if bind.startswith("unix://"):
        if port.number:
            found.error("bad-port", f"{path}.number", "a UNIX socket has port 0")
    else:
        check_port(port.number, f"{path}.number", found)
    check_protocol(port.protocol, f"{path}.protocol", found)


def _check_bind(bind: str, path: str, found: Findings) -> None:
    if bind and not is_address(bind) and not bind.startswith("unix://"):
        found.error("bad-address", f"{path}.bind", f"{bind!r} is neither an address nor unix:///path")


def check_egress_host(host: str, path: str, found: Findings) -> None:
    """Note an egress host that is not `namespace/host`."""
    namespace, slash, name = host.partition("/")
    if not slash:
        found.error("bad-egress", path, f"{host!r}: write 'namespace/host', e.g. './{host}' or '*/{host}'")
        return
    if namespace not in {"*", ".", "~"} and not is_dns_label(namespace.removeprefix("~")):
        found.error("bad-egress", path, f"{namespace!r} in {host!r} is neither '*', '.', '~' nor a namespace")
    mistake = host_mistake(name, address=False, short=False)
    if mistake:
        found.error("bad-egress", path, mistake)
