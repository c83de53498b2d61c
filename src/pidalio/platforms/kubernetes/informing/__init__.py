"""What is told back to Kubernetes: conditions in the status of rule objects, written by one of all control planes."""

from pidalio.platforms.kubernetes.informing.lease import Election
from pidalio.platforms.kubernetes.informing.writer import StatusWriter

__all__ = ["Election", "StatusWriter"]
