"""The embedded mesh: control plane, local workloads, an Envoy beside each, and gateways, in one process.

The second composition root, beside `server`: `mesh` puts the parts together and is the page to read first.
Everything is asyncio tasks of one loop; every Envoy and workload is a process that cannot outlive this one.
"""

from pidalio.up.mesh import Mesh
from pidalio.up.options import MeshOptions

__all__ = ["Mesh", "MeshOptions"]
