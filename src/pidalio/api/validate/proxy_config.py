"""ProxyConfig, EnvoyFilter and MeshConfig.defaultConfig: bounds are those of Envoy itself (reference §1.7–§1.9)."""

from pidalio.api.envoy_filter import EnvoyFilter
from pidalio.api.findings import Findings
from pidalio.api.object import Meta
from pidalio.api.places import join
from pidalio.api.proxy_config import ConnectionSettings, MeshProxyConfig, ProxyConfig
from pidalio.api.scalars import StringMap
from pidalio.api.validate.values import (
    check_labels,
    check_not_negative,
    check_optional_port,
    check_range,
    check_regex,
)

TARGETS_MAX = 16

_UINT32 = 2**32 - 1
_INT32 = 2**31 - 1
_SMALLEST_WINDOW = 65_535


def validate(spec: ProxyConfig, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a ProxyConfig."""
    if spec.selector:
        check_labels(spec.selector.match_labels, "selector.matchLabels", found)
    check_not_negative(spec.concurrency or 0, "concurrency", found)
    _check_variables(spec.environment_variables, "environmentVariables", found)


def validate_filter(spec: EnvoyFilter, _meta: Meta, found: Findings) -> None:
    """Note what is wrong with the frame of an EnvoyFilter; its patches are not read."""
    if spec.workload_selector:
        check_labels(spec.workload_selector.labels, "workloadSelector.labels", found)
    if len(spec.target_refs) > TARGETS_MAX:
        found.error("out-of-range", "targetRefs", f"at most {TARGETS_MAX} targets can be given")


def check_proxy_config(spec: MeshProxyConfig, path: str, found: Findings) -> None:
    """Note settings of a proxy that no Envoy can have."""
    check_not_negative(spec.concurrency or 0, f"{path}.concurrency", found)
    check_optional_port(spec.proxy_admin_port, f"{path}.proxyAdminPort", found)
    check_optional_port(spec.status_port, f"{path}.statusPort", found)
    check_not_negative(spec.stat_name_length, f"{path}.statNameLength", found)
    if spec.drain_duration is not None and (spec.drain_duration < 1000 or spec.drain_duration % 1000):
        found.error("bad-duration", f"{path}.drainDuration", "Envoy drains in whole seconds, at least one")
    _check_variables(spec.proxy_metadata, f"{path}.proxyMetadata", found)
    matcher = spec.proxy_stats_matcher
    for index, pattern in enumerate(matcher.inclusion_regexps if matcher else ()):
        check_regex(pattern, f"{path}.proxyStatsMatcher.inclusionRegexps[{index}]", found)
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


def _check_variables(variables: StringMap, path: str, found: Findings) -> None:
    for name, value in variables:
        if not name or "=" in name or "\0" in name + value:
            found.error("bad-name", join(path, name), f"{name!r} cannot name an environment variable")
