"""Which protocol a port speaks: declared by `appProtocol`, by the port's name, or undeclared.

Source of the rules: Istio's documented protocol selection (reference §2.3).
"""

from pidalio.model import Protocol

_NAMES = {protocol.value.lower(): protocol for protocol in Protocol if protocol is not Protocol.UNSUPPORTED} | {
    "http_proxy": Protocol.HTTP,
}
_KUBERNETES = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}
_SERVER_FIRST = frozenset({25, 53, 3306, 27017})


def protocol_named(name: str) -> Protocol | None:
    """Return the protocol that `name` declares outright (`HTTP2`, `grpc-web`), or None."""
    return _NAMES.get(name.lower())


def port_protocol(number: int, name: str, app_protocol: str = "", transport: str = "TCP") -> Protocol:
    """Return the protocol of a platform service's port.

    It is declared by `appProtocol` where that is stated, and only else by the name, up to the first `-` (`grpc-web` is
    taken whole); undeclared ports are sniffed, but for those where servers speak first.
    """
    if transport.upper() == "UDP":
        return Protocol.UDP
    if known := _KUBERNETES.get(app_protocol.lower()):
        return known
    lowered = (app_protocol or name).lower()
    prefix = "grpc-web" if lowered.startswith("grpc-web") else lowered.partition("-")[0]
    declared = _NAMES.get(prefix)
    if declared and declared is not Protocol.UDP:
        return declared
    return Protocol.TCP if number in _SERVER_FIRST else Protocol.UNSUPPORTED
