"""Every code that a report of the control plane can carry; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "rejected-by-envoy": "A proxy refuses what a rule was compiled to; the version before stays live there.",
    "history-unavailable": "A change of files cannot be recorded (full disk, locked file) and is not live.",
    "files-not-followed": "Files are no longer followed, by a mistake of ours: restart, and report it.",
}
