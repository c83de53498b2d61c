"""Every code that a report about a cluster can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "kubernetes-forbidden": Code(
        "The API server does not let us read one kind: everything else of the cluster goes on.",
        "Grant the permission that the message names; it is asked again by itself.",
    ),
    "kubernetes-malformed": Code(
        "One object of the cluster is not what its kind must be: what was known of it stays in force.",
        "Mend the object; the message names the field.",
    ),
    "kubernetes-names": Code(
        "An EndpointSlice holds names instead of addresses: it is passed over, as Istio does.",
        "Write a ServiceEntry with `resolution: DNS` and these names.",
    ),
    "kubernetes-went-back": Code(
        "The cluster's versions are lower than they were: its store was restored from a backup.",
        "Nothing, if that was meant; a suspicious loss of services is asked for twice all the same.",
    ),
}
