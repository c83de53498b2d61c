"""Every code that a report about services in etcd can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "etcd-bad-value": Code(
        "A key below the prefix cannot be understood: what it said before stays in force, nothing else is touched.",
        "Write what the message says; keys are `PREFIX NAME/ID`, the guide has all fields of a value.",
    ),
}
