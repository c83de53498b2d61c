"""The rule of a host that has paths, or that gateways serve: a VirtualService, the longest path first.

Pure. A path counts with everything below it and without regard to case, as the platform's own router has it. The rule
is the platform's and says that it is younger than any of a user, so that a VirtualService of a user takes its place.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pidalio.platforms.adapter import Tree
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.offers import Offer

_YOUNGEST: Final = "9999-12-31T23:59:59Z"
_LONGEST: Final = 253
"""Characters of an object's name at most."""


def rule(platform: str, offers: Mapping[str, Offer], settings: CloudFoundrySettings) -> Tree | None:
    """Return the rule of a host with these services by path; None where the host alone says all."""
    root = offers.get("")
    if root is None or not root.hostname or (len(offers) == 1 and not settings.bound_to):
        return None
    routes: list[dict[str, Any]] = [
        {"match": [_match("exact", path), _match("prefix", f"{path}/")], **_to(offers[path])}
        for path in sorted(offers, key=lambda each: (-each.count("/"), -len(each), each))
        if path and offers[path].hostname
    ]
    if root.endpoints or not routes:
        routes.append(_to(root))
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {
            "name": _name(platform, root.name),
            "namespace": root.namespace,
            "creationTimestamp": _YOUNGEST,
        },
        "spec": {"hosts": [root.hostname], "gateways": ["mesh", *settings.bound_to], "http": routes},
    }


def _name(platform: str, host: str) -> str:
    name = f"{platform}-{host.replace('*', 'any')}"
    digest = hashlib.blake2b(host.encode(), digest_size=5).hexdigest()
    return name if len(name) <= _LONGEST else f"{platform}-{digest}"


def _match(how: str, path: str) -> dict[str, Any]:
    return {"uri": {how: path}, "ignoreUriCase": True}


def _to(offer: Offer) -> dict[str, Any]:
    return {"route": [{"destination": {"host": offer.hostname, "port": {"number": offer.ports[0].number}}}]}
