"""Every code that a report about a platform as a whole can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "platform-stale": Code(
        "A platform does not answer, or refuses: what was known of it last stays in force without limit.",
        "Do what the message says of the platform; nothing else of the mesh is touched.",
    ),
    "platform-not-read": Code(
        "A platform could not be read even once, so nothing of it is known.",
        "Mend its address, its credentials or the platform; it is tried again for ever.",
    ),
    "platform-held": Code(
        "A platform's answer lacks so much of what it showed before that it is read once more before it counts.",
        "Nothing; if it is meant, it counts as soon as the platform says it a second time.",
    ),
    "platform-not-kept": Code(
        "What is known of a platform cannot be written to disk: a restart would not know it.",
        "Free the disk, or give the user who runs pidalio the right to write there.",
    ),
    "platform-not-restored": Code(
        "What an earlier process kept of a platform cannot be read, so nothing of it is known until it answers.",
        "Nothing; if it comes again, look at the disk.",
    ),
    "platform-failed": Code(
        "An adapter ended by a mistake of ours, or of the package that it comes from; it was started again.",
        "Report it with the log; what was known of the platform stays in force.",
    ),
    "instance-flapping": Code(
        "A platform says by turns that an instance is well and unwell: it must stay well for a while before it counts.",
        "Find out why it fails (its log, its check's limits); it is let in as soon as it stays well.",
    ),
    "address-claimed-twice": Code(
        "Two platforms say that one address and port is an instance, each of another service.",
        "Look which of them is out of date; if both names are meant, give the services one hostname (`hostname`).",
    ),
    "virtual-address-claimed-twice": Code(
        "Two platforms have one virtual address for different services.",
        "Give one of the services another address; calls by hostname are not touched.",
    ),
    "protocol-differs": Code(
        "Two platforms say that one port of one service speaks different protocols: that of the first one counts.",
        "Say the same on both; the first is the one that was configured first.",
    ),
}
