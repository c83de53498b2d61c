"""The Envoy messages and enums in use, by their short names: `messages.Cluster(name=...)`.

`messages.pyi` beside this file types them; `scripts/make_stubs.py` writes it from the pinned Envoy's descriptors.
To use another message, add a line to `NAMES` and run that script.
Classes are looked up at their first use, not at import, so that a missing Envoy is an error of the operation that
needs one.
"""

from pidalio.envoy import protos

_CORE = "envoy.config.core.v3."
_ROUTE = "envoy.config.route.v3."
_CLUSTER = "envoy.config.cluster.v3."
_HCM = "envoy.extensions.filters.network.http_connection_manager.v3."
_HTTP_FILTER = "envoy.extensions.filters.http."
_TLS = "envoy.extensions.transport_sockets.tls.v3."
_MATCHER = "envoy.type.matcher.v3."
_BOOTSTRAP = "envoy.config.bootstrap.v3."
_DISCOVERY = "envoy.service.discovery.v3."
_LISTENER_FILTER = "envoy.extensions.filters.listener."

NAMES = {
    # well-known
    "Any": "google.protobuf.Any",
    "BoolValue": "google.protobuf.BoolValue",
    "Duration": "google.protobuf.Duration",
    "ListValue": "google.protobuf.ListValue",
    "Struct": "google.protobuf.Struct",
    "UInt64Value": "google.protobuf.UInt64Value",
    "UInt32Value": "google.protobuf.UInt32Value",
    "Value": "google.protobuf.Value",
    # core
    "Address": _CORE + "Address",
    "AggregatedConfigSource": _CORE + "AggregatedConfigSource",
    "ApiConfigSource": _CORE + "ApiConfigSource",
    "ApiVersion": _CORE + "ApiVersion",
    "BindConfig": _CORE + "BindConfig",
    "BackoffStrategy": _CORE + "BackoffStrategy",
    "CidrRange": _CORE + "CidrRange",
    "ConfigSource": _CORE + "ConfigSource",
    "DataSource": _CORE + "DataSource",
    "GrpcService": _CORE + "GrpcService",
    "HeaderValue": _CORE + "HeaderValue",
    "HeaderValueOption": _CORE + "HeaderValueOption",
    "HealthCheck": _CORE + "HealthCheck",
    "HealthStatus": _CORE + "HealthStatus",
    "Http1ProtocolOptions": _CORE + "Http1ProtocolOptions",
    "Http2ProtocolOptions": _CORE + "Http2ProtocolOptions",
    "HttpProtocolOptions": _CORE + "HttpProtocolOptions",
    "KeepaliveSettings": _CORE + "KeepaliveSettings",
    "Locality": _CORE + "Locality",
    "Metadata": _CORE + "Metadata",
    "Node": _CORE + "Node",
    "Pipe": _CORE + "Pipe",
    "RequestMethod": _CORE + "RequestMethod",
    "RetryPolicy": _CORE + "RetryPolicy",
    "RuntimeDouble": _CORE + "RuntimeDouble",
    "RuntimeFractionalPercent": _CORE + "RuntimeFractionalPercent",
    "SocketAddress": _CORE + "SocketAddress",
    "SubstitutionFormatString": _CORE + "SubstitutionFormatString",
    "TcpKeepalive": _CORE + "TcpKeepalive",
    "TrafficDirection": _CORE + "TrafficDirection",
    "TransportSocket": _CORE + "TransportSocket",
    "TypedExtensionConfig": _CORE + "TypedExtensionConfig",
    # types
    "ConnectionHashPolicy": "envoy.type.v3.HashPolicy",
    "CodecClientType": "envoy.type.v3.CodecClientType",
    "Int32Range": "envoy.type.v3.Int32Range",
    "Int64Range": "envoy.type.v3.Int64Range",
    "FractionalPercent": "envoy.type.v3.FractionalPercent",
    "Percent": "envoy.type.v3.Percent",
    "ListStringMatcher": _MATCHER + "ListStringMatcher",
    "MetadataMatcher": _MATCHER + "MetadataMatcher",
    "RegexMatchAndSubstitute": _MATCHER + "RegexMatchAndSubstitute",
    "RegexMatcher": _MATCHER + "RegexMatcher",
    "ListMatcher": _MATCHER + "ListMatcher",
    "OrMatcher": _MATCHER + "OrMatcher",
    "ValueMatcher": _MATCHER + "ValueMatcher",
    "StringMatcher": _MATCHER + "StringMatcher",
    # listeners
    "AccessLog": "envoy.config.accesslog.v3.AccessLog",
    "FileAccessLog": "envoy.extensions.access_loggers.file.v3.FileAccessLog",
    "Filter": "envoy.config.listener.v3.Filter",
    "FilterChain": "envoy.config.listener.v3.FilterChain",
    "FilterChainMatch": "envoy.config.listener.v3.FilterChainMatch",
    "HttpInspector": _LISTENER_FILTER + "http_inspector.v3.HttpInspector",
    "HttpConnectionManager": _HCM + "HttpConnectionManager",
    "HttpFilter": _HCM + "HttpFilter",
    "ApiListener": "envoy.config.listener.v3.ApiListener",
    "Listener": "envoy.config.listener.v3.Listener",
    "ListenerFilter": "envoy.config.listener.v3.ListenerFilter",
    "OriginalSrc": _LISTENER_FILTER + "original_src.v3.OriginalSrc",
    "ListenerFilterChainMatchPredicate": "envoy.config.listener.v3.ListenerFilterChainMatchPredicate",
    "OriginalDst": _LISTENER_FILTER + "original_dst.v3.OriginalDst",
    "ProxyProtocol": _LISTENER_FILTER + "proxy_protocol.v3.ProxyProtocol",
    "TlsInspector": _LISTENER_FILTER + "tls_inspector.v3.TlsInspector",
    "Rds": _HCM + "Rds",
    "TcpProxy": "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    # HTTP filters
    "Cors": _HTTP_FILTER + "cors.v3.Cors",
    "CorsPolicy": _HTTP_FILTER + "cors.v3.CorsPolicy",
    "DynamicForwardProxy": _HTTP_FILTER + "dynamic_forward_proxy.v3.FilterConfig",
    "FaultAbort": _HTTP_FILTER + "fault.v3.FaultAbort",
    "FaultDelay": "envoy.extensions.filters.common.fault.v3.FaultDelay",
    "GrpcWeb": _HTTP_FILTER + "grpc_web.v3.GrpcWeb",
    "HeaderMutation": _HTTP_FILTER + "header_mutation.v3.HeaderMutation",
    "HeaderMutationAction": "envoy.config.common.mutation_rules.v3.HeaderMutation",
    "HeaderMutations": _HTTP_FILTER + "header_mutation.v3.Mutations",
    "HeaderMutationPerRoute": _HTTP_FILTER + "header_mutation.v3.HeaderMutationPerRoute",
    "HTTPFault": _HTTP_FILTER + "fault.v3.HTTPFault",
    "Router": _HTTP_FILTER + "router.v3.Router",
    # routes
    "CookieMatcher": _ROUTE + "CookieMatcher",
    "Decorator": _ROUTE + "Decorator",
    "DirectResponseAction": _ROUTE + "DirectResponseAction",
    "FilterConfig": _ROUTE + "FilterConfig",
    "HeaderMatcher": _ROUTE + "HeaderMatcher",
    "QueryParameterMatcher": _ROUTE + "QueryParameterMatcher",
    "RedirectAction": _ROUTE + "RedirectAction",
    "RouteRetryPolicy": _ROUTE + "RetryPolicy",
    "Route": _ROUTE + "Route",
    "RouteAction": _ROUTE + "RouteAction",
    "RouteConfiguration": _ROUTE + "RouteConfiguration",
    "RouteMatch": _ROUTE + "RouteMatch",
    "Vhds": _ROUTE + "Vhds",
    "VirtualHost": _ROUTE + "VirtualHost",
    "WeightedCluster": _ROUTE + "WeightedCluster",
    "PreserveCaseFormatterConfig": (
        "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"
    ),
    "PreviousHostsPredicate": "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    "PreviousPrioritiesConfig": "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
    # clusters
    "CircuitBreakers": _CLUSTER + "CircuitBreakers",
    "Cluster": _CLUSTER + "Cluster",
    "CaresDnsResolverConfig": "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
    "AddressMatcher": "envoy.type.matcher.v3.AddressMatcher",
    "XdsCidrRange": "xds.core.v3.CidrRange",
    "HttpHeadersMatch": "envoy.config.common.matcher.v3.HttpHeadersMatch",
    "MatchPredicate": "envoy.config.common.matcher.v3.MatchPredicate",
    "ProxyProtocolConfig": _CORE + "ProxyProtocolConfig",
    "ProxyProtocolUpstreamTransport": (
        "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
    ),
    "RawBuffer": "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
    "DnsCacheConfig": "envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig",
    "DnsCluster": "envoy.extensions.clusters.dns.v3.DnsCluster",
    "DnsLookupFamily": "envoy.extensions.clusters.common.dns.v3.DnsLookupFamily",
    "DynamicForwardProxyCluster": "envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig",
    "OutlierDetection": _CLUSTER + "OutlierDetection",
    "UpstreamConnectionOptions": _CLUSTER + "UpstreamConnectionOptions",
    "UpstreamSniOptions": _CORE + "UpstreamHttpProtocolOptions",
    "UpstreamHttpProtocolOptions": "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    # endpoints
    "ClusterLoadAssignment": "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "Endpoint": "envoy.config.endpoint.v3.Endpoint",
    "LbEndpoint": "envoy.config.endpoint.v3.LbEndpoint",
    "LocalityLbEndpoints": "envoy.config.endpoint.v3.LocalityLbEndpoints",
    # TLS
    "CertificateValidationContext": _TLS + "CertificateValidationContext",
    "CommonTlsContext": _TLS + "CommonTlsContext",
    "SubjectAltNameMatcher": _TLS + "SubjectAltNameMatcher",
    "TlsCertificate": _TLS + "TlsCertificate",
    "TlsParameters": _TLS + "TlsParameters",
    "UpstreamTlsContext": _TLS + "UpstreamTlsContext",
    # bootstrap
    "ClusterManager": _BOOTSTRAP + "ClusterManager",
    "Admin": _BOOTSTRAP + "Admin",
    "Bootstrap": _BOOTSTRAP + "Bootstrap",
    "LayeredRuntime": _BOOTSTRAP + "LayeredRuntime",
    "RuntimeLayer": _BOOTSTRAP + "RuntimeLayer",
    "OverloadManager": "envoy.config.overload.v3.OverloadManager",
    "ResourceMonitor": "envoy.config.overload.v3.ResourceMonitor",
    "DownstreamConnectionsConfig": (
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    ),
    "StatsConfig": "envoy.config.metrics.v3.StatsConfig",
    "StatsMatcher": "envoy.config.metrics.v3.StatsMatcher",
    "TagSpecifier": "envoy.config.metrics.v3.TagSpecifier",
    # discovery
    "Runtime": "envoy.service.runtime.v3.Runtime",
    "DeltaDiscoveryRequest": _DISCOVERY + "DeltaDiscoveryRequest",
    "DeltaDiscoveryResponse": _DISCOVERY + "DeltaDiscoveryResponse",
    "DiscoveryRequest": _DISCOVERY + "DiscoveryRequest",
    "DiscoveryResponse": _DISCOVERY + "DiscoveryResponse",
    "Resource": _DISCOVERY + "Resource",
}
_ENUMS = frozenset(
    {"ApiVersion", "CodecClientType", "DnsLookupFamily", "HealthStatus", "RequestMethod", "TrafficDirection"}
)


def __getattr__(name: str) -> object:
    """Find the class once; afterwards it is an ordinary attribute of this module."""
    if name not in NAMES:
        raise AttributeError(f"{__name__} has no message {name!r}: add it to NAMES")
    found = protos.enum(NAMES[name]) if name in _ENUMS else protos.message(NAMES[name])
    globals()[name] = found
    return found
