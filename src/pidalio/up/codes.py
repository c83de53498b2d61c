"""Every code that a report of an embedded mesh can carry; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "port-moved": "A Gateway's port needs root and listens 8000 higher.",
    "port-in-use": "Another process listens on a Gateway's port.",
}
