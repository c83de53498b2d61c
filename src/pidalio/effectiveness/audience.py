"""For whom objects are looked at: proxies that hold the same are looked at once, and counted."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from pidalio.derive import Database
from pidalio.groups import Doors, Group, Own
from pidalio.model import Proxy, ProxyType
from pidalio.pipeline import groups_of
from pidalio.rules.gateway_ports import opened, targets
from pidalio.rules.visibility import Scope, scope_of, sidecar_for


class Alike(msgspec.Struct, frozen=True):
    """Proxies that hold the same but for what is each one's own."""

    proxies: tuple[Proxy, ...]
    scope: Scope

    @property
    def proxy(self) -> Proxy:
        """Return one of them."""
        return self.proxies[0]

    @property
    def count(self) -> int:
        """Return how many they are."""
        return len(self.proxies)

    @property
    def is_gateway(self) -> bool:
        """Tell whether they face outside."""
        return self.proxy.type is ProxyType.ROUTER


def group_alike(world: Database, proxies: Iterable[Proxy]) -> tuple[Alike, ...]:
    """Return the proxies by what they hold, and by what decides on what is their own: their Sidecar, or their ports."""
    found: dict[object, list[Proxy]] = defaultdict(list)
    for proxy in proxies:
        shared = tuple(_shared(group) for group in groups_of(world, proxy) if not isinstance(group, Own))
        if proxy.type is ProxyType.ROUTER:
            own: object = opened(world, proxy.labels, targets(world, proxy))
        else:
            own = sidecar_for(world, proxy.namespace, proxy.labels)
        found[proxy.type, shared, own].append(proxy)
    return tuple(Alike(tuple(several), scope_of(world, several[0])) for several in found.values())


def _shared(group: Group) -> Group:
    """Return a group without what differs from proxy to proxy and matters to no rule."""
    return msgspec.structs.replace(group, without="") if isinstance(group, Doors) else group
