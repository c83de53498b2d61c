"""Dynamic forward proxy: resolve hosts that the mesh does not know, at request time.

Filter and cluster must name one DNS cache in the same words, so the cache's configuration lives here.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack

FORWARD_PROXY = "envoy.filters.http.dynamic_forward_proxy"
_CACHE = "pidalio"


def forward_proxy_filter() -> pb.HttpFilter:
    """Return the filter: it acts on routes to a dynamic forward proxy cluster, and waits for the name to resolve."""
    return pb.HttpFilter(name=FORWARD_PROXY, typed_config=pack(pb.DynamicForwardProxy(dns_cache_config=dns_cache())))


def dns_cache() -> pb.DnsCacheConfig:
    """Return the one cache of resolved names (Envoy's own resolver; addresses of either family, IPv4 first)."""
    return pb.DnsCacheConfig(name=_CACHE, dns_lookup_family=pb.Cluster.V4_PREFERRED)
