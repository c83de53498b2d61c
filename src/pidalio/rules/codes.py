"""Every code that a report of the rules can carry, with one sentence each; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "not-yet-effective": Code(
        "A field, value or kind is accepted and has no effect yet: see [Limits](../limits.md).",
        "Remove it, or wait for a version in which it takes effect.",
    ),
    "sticky-at-gateways-only": Code(
        "Sticky weights go by the source's address in a rule that sidecars follow too: they draw each request.",
        "Be sticky by a header or a cookie there, or bind the rule to gateways only.",
    ),
    "sticky-chooses-instances": Code(
        "Instances are chosen by what a rule is sticky by, and not by what a DestinationRule hashes.",
        "Be sticky by what is hashed, remove `consistentHash`, or accept it: a user stays with one instance anyway.",
    ),
    "sticky-makes-no-cookie": Code(
        "A rule is sticky by a cookie, and proxies cannot make one without request ids: new users are drawn each time.",
        "Leave `proxyHeaders.requestId` on, be sticky by a header, or let the application set the cookie.",
    ),
    "unknown-host": Code(
        "A destination names a host that no visible service has: requests to it get 503.",
        "Correct the name, export the service to this namespace, or declare it.",
    ),
    "unknown-port": Code(
        "A destination names a port that the service does not have: requests to it get 503.",
        "Name a port that the service has.",
    ),
    "unknown-target-port": Code(
        "A Service's `targetPort` is a name that none of the selected instances gives to a port: calls get 503.",
        "Correct the name, or give the instances' port this name.",
    ),
    "unknown-subset": Code(
        "A destination names a subset that no DestinationRule in effect defines: requests to it get 503.",
        "Define the subset in a DestinationRule for the host, visible here.",
    ),
    "unknown-callee": Code(
        "The annotation `pidalio.dev/calls` names a host that no service has.",
        "Correct the name (a short one belongs to the object's own namespace), or leave it out.",
    ),
    "unknown-delegate": Code(
        "A rule delegates to a VirtualService that is not there: requests to it get 503.",
        "Correct the name and namespace, or add the delegate, exported to this namespace.",
    ),
    "delegate-conflict": Code(
        "A delegate's rule reaches beyond the rule that delegates to it, and is dropped there.",
        "Narrow the delegate's match to what the delegating rule lets through.",
    ),
    "unused-delegate": Code(
        "A VirtualService without hosts, to which no rule delegates: it has no effect.",
        "Give it hosts, or delegate to it.",
    ),
    "jwt-claim-without-authentication": Code(
        "A rule asks for a claim of a token, and nothing verifies tokens.",
        "Verify tokens at the gateway first, or remove the condition.",
    ),
    "alias-host": Code(
        "A rule is for the second name of a service (type ExternalName): it has no effect under that name.",
        "Write the rule for the host that the name stands for.",
    ),
    "unserved-alias": Code(
        "A Service of type ExternalName stands for a host that no service has.",
        "Nothing, where DNS is to say where it leads; else declare the host by a ServiceEntry.",
    ),
    "unknown-gateway": Code(
        "A VirtualService names a Gateway that does not exist.",
        "Correct the name, as `namespace/name` for another namespace, or add the Gateway.",
    ),
    "unreferenced-host": Code(
        "A DestinationRule or HealthCheck is for a host that no service has: it has no effect.",
        "Correct the host, or add the service.",
    ),
    "unreferenced-port": Code(
        "A HealthCheck is for a port that the service does not have: it has no effect.",
        "Name a port that the service has, or none for all.",
    ),
    "unreferenced-subset": Code(
        "A HealthCheck is for a subset that no DestinationRule in effect defines: it has no effect.",
        "Define the subset in a DestinationRule for the host, or name none.",
    ),
    "foreign-ingress": Code(
        "An Ingress is of another controller's class, or of none: it has no effect here.",
        "Nothing, if the other controller serves it; else set `ingressClassName`.",
    ),
    "refused-field": Code(
        "A field is known and refused for good; the message says why and what to write instead.",
        "Remove the field, or write what the message says instead.",
    ),
    "empty-subset": Code(
        "A subset selects none of the service's endpoints.",
        "Correct the labels, or start instances that bear them.",
    ),
}
