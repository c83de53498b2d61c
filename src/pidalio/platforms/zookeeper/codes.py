"""Every code that a report about nodes of ZooKeeper can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "zookeeper-bad-node": Code(
        "A node in ZooKeeper is no instance of the layout; what was known of it last stays, the others are taken over.",
        "Correct what registers it, or say the right `layout`.",
    ),
}
