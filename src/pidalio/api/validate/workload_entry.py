"""WorkloadEntry and WorkloadGroup (reference §1.5)."""

from pidalio.api.annotations import check_proxy_config_of
from pidalio.api.findings import Findings
from pidalio.api.names import host_mistake, is_address
from pidalio.api.object import Meta
from pidalio.api.places import join
from pidalio.api.validate.probe import check_probe
from pidalio.api.validate.values import check_labels, check_not_negative, check_port
from pidalio.api.workload_entry import WorkloadEntry, WorkloadGroup


def validate(spec: WorkloadEntry, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a WorkloadEntry."""
    check_entry(spec, "", found)


def validate_group(spec: WorkloadGroup, _meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a WorkloadGroup."""
    if spec.metadata:
        check_labels(spec.metadata.labels, "metadata.labels", found)
        check_proxy_config_of(spec.metadata.annotations, "metadata.annotations", found)
    if spec.template is None:
        found.error("missing-field", "template", "a group has a template of its entries")
    else:
        if spec.template.address:
            message = "each workload brings its own address: remove it"
            found.error("bad-endpoints", "template.address", message)
        _check_rest(spec.template, "template", found)
    if spec.probe:
        check_probe(spec.probe, "probe", found)


def check_entry(entry: WorkloadEntry, path: str, found: Findings) -> None:
    """Note everything that is wrong with one instance at `path`."""
    address, here = entry.address, f"{path}.address" if path else "address"
    if not address:
        if not entry.network:
            found.error("missing-field", here, "an address is needed: an IP, a DNS name or unix:///path")
    elif address.startswith("unix://"):
        if not address.startswith("unix:///") and not address.startswith("unix://@"):
            found.error("bad-address", here, f"{address!r}: write an absolute path, unix:///run/app.sock")
        if entry.ports:
            found.error(
                "bad-endpoints", f"{path}.ports" if path else "ports", "a UNIX socket has no ports: remove them"
            )
    elif not is_address(address) and host_mistake(address, wildcard=False):
        found.error("bad-address", here, f"{address!r} is neither an IP, a DNS name nor unix:///path")
    _check_rest(entry, path, found)


def _check_rest(entry: WorkloadEntry, path: str, found: Findings) -> None:
    prefix = f"{path}." if path else ""
    for name, number in entry.ports:
        check_port(number, join(f"{prefix}ports", name), found)
    check_labels(entry.labels, f"{prefix}labels", found)
    check_not_negative(entry.weight, f"{prefix}weight", found)
    if entry.locality.count("/") > 2:
        found.error("bad-locality", f"{prefix}locality", f"{entry.locality!r}: write region/zone/subzone")
