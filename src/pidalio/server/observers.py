"""Several listeners of what passes on the streams, as one."""

from collections.abc import Sequence

from pidalio.xds import Events, Peer, Rejection


class Observers:
    """Hands every event on to each of `events`, in order."""

    def __init__(self, events: Sequence[Events]) -> None:
        self._events = tuple(events)

    def connected(self, proxy: str, stream: int, peer: Peer) -> None:
        """Hand on."""
        for each in self._events:
            each.connected(proxy, stream, peer)

    def disconnected(self, proxy: str, stream: int, reason: str) -> None:
        """Hand on."""
        for each in self._events:
            each.disconnected(proxy, stream, reason)

    def pushed(
        self, proxy: str, type_url: str, names: Sequence[str], removed: Sequence[str], size: int, generation: int
    ) -> None:
        """Hand on."""
        for each in self._events:
            each.pushed(proxy, type_url, names, removed, size, generation)

    def acked(self, proxy: str, type_url: str, names: Sequence[str], seconds: float, generation: int) -> None:
        """Hand on."""
        for each in self._events:
            each.acked(proxy, type_url, names, seconds, generation)

    def rejected(self, proxy: str, rejection: Rejection) -> None:
        """Hand on."""
        for each in self._events:
            each.rejected(proxy, rejection)
