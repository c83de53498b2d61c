"""Every code that a report of the rules can carry, with one sentence each; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "not-yet-effective": "A field, value or kind is accepted and has no effect yet: see [Limits](../limits.md).",
    "unknown-host": "A destination names a host that no visible service has: requests to it get 503.",
    "unknown-port": "A destination names a port that the service does not have: requests to it get 503.",
    "unknown-subset": "A destination names a subset that no DestinationRule in effect defines: requests to it get 503.",
    "unknown-delegate": "A rule delegates to a VirtualService that is not there: requests to it get 503.",
    "delegate-conflict": "A delegate's rule reaches beyond the rule that delegates to it, and is dropped there.",
    "unused-delegate": "A VirtualService without hosts, to which no rule delegates: it has no effect.",
    "jwt-claim-without-authentication": "A rule asks for a claim of a token, and nothing verifies tokens.",
    "unknown-gateway": "A VirtualService names a Gateway that does not exist.",
    "unreferenced-host": "A DestinationRule is for a host that no service has: it has no effect.",
    "foreign-ingress": "An Ingress is of another controller's class, or of none: it has no effect here.",
    "refused-field": "A field is known and refused for good; the message says why and what to write instead.",
    "empty-subset": "A subset selects none of the service's endpoints.",
}
