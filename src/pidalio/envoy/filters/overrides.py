"""Callers' own timeouts and retries: taken away before the router reads them, where a route says so.

Removing headers by the route itself is too late: the router has read the timeout by then. The filter is in the chain
of listeners whose callers are believed, and off; a route's configuration switches it on.
"""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack
from pidalio.ir import CALLER_OVERRIDES

OVERRIDES = "envoy.filters.http.header_mutation"


def overrides_filter() -> pb.HttpFilter:
    """Return the filter, which does nothing where a route does not switch it on."""
    return pb.HttpFilter(name=OVERRIDES, typed_config=pack(pb.HeaderMutation()), disabled=True)


def overrides_removed() -> pb.HeaderMutationPerRoute:
    """Return what makes a route deaf to its callers' own timeouts and retries."""
    message = pb.HeaderMutationPerRoute()
    for name in CALLER_OVERRIDES:
        message.mutations.request_mutations.add(remove=name)
    return message
