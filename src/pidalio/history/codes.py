"""Every code that a report of the history can carry beside the store's; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "secret-not-kept": "The contents of a Secret are in no history: it must be applied again.",
}
