"""What an Envoy starts from: who it is, where its control plane is, and how it reports on itself.

Kept as short as it can be: everything that may change arrives over ADS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import msgspec

from pidalio.envoy import messages as pb
from pidalio.envoy.cluster import HTTP_OPTIONS
from pidalio.envoy.local_cluster import add_discovered
from pidalio.envoy.protos import pack
from pidalio.envoy.values import UNIX_SCHEME, address, ads, duration
from pidalio.ir import ProcessPlan, StatsPlan
from pidalio.model import Labels, Locality

XDS_CLUSTER = "xds-grpc"
MAX_REGEX_PROGRAM_SIZE = 32768
FAULT_LAYER = "faults"
"""The layer of Envoy's runtime that the control plane writes: the shares of fault campaigns (design record 0018)."""
_CONNECT_TIMEOUT = 1_000
_RECONNECT_FIRST = 200
_RECONNECT_LAST = 5_000
_KEEPALIVE_INTERVAL = 30_000
_KEEPALIVE_TIMEOUT = 10_000
_FAULT_PATIENCE = 2_000
_ADMIN_MODE = 0o600

STATS_PREFIXES = ("cluster_manager.", "control_plane.", "listener_manager.", "runtime.", "server.", "vhost.")
STATS_SUFFIXES = (
    ".downstream_cx_active",
    ".downstream_cx_total",
    ".downstream_rq_5xx",
    ".downstream_rq_active",
    ".downstream_rq_completed",
    ".downstream_rq_time",
    ".downstream_rq_total",
    ".fault.aborts_injected",
    ".fault.delays_injected",
    ".health_check.attempt",
    ".health_check.failure",
    ".health_check.healthy",
    ".health_check.network_failure",
    ".health_check.success",
    ".membership_healthy",
    ".membership_total",
    ".update_failure",
    ".update_rejected",
    ".update_success",
    ".upstream_cx_active",
    ".upstream_cx_connect_fail",
    ".upstream_cx_total",
    ".upstream_rq_1xx",
    ".upstream_rq_2xx",
    ".upstream_rq_3xx",
    ".upstream_rq_4xx",
    ".upstream_rq_5xx",
    ".upstream_rq_active",
    ".upstream_rq_completed",
    ".upstream_rq_pending_overflow",
    ".upstream_rq_retry",
    ".upstream_rq_time",
    ".upstream_rq_timeout",
    ".upstream_rq_total",
)
"""The statistics that status, drain and release analysis read; the hundreds of others cost memory per cluster."""


class TlsFiles(msgspec.Struct, frozen=True):
    """Paths of a client certificate, its key, and the authorities that vouch for the control plane."""

    certificate: str
    key: str
    authorities: str


def ads_bootstrap(
    *,
    node: pb.Node,
    xds_address: str,
    admin_path: str,
    tls: TlsFiles | None = None,
    server_name: str = "",
    process: ProcessPlan = ProcessPlan(),  # noqa: B008 - frozen
    ejections: str = "",
) -> pb.Bootstrap:
    """Return the bootstrap of a proxy that takes listeners and clusters from one delta ADS stream.

    One that knows where it runs also asks who else calls as it does, so that zones can be balanced at any time.
    `xds_address` is `unix:///path` or `host:port`; `admin_path` the path of the admin's UNIX socket (mode 0600);
    with `tls` the control plane must show a certificate for `server_name` (its host when empty).
    `ejections` is the path of the file in which outlier detection writes what it does, empty for none.
    """
    message = pb.Bootstrap(node=node, admin=admin(admin_path))
    message.layered_runtime.CopyFrom(runtime(process.runtime))
    message.layered_runtime.layers.append(_fault_layer())
    message.stats_config.CopyFrom(stats(process.stats))
    message.overload_manager.CopyFrom(overload())
    if ejections:
        message.cluster_manager.outlier_detection.event_log_path = ejections
    message.deferred_stat_options.enable_deferred_creation_stats = True
    message.static_resources.clusters.append(_xds_cluster(xds_address, tls, server_name))
    if node.HasField("locality"):
        add_discovered(message)
    dynamic = message.dynamic_resources
    dynamic.ads_config.CopyFrom(_ads_stream())
    dynamic.cds_config.CopyFrom(ads())
    dynamic.lds_config.CopyFrom(ads())
    return message


def node(
    node_id: str,
    service_cluster: str,
    *,
    locality: Locality | None = None,
    metadata: Mapping[str, object] | None = None,
) -> pb.Node:
    """Return who the proxy is; `metadata` is a tree of mappings, lists, strings, numbers and booleans."""
    message = pb.Node(id=node_id, cluster=service_cluster)
    if locality is not None and locality != Locality():
        message.locality.CopyFrom(
            pb.Locality(region=locality.region, zone=locality.zone, sub_zone=locality.subzone),
        )
    if metadata:
        message.metadata.update(metadata)
    return message


def admin(path: str) -> pb.Admin:
    """Return the admin interface on a UNIX socket that only its owner may use."""
    return pb.Admin(address=pb.Address(pipe=pb.Pipe(path=path, mode=_ADMIN_MODE)))


def runtime(values: Labels = ()) -> pb.LayeredRuntime:
    """Return the static runtime: users' own `values`, and larger regular expressions than Envoy's default of 100."""
    layer = pb.RuntimeLayer(name="static")
    layer.static_layer.fields["re2.max_program_size.error_level"].number_value = MAX_REGEX_PROGRAM_SIZE
    for key, value in values:
        layer.static_layer.fields[key].string_value = value
    return pb.LayeredRuntime(layers=[layer])


def _fault_layer() -> pb.RuntimeLayer:
    """Return the layer over ADS; an Envoy starts without it rather than wait for a control plane that has none."""
    layer = pb.RuntimeLayer(name=FAULT_LAYER)
    layer.rtds_layer.name = FAULT_LAYER
    layer.rtds_layer.rtds_config.CopyFrom(ads())
    layer.rtds_layer.rtds_config.initial_fetch_timeout.CopyFrom(duration(_FAULT_PATIENCE))
    return layer


def overload() -> pb.OverloadManager:
    """Return that connections from outside are not limited: said in so many words, or Envoy warns at each start."""
    message = pb.OverloadManager()
    monitor = message.resource_monitors.add(name="envoy.resource_monitors.global_downstream_max_connections")
    unlimited = pb.DownstreamConnectionsConfig(max_active_downstream_connections=2**31 - 1)
    monitor.typed_config.CopyFrom(pack(unlimited))
    return message


def stats(more: StatsPlan = StatsPlan()) -> pb.StatsConfig:  # noqa: B008 - frozen
    """Return which statistics are kept, and where a cluster's name ends in them."""
    kept = pb.ListStringMatcher(patterns=[pb.StringMatcher(prefix=each) for each in STATS_PREFIXES])
    kept.patterns.extend(pb.StringMatcher(suffix=each) for each in STATS_SUFFIXES)
    kept.patterns.extend(pb.StringMatcher(prefix=each) for each in more.prefixes)
    kept.patterns.extend(pb.StringMatcher(suffix=each) for each in more.suffixes)
    kept.patterns.extend(pb.StringMatcher(safe_regex=pb.RegexMatcher(regex=each)) for each in more.regexes)
    return pb.StatsConfig(
        stats_matcher=pb.StatsMatcher(inclusion_list=kept),
        stats_tags=[pb.TagSpecifier(tag_name="cluster_name", regex=r"^cluster\.((.+?);\.)")],
    )


def _ads_stream() -> pb.ApiConfigSource:
    source = pb.ApiConfigSource(
        api_type=pb.ApiConfigSource.DELTA_GRPC,
        transport_api_version=pb.ApiVersion.V3,
        set_node_on_first_message_only=True,
    )
    stream = source.grpc_services.add().envoy_grpc
    stream.cluster_name = XDS_CLUSTER
    back_off = stream.retry_policy.retry_back_off
    back_off.base_interval.CopyFrom(duration(_RECONNECT_FIRST))
    back_off.max_interval.CopyFrom(duration(_RECONNECT_LAST))
    return source


def _xds_cluster(target: str, tls: TlsFiles | None, server_name: str) -> pb.Cluster:
    host, port = _split(target)
    message = pb.Cluster(
        name=XDS_CLUSTER,
        type=pb.Cluster.STATIC if _is_address(host) else pb.Cluster.STRICT_DNS,
        connect_timeout=duration(_CONNECT_TIMEOUT),
    )
    message.load_assignment.cluster_name = XDS_CLUSTER
    endpoint = message.load_assignment.endpoints.add().lb_endpoints.add().endpoint
    endpoint.address.CopyFrom(address(host, port))
    options = pb.UpstreamHttpProtocolOptions()
    keepalive = options.explicit_http_config.http2_protocol_options.connection_keepalive
    keepalive.interval.CopyFrom(duration(_KEEPALIVE_INTERVAL))
    keepalive.timeout.CopyFrom(duration(_KEEPALIVE_TIMEOUT))
    message.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(pack(options))
    if tls is not None:
        message.transport_socket.name = "envoy.transport_sockets.tls"
        message.transport_socket.typed_config.CopyFrom(pack(_mutual_tls(tls, server_name or host)))
    return message


def _mutual_tls(files: TlsFiles, server_name: str) -> pb.UpstreamTlsContext:
    message = pb.UpstreamTlsContext()
    common = message.common_tls_context
    common.alpn_protocols.append("h2")
    common.tls_params.tls_minimum_protocol_version = pb.TlsParameters.TLSv1_2
    own = common.tls_certificates.add()
    own.certificate_chain.filename = files.certificate
    own.private_key.filename = files.key
    common.validation_context.trusted_ca.filename = files.authorities
    name = common.validation_context.match_typed_subject_alt_names.add()
    name.matcher.exact = server_name
    if _is_address(server_name):
        name.san_type = pb.SubjectAltNameMatcher.IP_ADDRESS
    else:
        name.san_type = pb.SubjectAltNameMatcher.DNS
        message.sni = server_name
    return message


def _split(target: str) -> tuple[str, int]:
    if target.startswith(UNIX_SCHEME):
        return target, 0
    host, _, port = target.rpartition(":")
    return host.strip("[]"), int(port)


def _is_address(host: str) -> bool:
    if host.startswith(UNIX_SCHEME):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
