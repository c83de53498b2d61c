"""MeshConfig: what the mesh's defaults may be (reference §1.9)."""

import re

import msgspec

from pidalio.api.findings import Findings
from pidalio.api.mesh_config import AccessLogEncoding, MeshConfig
from pidalio.api.object import Meta
from pidalio.api.validate.exports import check_exports
from pidalio.api.validate.http_actions import check_retries
from pidalio.api.validate.locality import check_locality, check_zone_aware
from pidalio.api.validate.proxy_config import check_proxy_config
from pidalio.api.validate.traffic_policy import check_outlier, check_pool
from pidalio.api.validate.values import check_dns_label, check_not_negative, check_optional_port, check_positive

STAT_NAME_VARIABLES = (
    "%SERVICE%",
    "%SERVICE_NAME%",
    "%SERVICE_FQDN%",
    "%SERVICE_PORT%",
    "%SERVICE_PORT_NAME%",
    "%TARGET_PORT%",
    "%SUBSET_NAME%",
)
_VARIABLE = re.compile(r"%[^%]*%")


def validate(spec: MeshConfig, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with the mesh's settings."""
    check_positive(spec.connect_timeout, "connectTimeout", found)
    check_positive(spec.dns_refresh_rate, "dnsRefreshRate", found)
    if spec.tcp_keepalive:
        check_not_negative(spec.tcp_keepalive.probes, "tcpKeepalive.probes", found)
    for name, port in (
        ("proxyListenPort", spec.proxy_listen_port),
        ("proxyInboundListenPort", spec.proxy_inbound_listen_port),
        ("proxyHttpPort", spec.proxy_http_port),
    ):
        check_optional_port(port, name, found)
    if spec.root_namespace:
        check_dns_label(spec.root_namespace, "namespace", "rootNamespace", found)
    check_exports(spec.default_service_export_to, "", "defaultServiceExportTo", found, none_allowed=True)
    check_exports(spec.default_virtual_service_export_to, "", "defaultVirtualServiceExportTo", found)
    check_exports(spec.default_destination_rule_export_to, "", "defaultDestinationRuleExportTo", found)
    if spec.default_http_retry_policy:
        check_retries(spec.default_http_retry_policy, "defaultHttpRetryPolicy", found)
    if spec.default_inbound_http_retry_policy:
        check_retries(spec.default_inbound_http_retry_policy, "defaultInboundHttpRetryPolicy", found)
    if spec.locality_lb_setting:
        check_locality(spec.locality_lb_setting, "localityLbSetting", found)
    if spec.zone_aware_lb_setting:
        check_zone_aware(spec.zone_aware_lb_setting, "zoneAwareLbSetting", found)
    for name, text in (
        ("inboundClusterStatName", spec.inbound_cluster_stat_name),
        ("outboundClusterStatName", spec.outbound_cluster_stat_name),
    ):
        _check_stat_name(text, name, found)
    policy = spec.default_traffic_policy
    if policy and policy.connection_pool:
        check_pool(policy.connection_pool, "defaultTrafficPolicy.connectionPool", found)
    if policy and policy.outlier_detection:
        check_outlier(policy.outlier_detection, "defaultTrafficPolicy.outlierDetection", found)
    if spec.default_config:
        check_proxy_config(spec.default_config, "defaultConfig", found)
    if spec.access_log_encoding is AccessLogEncoding.JSON and spec.access_log_format:
        _check_fields(spec.access_log_format, "accessLogFormat", found)


def _check_fields(text: str, path: str, found: Findings) -> None:
    try:
        fields = msgspec.json.decode(text)
    except msgspec.DecodeError:
        fields = None
    if not isinstance(fields, dict):
        example = '{"at": "%START_TIME%"}'
        found.error("bad-log-format", path, f"with the encoding JSON this is a JSON object, as in {example}")


def _check_stat_name(text: str, path: str, found: Findings) -> None:
    for word in _VARIABLE.findall(text):
        if word not in STAT_NAME_VARIABLES:
            message = f"{word} stands for nothing: use {', '.join(STAT_NAME_VARIABLES)}"
            found.warning("unknown-value", path, message)
