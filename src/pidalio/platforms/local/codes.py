"""Every code that a report about local workloads can carry; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "too-many-instances": "A mesh has more local instances than addresses; the last ones are not started.",
}
