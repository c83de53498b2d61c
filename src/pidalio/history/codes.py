"""Every code that a report of the history can carry beside the store's; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "secret-not-kept": Code(
        "The contents of a Secret are in no history: it must be applied again.",
        "Apply the Secret again.",
    ),
}
