"""Every code that a report about writing to Kubernetes can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "status-not-written": Code(
        "The API server does not let us write the status of a kind of objects, or does not take what is written.",
        "Grant what the message names (`examples/kubernetes/rbac.yaml`), or set `status: false`; nothing else suffers.",
    ),
    "no-leader": Code(
        "The Lease that elects the one control plane which writes statuses cannot be read or written.",
        "Grant what the message names (`examples/kubernetes/rbac.yaml`), or set `status: false`; nothing else suffers.",
    ),
}
