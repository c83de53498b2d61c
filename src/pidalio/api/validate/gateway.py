"""Gateway as a whole: servers, their ports and hosts (reference §1.3)."""

from pidalio.api.findings import Findings
from pidalio.api.gateway import Gateway, Server, ServerTLSSettings
from pidalio.api.names import host_mistake, is_address, is_dns_label
from pidalio.api.object import Meta
from pidalio.api.validate.ports import GATEWAY_PROTOCOLS, check_protocol
from pidalio.api.validate.server_tls import check_server_tls
from pidalio.api.validate.values import check_labels, check_port


def validate(spec: Gateway, meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a Gateway."""
    if meta.name and not is_dns_label(meta.name):
        found.error("bad-name", "", f"{meta.name!r} cannot name a Gateway: no dots, at most 63 characters")
    if not spec.servers:
        found.error("missing-field", "servers", "a gateway has at least one server")
    if not spec.selector:
        message = "without selector this applies to every gateway: name labels, e.g. selector: {istio: ingressgateway}"
        found.warning("no-selector", "selector", message)
    check_labels(spec.selector, "selector", found)
    names: set[str] = set()
    for index, server in enumerate(spec.servers):
        _check_server(server, f"servers[{index}]", found)
        name = server.port.name if server.port else ""
        if name and name in names:
            message = f"the port name {name!r} is used twice: give each server its own"
            found.error("duplicate-value", f"servers[{index}].port.name", message)
        names.add(name)


def _check_server(server: Server, path: str, found: Findings) -> None:
    if server.port is None:
        found.error("missing-field", f"{path}.port", "a server has a port with number, name and protocol")
    else:
        _check_port(server, path, found)
    if server.bind and not is_address(server.bind) and not server.bind.startswith("unix://"):
        found.error("bad-address", f"{path}.bind", f"{server.bind!r} is neither an address nor unix:///path")
    if not server.hosts:
        found.error("missing-field", f"{path}.hosts", "a server names its hosts; '*' stands for all")
    for index, host in enumerate(server.hosts):
        check_gateway_host(host, f"{path}.hosts[{index}]", found)
    if server.tls:
        check_server_tls(server.tls, f"{path}.tls", found)


def _check_port(server: Server, path: str, found: Findings) -> None:
    port = server.port
    if port is None:
        return
    if server.bind.startswith("unix://"):
        if port.number:
            found.error("bad-port", f"{path}.port.number", "a UNIX socket has port 0")
    else:
        check_port(port.number, f"{path}.port.number", found)
    if not port.name:
        found.error("missing-field", f"{path}.port.name", "a port has a name, e.g. http")
    if not port.protocol:
        found.error("missing-field", f"{path}.port.protocol", "a port has a protocol, e.g. HTTP")
    check_protocol(port.protocol, f"{path}.port.protocol", found, GATEWAY_PROTOCOLS)
    if port.target_port:
        message = "targetPort is not used: the Service of the gateway maps its ports"
        found.error("bad-port", f"{path}.port.targetPort", message)
    _check_tls_use(port.protocol.upper(), server.tls, path, found)


def _check_tls_use(protocol: str, tls: ServerTLSSettings | None, path: str, found: Findings) -> None:
    if protocol in {"HTTPS", "TLS"} and tls is None:
        found.error("bad-tls", f"{path}.tls", f"{protocol} needs tls settings, e.g. mode and credentialName")
    plain = ServerTLSSettings(https_redirect=True)
    if protocol == "HTTP" and tls not in (None, plain, ServerTLSSettings()):
        message = "a plain HTTP port takes no TLS settings but httpsRedirect: use protocol HTTPS"
        found.error("bad-tls", f"{path}.tls", message)
    if protocol == "HTTPS" and tls and tls.https_redirect:
        message = "httpsRedirect is for plain HTTP ports; this one speaks TLS already"
        found.warning("bad-tls", f"{path}.tls.httpsRedirect", message)


def check_gateway_host(host: str, path: str, found: Findings) -> None:
    """Note a host of a server that is not `[namespace/]name`."""
    namespace, slash, name = host.rpartition("/")
    if slash and namespace not in {"*", "."} and not is_dns_label(namespace):
        found.error("bad-host", path, f"{namespace!r} in {host!r} is neither '*', '.' nor a namespace")
    mistake = host_mistake(name, short=False)
    if mistake:
        found.error("bad-host", path, mistake)
