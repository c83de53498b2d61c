"""ServiceEntry as a whole: hosts, addresses, ports, and how instances are found (reference §1.4)."""

from pidalio.api.findings import Findings
from pidalio.api.names import host_mistake, is_address, is_network
from pidalio.api.object import Meta
from pidalio.api.service_entry import EntryResolution, Location, ServiceEntry
from pidalio.api.validate.exports import check_exports
from pidalio.api.validate.ports import check_protocol
from pidalio.api.validate.values import check_labels, check_port
from pidalio.api.validate.workload_entry import check_entry

HOSTS_MAX, ADDRESSES_MAX, ADDRESS_LENGTH_MAX, ENDPOINTS_MAX = 256, 256, 64, 4096
_DNS = (EntryResolution.DNS, EntryResolution.DNS_ROUND_ROBIN)
_SHARED_PROTOCOLS = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTPS", "TLS")
_DYNAMIC_PROTOCOLS = ("HTTP", "HTTP2", "GRPC", "TLS")


def validate(spec: ServiceEntry, meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a ServiceEntry."""
    _check_hosts(spec, found)
    _check_addresses(spec, found)
    _check_ports(spec, found)
    if spec.workload_selector:
        check_labels(spec.workload_selector.labels, "workloadSelector.labels", found)
        if not spec.workload_selector.labels:
            found.error("bad-endpoints", "workloadSelector", "a selector names labels: add some or remove it")
        if spec.endpoints:
            message = "endpoints and workloadSelector exclude each other: keep one"
            found.error("bad-endpoints", "endpoints", message)
    if len(spec.endpoints) > ENDPOINTS_MAX:
        found.error("out-of-range", "endpoints", f"at most {ENDPOINTS_MAX} endpoints can be given")
    _check_endpoints(spec, found)
    _check_resolution(spec, found)
    check_exports(spec.export_to, meta.namespace, "exportTo", found, none_allowed=True)


def _check_hosts(spec: ServiceEntry, found: Findings) -> None:
    if not spec.hosts:
        found.error("missing-field", "hosts", "a ServiceEntry has at least one host")
    if len(spec.hosts) > HOSTS_MAX:
        found.error("out-of-range", "hosts", f"at most {HOSTS_MAX} hosts can be given")
    for index, host in enumerate(spec.hosts):
        path = f"hosts[{index}]"
        if host == "*":
            found.error("bad-host", path, "'*' would take every host: name the hosts")
            continue
        is_partial = host.startswith("*") and not host.startswith("*.")
        mistake = host_mistake(f"x{host[1:]}" if is_partial else host, address=False)
        if mistake:
            found.error("bad-host", path, mistake)
        elif is_partial:
            message = f"{host!r} takes every name that ends in {host[1:]!r}: a wildcard is better the whole first label"
            found.warning("bad-host", path, message)
        if host.lower() in {earlier.lower() for earlier in spec.hosts[:index]}:
            found.error("duplicate-host", path, f"{host!r} is given twice: remove one")


def _check_addresses(spec: ServiceEntry, found: Findings) -> None:
    if len(spec.addresses) > ADDRESSES_MAX:
        found.error("out-of-range", "addresses", f"at most {ADDRESSES_MAX} addresses can be given")
    ranges_allowed = spec.resolution in {EntryResolution.NONE, EntryResolution.STATIC}
    for index, address in enumerate(spec.addresses):
        path = f"addresses[{index}]"
        if len(address) > ADDRESS_LENGTH_MAX or not is_network(address):
            found.error("bad-address", path, f"{address!r} is neither an address nor a CIDR range")
        elif "/" in address and not ranges_allowed:
            message = f"a range needs resolution NONE or STATIC, not {spec.resolution.name}"
            found.error("bad-resolution", path, message)


def _check_ports(spec: ServiceEntry, found: Findings) -> None:
    if not spec.ports and spec.location is Location.MESH_EXTERNAL:
        found.warning("missing-field", "ports", "without ports no traffic can be sent: add number, name and protocol")
    numbers: set[int] = set()
    names: set[str] = set()
    for index, port in enumerate(spec.ports):
        path = f"ports[{index}]"
        check_port(port.number, f"{path}.number", found)
        if port.target_port:
            check_port(port.target_port, f"{path}.targetPort", found)
        if not port.name:
            found.error("missing-field", f"{path}.name", "a port has a name, e.g. http")
        check_protocol(port.protocol, f"{path}.protocol", found)
        if port.number in numbers:
            found.error("duplicate-value", f"{path}.number", f"the port {port.number} is given twice: remove one")
        if port.name and port.name in names:
            found.error("duplicate-value", f"{path}.name", f"the port name {port.name!r} is used twice: rename one")
        numbers.add(port.number)
        names.add(port.name)
        if port.protocol.upper() in {"", "TCP"} and not spec.addresses:
            message = f"a TCP port without addresses takes all traffic to port {port.number}: add addresses"
            found.warning("bad-address", path, message)


def _check_endpoints(spec: ServiceEntry, found: Findings) -> None:
    ports = {port.name for port in spec.ports}
    seen: set[str] = set()
    for index, endpoint in enumerate(spec.endpoints):
        path = f"endpoints[{index}]"
        check_entry(endpoint, path, found)
        for name, _ in endpoint.ports:
            if name not in ports:
                found.error("bad-endpoints", f"{path}.ports", f"the entry has no port named {name!r}")
        key = f"{endpoint.address} {endpoint.network} {endpoint.ports}"
        if endpoint.address and key in seen and spec.resolution is not EntryResolution.NONE:
            found.error(
                "duplicate-value", f"{path}.address", f"{endpoint.address!r} is given twice: use weight instead"
            )
        seen.add(key)


def _check_resolution(spec: ServiceEntry, found: Findings) -> None:
    if spec.resolution is EntryResolution.NONE and spec.endpoints:
        message = "resolution NONE uses the address that was called: set STATIC or DNS, or remove endpoints"
        found.error("bad-resolution", "endpoints", message)
    if spec.resolution is EntryResolution.STATIC:
        _check_static(spec, found)
    if spec.resolution in _DNS:
        _check_dns(spec, found)
    if spec.resolution is EntryResolution.DYNAMIC_DNS:
        _check_dynamic(spec, found)
    protocols = {port.protocol.upper() for port in spec.ports}
    if len(spec.hosts) > 1 and spec.resolution is not EntryResolution.NONE and not protocols <= set(_SHARED_PROTOCOLS):
        message = "several hosts can share only HTTP and TLS ports: use one ServiceEntry for each host"
        found.error("bad-resolution", "hosts", message)


def _check_static(spec: ServiceEntry, found: Findings) -> None:
    if not spec.endpoints and not spec.workload_selector:
        found.error("bad-resolution", "resolution", "STATIC needs endpoints or a workloadSelector")
    for index, endpoint in enumerate(spec.endpoints):
        address = endpoint.address
        if address and not is_address(address) and not address.startswith("unix://"):
            message = f"{address!r} is a name: STATIC needs addresses; use resolution DNS"
            found.error("bad-resolution", f"endpoints[{index}].address", message)


def _check_dns(spec: ServiceEntry, found: Findings) -> None:
    if not spec.endpoints and not spec.workload_selector:
        for index, host in enumerate(spec.hosts):
            if "*" in host or "." not in host:
                message = f"{host!r} cannot be looked up: write a full name, or add endpoints"
                found.error("bad-resolution", f"hosts[{index}]", message)
    for index, endpoint in enumerate(spec.endpoints):
        if endpoint.address.startswith("unix://"):
            message = "a UNIX socket needs resolution STATIC"
            found.error("bad-resolution", f"endpoints[{index}].address", message)
    if spec.resolution is EntryResolution.DNS_ROUND_ROBIN and len(spec.endpoints) > 1:
        found.error("bad-resolution", "endpoints", "DNS_ROUND_ROBIN has at most one endpoint: use DNS")


def _check_dynamic(spec: ServiceEntry, found: Findings) -> None:
    if spec.endpoints or spec.workload_selector or spec.addresses:
        message = "DYNAMIC_DNS looks up what is called: remove endpoints, workloadSelector and addresses"
        found.error("bad-resolution", "resolution", message)
    for index, host in enumerate(spec.hosts):
        if not host.startswith("*."):
            found.error("bad-resolution", f"hosts[{index}]", f"DYNAMIC_DNS is for wildcards; use DNS for {host!r}")
    for index, port in enumerate(spec.ports):
        if port.protocol.upper() not in _DYNAMIC_PROTOCOLS:
            message = f"DYNAMIC_DNS needs one of {', '.join(_DYNAMIC_PROTOCOLS)}"
            found.error("bad-resolution", f"ports[{index}].protocol", message)
