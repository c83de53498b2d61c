"""ProxyConfig: bounds of its numbers, which are those that Envoy itself accepts (reference §1.9)."""

from pidalio.api.findings import Findings
from pidalio.api.proxy_config import ConnectionSettings, ProxyConfig
from pidalio.api.validate.values import check_range

_UINT32 = 2**32 - 1
_INT32 = 2**31 - 1
_SMALLEST_WINDOW = 65_535


def check_proxy_config(spec: ProxyConfig, path: str, found: Findings) -> None:
    """Note settings of a proxy that no Envoy can have."""
    if spec.gateway_topology:
        hops = spec.gateway_topology.num_trusted_proxies
        check_range(hops, 0, _UINT32, f"{path}.gatewayTopology.numTrustedProxies", found)
    if spec.connection_settings:
        _check_connections(spec.connection_settings, f"{path}.connectionSettings", found)


def _check_connections(spec: ConnectionSettings, path: str, found: Findings) -> None:
    for name, number, low, high in (
        ("listenerPerConnectionBufferLimitBytes", spec.listener_per_connection_buffer_limit_bytes, 0, _UINT32),
        ("clusterPerConnectionBufferLimitBytes", spec.cluster_per_connection_buffer_limit_bytes, 0, _UINT32),
        ("httpMaxConcurrentStreams", spec.http_max_concurrent_streams, 1, _INT32),
        ("http2InitialStreamWindowSize", spec.http2_initial_stream_window_size, _SMALLEST_WINDOW, _INT32),
        ("http2InitialConnectionWindowSize", spec.http2_initial_connection_window_size, _SMALLEST_WINDOW, _INT32),
    ):
        if number is not None:
            check_range(number, low, high, f"{path}.{name}", found)
