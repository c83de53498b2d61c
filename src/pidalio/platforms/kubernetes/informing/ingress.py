"""The status of an Ingress: where the gateway that serves it is reached.

Pure. Nothing is written without a stated address, nor to an Ingress that belongs to another controller.
Source of the shape: networking.k8s.io/v1, `IngressStatus`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pidalio.api.names import is_address
from pidalio.platforms.informing import ObjectStatus

INGRESS: Final = "Ingress"
_FOREIGN: Final = "foreign-ingress"


def addresses_of(stated: Iterable[str]) -> list[dict[str, str]]:
    """Return addresses and names as the status shows them."""
    return [{"ip": one} if is_address(one) else {"hostname": one} for one in stated]


def ingress_status(known: ObjectStatus, former: Mapping[str, Any], addresses: list[dict[str, str]]) -> dict[str, Any]:
    """Return the status that an Ingress is to have in place of `former`."""
    if any(one.code == _FOREIGN for one in known.ineffective):
        return dict(former)
    is_served = known.compiled and not known.mistakes
    shown = former.get("loadBalancer") or {}
    if not is_served and shown.get("ingress") != addresses:
        return dict(former)  # not ours
    return {**former, "loadBalancer": {"ingress": addresses} if is_served else {}}
