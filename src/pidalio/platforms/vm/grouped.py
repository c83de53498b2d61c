"""An instance that its proxy describes: the group that the node names, and what node and group say together. Pure.

What the node says wins over the group; of the group, `metadata` wins over `template`; the address is the proxy's own.
Source of the rules: Istio's automatic registration (`AUTO_REGISTER_GROUP`, names of entries, probes, annotations).
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pidalio.api.object import Object
from pidalio.api.workload_entry import WorkloadEntry, WorkloadGroup
from pidalio.model import NETWORK, Labels, Locality, Proxy, Source, Workload, labels_of, parse_locality
from pidalio.platforms.vm.entry import Bound, Entry

GROUP: Final = "AUTO_REGISTER_GROUP"
CHECKED: Final = "proxy.istio.io/health-checks-enabled"
_LONGEST_NAME: Final = 253


def group_named(metadata: Mapping[str, Any]) -> str:
    """Return the WorkloadGroup that a proxy's node names, empty where it names none."""
    found = metadata.get(GROUP)
    return found if isinstance(found, str) else ""


def entry_of(
    proxy: Proxy, metadata: Mapping[str, Any], locality: Locality, group: Object[WorkloadGroup], holder: str
) -> Entry:
    """Return the entry of the instance beside `proxy`, whose node says `metadata` and `locality`."""
    spec = group.spec
    template = spec.template or WorkloadEntry()
    labels = labels_in(spec, proxy.labels)
    network = _text(metadata.get("NETWORK")) or dict(labels).get(NETWORK, "") or template.network
    address = address_of(proxy, metadata)
    return Entry(
        workload=Workload(
            name=entry_name(group.meta.name, address, network),
            namespace=proxy.namespace,
            address=address,
            labels=labels,
            ports=tuple(sorted(template.ports)),
            weight=template.weight,
            locality=locality if locality != Locality() else parse_locality(template.locality),
            service_account=template.service_account,
            network=network,
            source=Source.AGENT,
        ),
        holder=holder,
        bound=Bound.STREAM,
        group=group.meta.name,
        checked=is_checked(spec),
    )


def entry_name(group: str, address: str, network: str = "") -> str:
    """Return `GROUP-IP[-NETWORK]`, colons as dashes, its last 253 characters."""
    whole = "-".join(part for part in (group, address, network) if part)
    return whole.replace(":", "-")[-_LONGEST_NAME:]


def address_of(proxy: Proxy, metadata: Mapping[str, Any]) -> str:
    """Return the first of the addresses that the node states (`INSTANCE_IPS`), else the one in its id."""
    for stated in (_text(metadata.get("INSTANCE_IPS")).partition(",")[0].strip(), proxy.address):
        try:
            return str(ipaddress.ip_address(stated))
        except ValueError:
            continue
    return proxy.address


def is_checked(group: WorkloadGroup) -> bool:
    """Tell whether its instances take traffic only when their agents say that they are well."""
    annotations = dict(group.metadata.annotations) if group.metadata else {}
    return group.probe is not None or annotations.get(CHECKED) == "true"


def account_objection(identities: Iterable[str], group: Object[WorkloadGroup]) -> str:
    """Return why the holder of these identities may not be of `group`, empty when it may.

    A group that names no service account takes any of its namespace; a certificate without a SPIFFE identity is
    bound to none.
    """
    wanted = group.spec.template.service_account if group.spec.template else ""
    bound = [one for one in identities if one.startswith("spiffe://") and "/sa/" in one]
    if not wanted or not bound or any(one.rpartition("/sa/")[2] == wanted for one in bound):
        return ""
    return f"{bound[0]} is not of service account {wanted}, which WorkloadGroup {group.meta.name} asks for"


def labels_in(group: WorkloadGroup, own: Labels) -> Labels:
    """Return the labels of an instance of `group` whose node says its `own`."""
    template = dict(group.template.labels) if group.template else {}
    return labels_of(template | dict(group.metadata.labels if group.metadata else ()) | dict(own))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
