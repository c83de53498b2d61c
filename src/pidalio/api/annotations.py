"""Annotations that hold more than a word."""

from pidalio.api.convert import convert
from pidalio.api.findings import Findings
from pidalio.api.proxy_config import MeshProxyConfig
from pidalio.api.validate.proxy_config import check_proxy_config
from pidalio.api.yaml_reader import Bounds, read

PROXY_CONFIG = "proxy.istio.io/config"
"""Settings of the workload's proxy, as YAML: fields of MeshConfig.defaultConfig."""


def proxy_config_of(text: str, found: Findings) -> MeshProxyConfig:
    """Return the settings that the annotation states; `found` says what is wrong with it, and where inside."""
    reading = read(text, "", Bounds(depth=20, nodes=1000))
    for report in reading.reports:
        found.error(report.code, "", report.message)
    tree = reading.documents[0].tree if reading.documents else {}
    config: MeshProxyConfig = convert(MeshProxyConfig, tree, None, found)
    check_proxy_config(config, "proxyConfig", found)
    return config
