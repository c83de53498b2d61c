"""For whom a certificate may speak: one rule, for streams and for registration alike.

A SPIFFE identity `spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT` speaks for its namespace and no other, as in Istio; a
certificate without one is not bound to a namespace. Without a certificate (a UNIX socket, loopback) there is no
identity to hold anyone to.
"""

import re
from collections.abc import Iterable

_SPIFFE = re.compile(r"spiffe://[^/]+/ns/([^/]+)/sa/[^/]+")


def objection(identities: Iterable[str], namespace: str) -> str:
    """Return why the holder of these identities may not speak for `namespace`, empty when it may."""
    bound = [(one, found[1]) for one in identities if (found := _SPIFFE.fullmatch(one))]
    if not bound or any(allowed == namespace for _, allowed in bound):
        return ""
    identity, allowed = bound[0]
    return f"{identity} speaks for namespace {allowed}, not for {namespace}"
