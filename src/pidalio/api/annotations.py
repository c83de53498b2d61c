"""Annotations that hold more than a word."""

from pidalio.api.convert import convert
from pidalio.api.findings import Findings
from pidalio.api.places import join
from pidalio.api.proxy_config import MeshProxyConfig
from pidalio.api.scalars import StringMap
from pidalio.api.validate.proxy_config import check_proxy_config
from pidalio.api.yaml_reader import Bounds, read

PROXY_CONFIG = "proxy.istio.io/config"
"""Settings of the workload's proxy, as YAML: fields of MeshConfig.defaultConfig."""


def check_proxy_config_of(annotations: StringMap, path: str, found: Findings) -> None:
    """Note what is wrong with the proxy's settings among the annotations at `path`."""
    inside = Findings()
    proxy_config_of(dict(annotations).get(PROXY_CONFIG, ""), inside)
    for each in inside.found:
        found.error(each.code, join(path, PROXY_CONFIG), f"{each.path}: {each.message}".lstrip(": "))


def proxy_config_of(text: str, found: Findings) -> MeshProxyConfig:
    """Return the settings that the annotation states; `found` says what is wrong with it, and where inside."""
    reading = read(text, "", Bounds(depth=20, nodes=1000))
    for report in reading.reports:
        found.error(report.code, "", report.message)
    tree = reading.documents[0].tree if reading.documents else {}
    config: MeshProxyConfig = convert(MeshProxyConfig, tree, None, found)
    check_proxy_config(config, "proxyConfig", found)
    return config
