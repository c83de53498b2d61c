"""Every code that a report about Consul's services can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "consul-hidden": Code(
        "Consul hides from the token what it showed before; what was known of it stays in force.",
        "Give the token `service:read` for the services and `node:read` for the nodes that the message names.",
    ),
    "consul-lost-state": Code(
        "Consul's index went backwards, or most services are missing: its state was lost or restored. What is missing"
        " stays for `settle` seconds.",
        "Nothing, if agents register their services again by then; else register them.",
    ),
    "consul-no-leader": Code(
        "Consul's servers have no leader: what one of them knows is followed, and may be old.",
        "Bring Consul's servers back to a quorum.",
    ),
    "consul-unread": Code(
        "Single services cannot be read, while Consul answers about others; what was known of them stays in force.",
        "Do what the message says; they are asked for again.",
    ),
    "consul-bad-instance": Code(
        "An instance that Consul shows cannot be used and is left out; the others of its service are taken over.",
        "Correct what it is registered with.",
    ),
    "consul-bad-meta": Code(
        "A service's meta, or its entry in service-defaults, says something that is no port or no protocol.",
        "Correct it as the message says; until then it counts as not stated.",
    ),
    "consul-ports-differ": Code(
        "The instances of a service have different ports, and nothing states which one callers use.",
        "State it: as meta `service-port` of the service, or as `port` of the platform for all of them.",
    ),
    "consul-protocols-differ": Code(
        "The instances of a service state different protocols; that of the oldest counts.",
        "Let all instances state the same meta `protocol`.",
    ),
    "consul-no-hostname": Code(
        "The name of a service makes no hostname, so nobody could call it.",
        "Rename it, or give the platform another form of `hostname`.",
    ),
}
