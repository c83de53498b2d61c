"""What Mesos, Marathon and Mesos-DNS tell, in words of this adapter: tasks as instances of a named thing.

A `Spec` says what callers see of it; each instance bears the one it was started with, so that during a deployment old
and new versions stand side by side. An instance's `id` is the task's, the same from whichever source. Pure.
Source of the rules: Marathon's documented networking modes; design record 0024.
"""

import ipaddress
from collections.abc import Iterable
from typing import Annotated, Final, TypeAlias

import msgspec

from pidalio.model import Health, Labels, Locality, Protocol, labels_of

PortNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=65535)]
"""A port in a message; 0 stands for none."""
SERVICE, PORT, PROTOCOL, IDENTITY, VERSION = "mesh.service", "mesh.port", "mesh.protocol", "mesh.identity", "version"
"""Labels of ours, of a task or (`mesh.port`, `mesh.protocol`) of one of its ports; `version` is everybody's."""
_LONGEST: Final = 255
"""Characters of a label's value that rules may select by: longer ones (packages in base64) are left out."""

ROUTABLE: Final = {
    "TASK_RUNNING": Health.HEALTHY,
    "TASK_KILLING": Health.DRAINING,
    "TASK_UNREACHABLE": Health.UNHEALTHY,
}
"""What each state means for calls; in any other there is nothing to call."""
ENDED: Final = frozenset(
    {
        *("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED"),
        *("TASK_GONE", "TASK_GONE_BY_OPERATOR"),
    }
)
"""States that no task comes back from."""


class SpecPort(msgspec.Struct, frozen=True, gc=False):
    """A port as callers know it: `number`, 0 where nothing gives it one that stays.

    `inside` is its number in a container's network, `addresses` are virtual ones (VIP labels).
    """

    number: int
    name: str
    protocol: Protocol
    inside: int = 0
    addresses: tuple[str, ...] = ()


class Spec(msgspec.Struct, frozen=True, gc=False):
    """What callers see: `framework` and `name` (`web.shop` of `/shop/web`) identify it, `service` is a stated name."""

    framework: str
    name: str
    ports: tuple[SpecPort, ...]
    labels: Labels = ()
    service: str = ""
    in_container: bool = False

    @property
    def group(self) -> str:
        """Return what instances of one service have in common."""
        return f"{self.framework}/{self.name}"


class Instance(msgspec.Struct, frozen=True, gc=False):
    """One task that can be called: at `host` by `host_ports` (0: none), or in a container's network at `address`.

    `host` is an IP address or the agent's name, `node` always its name. `state` is what the task's state means,
    `health` what its checks say.
    """

    id: str
    spec: Spec
    host: str
    host_ports: tuple[int, ...] = ()
    address: str = ""
    state: Health = Health.HEALTHY
    health: Health = Health.HEALTHY
    locality: Locality = Locality()
    node: str = ""


def kept_labels(labels: Iterable[tuple[str, str]], version: str = "") -> Labels:
    """Return the labels that rules may select by; `version` is one where the labels state none."""
    found = {key: value for key, value in labels if len(value) <= _LONGEST}
    if version and VERSION not in found:
        found[VERSION] = version
    return labels_of(found)


def vip(label: str) -> tuple[str, int]:
    """Return address and port of a VIP label (`/name:port`, `ip:port`); "" where it is a name, 0 for no port."""
    host, _, port = label.rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() and 0 < int(port) < 65536 else 0
    return (host.strip("[]"), number) if is_address(host.strip("[]")) else ("", number)


def is_address(text: str) -> bool:
    """Tell whether `text` is an IP address that others can call: one of a link is not."""
    if "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def reversed_path(path: str) -> str:
    """Return a path of Marathon as a name: `/shop/web` is `web.shop`."""
    return ".".join(reversed([part for part in path.split("/") if part]))
