"""Names that Envoy sees, exactly as Istio builds them, so that dashboards and habits keep working.

The one invariant: a name derives from what it stands for, never from a position in a list (design record 0002).
Source: Istio's documented cluster, listener and route names (reference §2.4, §2.11, §2.13).
"""

import sys

PASSTHROUGH = "PassthroughCluster"
BLACKHOLE = "BlackHoleCluster"
DYNAMIC_DNS = "AllowAnyDynamicDNSCluster"
HTTP_PROXY = "http_proxy"
VIRTUAL_OUTBOUND = "virtualOutbound"
PASSTHROUGH_CHAIN = "PassthroughFilterChain"
INBOUND_PASSTHROUGH = "InboundPassthroughCluster"
VIRTUAL_INBOUND = "virtualInbound"


def outbound_cluster(host: str, port: int, subset: str = "") -> str:
    """Return `outbound|80|v1|reviews.default.svc.cluster.local`."""
    return sys.intern(f"outbound|{port}|{subset}|{host}")


def outbound_destination(cluster: str) -> tuple[str, int, str] | None:
    """Return host, port and subset that `outbound_cluster` named; None for any other name."""
    direction, _, rest = cluster.partition("|")
    if direction != "outbound":
        return None
    port, subset, host = rest.split("|", 2)
    return host, int(port), subset


def instance_host(instance: str, host: str) -> str:
    """Return `web-0.web.default.svc.cluster.local`: one instance of a headless service, or `*` for any."""
    return f"{instance}.{host}"


def inbound_cluster(port: int, socket: str = "") -> str:
    """Return `inbound|9080||`; what comes in by a UNIX socket has port 0 and the socket's path at the end."""
    return f"inbound|{port}||{socket}"


def listener(address: str, port: int) -> str:
    """Return `10.0.0.1_80`."""
    return f"{address}_{port}"


def virtual_host(host: str, port: int) -> str:
    """Return `reviews.default.svc.cluster.local:80`."""
    return f"{host}:{port}"


def gateway_table(port: int, bind: str = "") -> str:
    """Return `http.8080`, with the address when the server is bound to one."""
    return f"http.{port}.{bind}" if bind else f"http.{port}"
