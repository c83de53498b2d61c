"""EnvoyFilter: patches of Envoy's own configuration (reference §1.7), known so that each object is told about.

Nothing reads a patch; its parts are held as JSON text.
"""

from typing import ClassVar

from pidalio.api.scalars import JsonText, Message
from pidalio.api.strings import WorkloadSelector


class EnvoyFilter(Message, frozen=True):
    """Patches for the proxies that the selector picks; those with a lower `priority` come first."""

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = (("workload_selector", "target_refs"),)

    workload_selector: WorkloadSelector | None = None
    target_refs: tuple[JsonText, ...] = ()
    config_patches: tuple[JsonText, ...] = ()
    priority: int = 0
