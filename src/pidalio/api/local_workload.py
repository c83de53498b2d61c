"""LocalWorkload: a process that `pidalio up` runs, in replicas, each with a proxy beside it.

Own kind (`pidalio.dev/v1`): Istio has none for workloads without a platform.
"""

from pidalio.api.scalars import Message, StringMap
from pidalio.api.workload_entry import ReadinessProbe


class WorkloadPort(Message, frozen=True):
    """A port that callers use; the process is told by `PORT` where to listen."""

    name: str = ""
    port: int = 0
    protocol: str = ""


class LocalWorkload(Message, frozen=True):
    """A command with its labels; `replicas` None means 1, `locality` is `region/zone/subzone`."""

    labels: StringMap = ()
    replicas: int | None = None
    command: tuple[str, ...] = ()
    ports: tuple[WorkloadPort, ...] = ()
    environment: StringMap = ()
    probe: ReadinessProbe | None = None
    service_account: str = ""
    locality: str = ""
    working_directory: str = ""
