"""Every code that a report about Eureka's instances can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "eureka-bad-instance": Code(
        "An instance in Eureka cannot be read; what was known of it last stays, the others are taken over.",
        "Correct what it registers itself with.",
    ),
}
