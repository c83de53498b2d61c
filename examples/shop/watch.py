"""What the control plane sent, to whom, and when the last proxy had acknowledged it: an observer of its streams."""

# ruff: noqa: ARG002 - every observer is told everything

import time
from collections.abc import Sequence
from typing import Any

from pidalio.xds import Peer, Unobserved


class Watch(Unobserved):
    """Everything sent and acknowledged since `begin`."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what was."""
        self.begun = time.monotonic()
        self.first_push = self.last_ack = 0.0
        self.resources: dict[str, set[str]] = {}
        self.removed: set[str] = set()
        self.proxies: set[str] = set()
        self.newcomers: set[str] = set()
        self.bytes = self.first_bytes = 0
        self.rejected_resources: list[str] = []

    def connected(self, proxy: str, stream: int, peer: Peer) -> None:
        """Take note of a proxy that gets everything it needs for the first time."""
        self.newcomers.add(proxy)

    def pushed(
        self, proxy: str, type_url: str, names: Sequence[str], removed: Sequence[str], size: int, generation: int
    ) -> None:
        """Count a response."""
        self.first_push = self.first_push or time.monotonic()
        if proxy in self.newcomers:
            self.first_bytes += size
        elif names or removed:
            self.resources.setdefault(type_url.rpartition(".")[2], set()).update(names, removed)
            self.proxies.add(proxy)
            self.bytes += size

    def acked(self, proxy: str, type_url: str, names: Sequence[str], seconds: float, generation: int) -> None:
        """Take note of the time."""
        self.last_ack = time.monotonic()

    def rejected(self, proxy: str, rejection: Any) -> None:
        """Take note of what must not happen."""
        self.rejected_resources.append(f"{rejection.name}: {rejection.error}")

    def summary(self) -> str:
        """Return one line: what changed, how much was sent to whom, how long until the last acknowledgement."""
        if not self.last_ack:
            return "nothing was sent"
        names = [f"{kind} {name}" for kind, found in sorted(self.resources.items()) for name in sorted(found)]
        came = f"; {self.first_bytes:,} bytes to {len(self.newcomers)} new proxies" if self.newcomers else ""
        listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        acknowledged = 1000 * (self.last_ack - self.first_push)
        return (
            f"{len(names)} changed: {listed}; {self.bytes:,} bytes to {len(self.proxies)} proxies{came}, "
            f"the last acknowledged after {acknowledged:.1f} ms"
        )
