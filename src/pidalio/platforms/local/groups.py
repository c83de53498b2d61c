"""What an instance that registers itself takes from its WorkloadGroup.

What is said where the instance is started wins over the group; of the group, `metadata` wins over `template`.
A group is read when the instance's agent starts, as in Istio: a change counts from the agent's next start on.
Source of the rules: Istio's documented automatic registration (reference §1.5, §5.5).
"""

import ipaddress

import msgspec

from pidalio.api.annotations import PROXY_CONFIG
from pidalio.api.local_workload import WorkloadPort
from pidalio.api.workload_entry import WorkloadEntry, WorkloadGroup
from pidalio.model import Labels, labelled_locality, labels_of, parse_locality
from pidalio.platforms.local.workloads import LocalInstance


def described(instance: LocalInstance, group: WorkloadGroup) -> LocalInstance:
    """Return `instance` with all that it does not say itself as its group says it."""
    template = group.template or WorkloadEntry()
    labels = _labels(group, instance.labels)
    ports = _ports(instance.ports, template)
    numbers = {port.name: port.port for port in ports}
    return msgspec.structs.replace(
        instance,
        labels=labels,
        ports=ports,
        probe=instance.probe or group.probe,
        service_account=instance.service_account or template.service_account,
        locality=parse_locality(template.locality) if template.locality else labelled_locality(dict(labels)),
        stated_ports=tuple((name, numbers[name]) for name, _ in template.ports),
        weight=template.weight,
        network=template.network,
        proxy_config=proxy_config(group),
    )


def proxy_config(group: WorkloadGroup) -> str:
    """Return the settings of its instances' Envoys, as YAML."""
    return dict(group.metadata.annotations).get(PROXY_CONFIG, "") if group.metadata else ""


def member_name(group: str, address: str) -> str:
    """Return how the instance at `address` is called when nobody says: `<group>-<address>`, ending in a number."""
    found = ipaddress.ip_address(address)
    *parts, last = str(found).split(".") if found.version == 4 else found.exploded.split(":")
    return "-".join((group, *parts, last if found.version == 4 else str(int(last, 16))))


def _labels(group: WorkloadGroup, own: Labels) -> Labels:
    template = dict(group.template.labels) if group.template else {}
    return labels_of(template | dict(group.metadata.labels if group.metadata else ()) | dict(own))


def _ports(own: tuple[WorkloadPort, ...], template: WorkloadEntry) -> tuple[WorkloadPort, ...]:
    named = {port.name for port in own}
    return (*own, *(WorkloadPort(name=name, port=number) for name, number in template.ports if name not in named))
