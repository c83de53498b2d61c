"""Dynamic forward proxy: resolve hosts that the mesh does not know, at request time.

Filter and cluster must name one DNS cache in the same words, so the cache's configuration lives here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack

FORWARD_PROXY = "envoy.filters.http.dynamic_forward_proxy"
_CACHE = "pidalio"


def forward_proxy_filter(unreachable: Sequence[str] = ()) -> pb.HttpFilter:
    """Return the filter: it acts on routes to a dynamic forward proxy cluster, and waits for the name to resolve."""
    config = pb.DynamicForwardProxy(dns_cache_config=dns_cache(unreachable))
    return pb.HttpFilter(name=FORWARD_PROXY, typed_config=pack(config))


def dns_cache(unreachable: Sequence[str] = ()) -> pb.DnsCacheConfig:
    """Return the one cache of resolved names: addresses of either family, IPv4 first.

    `unreachable` are networks (`127.3.4.0/24`) that no name may resolve to and no address may lie in: such requests
    are answered by 503 with `dns_resolution_failure{address_denied}`.
    """
    cache = pb.DnsCacheConfig(name=_CACHE, dns_lookup_family=pb.Cluster.V4_PREFERRED)
    for network in map(ipaddress.ip_network, unreachable):
        denied = cache.resolved_address_filter.ranges.add(address_prefix=str(network.network_address))
        denied.prefix_len.value = network.prefixlen
    return cache
