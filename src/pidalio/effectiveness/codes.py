"""Every code that a finding can carry, with one sentence each; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "ineffective": Code(
        "A rule, or a part of it, does nothing: it reaches no proxy, or no request can select it.",
        "Remove it, put it before what shadows it, or mend what the message names.",
    ),
    "undecided": Code(
        "Whether some request selects a route, or would get something else without it, could not be told: a regex.",
        "Nothing need be done; a literal (`exact`, `prefix`) in place of the regex can be told.",
    ),
    "redundant": Code(
        "Without this route every request that selects it would get the same from a later one.",
        "Remove it, or leave it where it says something to readers.",
    ),
    "only-lets-in": Code(
        "No request selects this part of a rule, but a Sidecar lets its destination in because of it.",
        "Name the destination in the Sidecar's egress hosts, and remove the part.",
    ),
    "zero-weight": Code(
        "A destination has weight 0 beside others, so that it gets no request.",
        "Nothing, if it is meant; else give it a weight.",
    ),
    "unused-subset": Code(
        "No route leads to this subset.",
        "Nothing, if a later rule will use it; else remove it.",
    ),
    "no-tunnel-by-post": Code(
        "A `tunnel` by POST begins at gateways, at bound ports and where connections are redirected: where callers "
        "name their proxy, CONNECT answers 503.",
        "Let it be by CONNECT, or give those callers a port that a Sidecar's egress listener binds.",
    ),
    "conflict-host": Code(
        "Several VirtualServices are for one host; for sidecars the oldest has it alone.",
        "Merge the rules, or let one delegate to the others.",
    ),
    "conflict-traffic-policy": Code(
        "Several DestinationRules state a policy for one host; that of the oldest holds.",
        "State the policy in one of them.",
    ),
    "conflict-subset": Code(
        "A subset is defined twice for one host; the first definition holds.",
        "Remove one of the definitions, or give it another name.",
    ),
    "conflict-destination-rule": Code(
        "Of several DestinationRules for one host only those of one namespace hold.",
        "Merge them, or move the rule to the namespace that is looked into first.",
    ),
    "conflict-health-check": Code(
        "Several HealthChecks are for the same instances; the oldest holds.",
        "Keep one of them, or let one name a port or subset.",
    ),
    "health-check-load": Code(
        "How many checks per second a HealthCheck causes, by the proxies that there are.",
        "Nothing; this is what the rule costs.",
    ),
    "heavy-health-check": Code(
        "A HealthCheck causes more than ten checks per second at one instance.",
        "Choose a longer interval, or a Sidecar for callers that do not call the service.",
    ),
    "conflict-sidecar": Code(
        "Several Sidecars are for the same workloads; the oldest holds.",
        "Keep one without selector in a namespace, and selectors that pick different workloads.",
    ),
    "conflict-port": Code(
        "Servers of several Gateways cannot share one port, which the oldest has; nor can a Sidecar's egress listener "
        "bind one that the sidecar has for itself.",
        "Give one of the servers another port, or the same protocol; let the egress listener bind another port.",
    ),
    "conflict-service": Code(
        "Several objects declare one service; the settings of one hold.",
        "Keep one of the declarations.",
    ),
    "conflict-address": Code(
        "Several services have one address, or none that tells redirected connections apart; the oldest has it.",
        "Give each service an address of its own.",
    ),
}
