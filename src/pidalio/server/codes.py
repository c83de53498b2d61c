"""Every code that a report of the control plane can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "rejected-by-envoy": Code(
        "A proxy refuses what a rule was compiled to; the version before stays live there.",
        "Change the field that the message names, and report it: what validates should be taken.",
    ),
    "history-unavailable": Code(
        "A change of files cannot be recorded (full disk, locked file) and is not live.",
        "Free the disk, or end the other process; the change is taken then.",
    ),
    "files-not-followed": Code(
        "Files are no longer followed, by a mistake of ours: restart, and report it.",
        "Restart the control plane.",
    ),
}
