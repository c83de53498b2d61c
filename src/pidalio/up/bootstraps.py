"""What each Envoy of the mesh starts from: who it is, its access log, and the control plane's socket."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pidalio.agent.envoy_process import ejections_file
from pidalio.envoy.bootstrap import ads_bootstrap, node
from pidalio.envoy.protos import to_dict
from pidalio.ir import ProcessPlan
from pidalio.model import Proxy
from pidalio.server.proxies import metadata_of
from pidalio.up.folder import MeshFolder


def bootstraps(folder: MeshFolder, xds: str) -> Callable[[Proxy, Path, ProcessPlan], Mapping[str, Any]]:
    """Return what makes the bootstrap of a proxy from it, the path of its admin socket and its process's settings."""

    def bootstrap(proxy: Proxy, admin: Path, process: ProcessPlan) -> Mapping[str, Any]:
        logged = msgspec.structs.replace(proxy, access_log=str(folder.access_log(proxy)))
        return bootstrap_of(logged, xds, admin, process)

    return bootstrap


def bootstrap_of(proxy: Proxy, xds: str, admin: Path, process: ProcessPlan) -> Mapping[str, Any]:
    """Return the bootstrap of one proxy; `xds` is `unix:///path` or `host:port`."""
    metadata = {**dict(process.metadata), **metadata_of(proxy)}
    who = node(proxy.id, f"{proxy.name}.{proxy.namespace}", locality=proxy.locality, metadata=metadata)
    log = str(ejections_file(admin))
    return to_dict(ads_bootstrap(node=who, xds_address=xds, admin_path=str(admin), process=process, ejections=log))
