"""Every code that a report about local workloads can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "too-many-instances": Code(
        "A mesh has more local instances than addresses; the last ones are not started.",
        "Lower `replicas`, or run a second mesh.",
    ),
}
