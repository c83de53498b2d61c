"""The settings of one proxy: the mesh's defaults for all proxies (reference §1.8, §1.9)."""

from pidalio.api.proxy_config import MeshProxyConfig
from pidalio.derive import Database, derived
from pidalio.model import Proxy
from pidalio.rules import mesh

_DEFAULT = MeshProxyConfig()


@derived
def default_config(world: Database) -> MeshProxyConfig:
    """Return what holds for proxies that state nothing themselves."""
    return mesh.mesh_config(world).default_config or _DEFAULT


def proxy_config(world: Database, _proxy: Proxy) -> MeshProxyConfig:
    """Return the settings in effect for a proxy."""
    return default_config(world)
