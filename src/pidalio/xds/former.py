"""What was sent before, of the types that something waits for: to be sent again when its successor is refused.

A cluster that changes warms until it gets endpoints. If the proxy refuses the endpoints that it should have now, those
that it had before let it go on.
Invariant: bounded; what is no longer known is replaced by `target.stand_in`.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from pidalio.envoy.resource import Resource
from pidalio.xds.typeurls import ENDPOINT, ROUTE

_MOST: Final = 10_000
_KEPT: Final = frozenset({ENDPOINT, ROUTE})


class Former:
    """The newest resources that were sent, by type, name and version; shared by all streams."""

    def __init__(self) -> None:
        self._sent: OrderedDict[tuple[str, str, str], Resource] = OrderedDict()

    def remember(self, type_url: str, resources: Iterable[Resource]) -> None:
        """Keep what is being sent; the oldest go when there are too many."""
        if type_url not in _KEPT:
            return
        for each in resources:
            key = (type_url, each.name, each.version)
            self._sent[key] = each
            self._sent.move_to_end(key)
        while len(self._sent) > _MOST:
            self._sent.popitem(last=False)

    def recall(self, type_url: str, name: str, version: str | None) -> Resource | None:
        """Return the resource of this version, None where it is not known."""
        return self._sent.get((type_url, name, version)) if version else None
