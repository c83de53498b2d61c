"""Where a mesh keeps its things: `.pidalio` in the folder it was started in.

Invariant: what is written here survives the mesh (revisions, logs); what must not is in the run directory.
"""

from pathlib import Path

import msgspec

from pidalio.errors import UsageError
from pidalio.model import Proxy


class MeshFolder(msgspec.Struct, frozen=True):
    """The paths below one folder; `root` is absolute."""

    root: Path

    @property
    def data(self) -> Path:
        """Return the folder of everything that is kept."""
        return self.root / ".pidalio"

    @property
    def logs(self) -> Path:
        """Return the folder of the logs: `<instance>.log`, `<instance>.envoy.log`, and `access/`."""
        return self.data / "logs"

    def access_log(self, proxy: Proxy) -> Path:
        """Return the access log of one proxy: JSON, a request a line."""
        return self.logs / "access" / f"{proxy.name}.{proxy.namespace}.json"

    def make(self) -> None:
        """Make the folders; raise `UsageError` where that is not permitted."""
        try:
            (self.logs / "access").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}: start in a folder that can be written") from error
