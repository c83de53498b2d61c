"""Every code that a report about Nomad's services can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "nomad-bad-registration": Code(
        "A registration in Nomad cannot be used; the others are taken over.",
        "Correct the service block that the message names.",
    ),
    "nomad-no-nodes": Code(
        "Nodes of Nomad cannot be read: zones and instances on lost nodes are not known.",
        'Give the token a policy with `node { policy = "read" }`.',
    ),
}
