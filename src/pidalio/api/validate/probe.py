"""ReadinessProbe: how an instance is asked whether it is well (reference §1.5)."""

from pidalio.api.findings import Findings
from pidalio.api.validate.values import check_not_negative, check_port
from pidalio.api.workload_entry import ReadinessProbe


def check_probe(probe: ReadinessProbe, path: str, found: Findings) -> None:
    """Note a probe that cannot be carried out (that exactly one way is given is checked while parsing)."""
    for name, number in (
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        check_not_negative(number, f"{path}.{name}", found)
    if probe.http_get:
        check_port(probe.http_get.port, f"{path}.httpGet.port", found)
        if probe.http_get.scheme.upper() not in {"", "HTTP", "HTTPS"}:
            found.error("bad-probe", f"{path}.httpGet.scheme", f"{probe.http_get.scheme!r} is neither HTTP nor HTTPS")
        if probe.http_get.path and not probe.http_get.path.startswith("/"):
            found.error("bad-probe", f"{path}.httpGet.path", "a path begins with '/'")
    if probe.tcp_socket:
        check_port(probe.tcp_socket.port, f"{path}.tcpSocket.port", found)
    if probe.grpc:
        check_port(probe.grpc.port, f"{path}.grpc.port", found)
    if probe.exec and not probe.exec.command:
        found.error("bad-probe", f"{path}.exec.command", "name the command and its arguments")
