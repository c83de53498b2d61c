"""Type URLs, the order in which they are sent, and what is special about each.

The tables here are the only place where the protocol's code knows one type from another by name.
Sources: Envoy's xDS protocol description ("eventual consistency considerations") and what was observed on Envoy 1.40.
"""

from typing import Final

_PREFIX: Final = "type.googleapis.com/"

CLUSTER: Final = _PREFIX + "envoy.config.cluster.v3.Cluster"
ENDPOINT: Final = _PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER: Final = _PREFIX + "envoy.config.listener.v3.Listener"
ROUTE: Final = _PREFIX + "envoy.config.route.v3.RouteConfiguration"
VIRTUAL_HOST: Final = _PREFIX + "envoy.config.route.v3.VirtualHost"
SECRET: Final = _PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret"
RUNTIME: Final = _PREFIX + "envoy.service.runtime.v3.Runtime"
EXTENSION: Final = _PREFIX + "envoy.config.core.v3.TypedExtensionConfig"

HEALTH: Final = _PREFIX + "istio.v1.HealthInformation"
"""No resource: by a request of this type Istio's agent tells how its instance is (`Presence.health`)."""

# Make before break: what is referred to goes before what refers to it. Types not named here go where `OTHERS` stands.
ORDER: Final = (CLUSTER, ENDPOINT, SECRET, RUNTIME, EXTENSION, LISTENER, ROUTE, VIRTUAL_HOST)
_PLACES: Final = {type_url: place for place, type_url in enumerate(ORDER)}
_OTHERS: Final = _PLACES[EXTENSION]

# Types that refer to clusters: they wait for new clusters, and clusters are removed after them.
REFERRING: Final = (LISTENER, ROUTE, VIRTUAL_HOST)

# Types that are only ever asked for by name: an empty first request asks for nothing, not for everything.
NAMED: Final = frozenset({ENDPOINT, ROUTE, SECRET, RUNTIME, EXTENSION})

# Types whose state-of-the-world responses hold all that is asked for: what is missing there does not exist.
WHOLE: Final = frozenset({CLUSTER, LISTENER})

# Types whose resources may have a time to live, and are sent again before it is over.
RENEWED: Final = (RUNTIME,)

# Types for which Envoy mistakes a removal: it is left to forget them when nothing refers to them any more.
NEVER_REMOVED: Final = frozenset({EXTENSION})

# A response of the first type has the second follow it, whether or not the second has changed:
# a changed cluster warms until its endpoints are sent again, a new route table until its virtual hosts are.
FOLLOWERS: Final = {CLUSTER: ENDPOINT, ROUTE: VIRTUAL_HOST}


def place(type_url: str) -> int:
    """Return the place of a type in the order of sending, from 0."""
    return _PLACES.get(type_url, _OTHERS)


def short(type_url: str) -> str:
    """Return the message's own name, for people: `Cluster`."""
    return type_url.rpartition(".")[2]
