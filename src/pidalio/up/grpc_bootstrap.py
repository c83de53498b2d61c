"""What a proxyless gRPC application starts from: who it is, and where its control plane is.

The form is that of `GRPC_XDS_BOOTSTRAP` (gRPC's proposals A27, A30 and A65).
"""

from typing import Any

from pidalio.model import Proxy
from pidalio.server.proxies import metadata_of
from pidalio.settings import TlsPaths
from pidalio.up.joining import ServerPlace


def grpc_bootstrap(proxy: Proxy, place: ServerPlace) -> dict[str, Any]:
    """Return the bootstrap of the application that is `proxy`, steered by the control plane at `place`."""
    return {
        "xds_servers": [
            {
                "server_uri": place.xds.replace("unix://", "unix:"),
                "channel_creds": [_credentials(place.tls) if place.tls else {"type": "insecure"}],
                "server_features": ["xds_v3"],
            }
        ],
        "node": {"id": proxy.id, "metadata": metadata_of(proxy), "locality": _locality(proxy)},
    }


def _credentials(files: TlsPaths) -> dict[str, Any]:
    named = {"certificate_file": files.cert, "private_key_file": files.key, "ca_certificate_file": files.ca}
    return {"type": "tls", "config": {name: str(path.resolve()) for name, path in named.items()}}


def _locality(proxy: Proxy) -> dict[str, str]:
    place = proxy.locality
    named = {"region": place.region, "zone": place.zone, "sub_zone": place.subzone}
    return {name: value for name, value in named.items() if value}
