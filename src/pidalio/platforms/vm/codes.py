"""Every code that a report about registered instances can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "address-claimed": Code(
        "Two instances claim one address and port: the one that came later has it, at the latest after the grace time.",
        "Stop the one that is not meant to be there, or give it another address.",
    ),
    "registrations-not-shared": Code(
        "The store that control planes share registered instances by does not answer: all goes on as last known.",
        "Mend the store or the way to it; what changed meanwhile is written then.",
    ),
    "group-unknown": Code(
        "A proxy's node names a WorkloadGroup that is not there, so its instance is not registered.",
        "Write the group, or correct `AUTO_REGISTER_GROUP`; nothing needs to be restarted for a group that comes late.",
    ),
    "registration-refused": Code(
        "The instance of a proxy that names a WorkloadGroup is not registered, for the reason in the message.",
        "Use a certificate of the group's service account, or end the other instance that has its name or address.",
    ),
}
