"""LocalWorkload: something to run, on ports that can be bound."""

from pidalio.api.findings import Findings
from pidalio.api.local_workload import LocalWorkload
from pidalio.api.object import Meta
from pidalio.api.validate.ports import check_protocol
from pidalio.api.validate.probe import check_probe
from pidalio.api.validate.values import check_dns_label, check_labels, check_port, check_range

REPLICAS_MAX = 1000


def validate(spec: LocalWorkload, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a LocalWorkload."""
    check_labels(spec.labels, "labels", found)
    if not spec.command or not spec.command[0]:
        found.error("no-command", "command", "name the program and its arguments, e.g. [python, app.py]")
    if spec.replicas is not None:
        check_range(spec.replicas, 0, REPLICAS_MAX, "replicas", found)
    for key, value in spec.environment:
        if not key or "=" in key or "\0" in key + value:
            found.error("bad-name", "environment", f"{key!r} cannot name an environment variable")
    numbers: set[int] = set()
    for index, port in enumerate(spec.ports):
        path = f"ports[{index}]"
        check_port(port.port, f"{path}.port", found)
        if port.name:
            check_dns_label(port.name, "port", f"{path}.name", found)
        check_protocol(port.protocol, f"{path}.protocol", found)
        if port.port in numbers:
            found.error("duplicate-value", f"{path}.port", f"port {port.port} is given twice: remove one")
        numbers.add(port.port)
    if spec.locality.count("/") > 2:
        found.error("bad-locality", "locality", f"{spec.locality!r}: write region/zone/subzone")
    if spec.probe:
        check_probe(spec.probe, "probe", found)
