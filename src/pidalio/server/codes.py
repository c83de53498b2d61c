"""Every code that a report of the control plane can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "rejected-by-envoy": Code(
        "A proxy refuses what a rule was compiled to; the version before stays live there.",
        "Change the field that the message names, and report it: what validates should be taken.",
    ),
    "grpc-cannot": Code(
        "A rule that a connected proxyless gRPC client follows asks for what gRPC's own xDS client cannot do.",
        "Live without it at such clients, put an Envoy beside them, or split the rule by `sourceLabels`.",
    ),
    "history-unavailable": Code(
        "A change of files cannot be recorded (full disk, locked file) and is not live.",
        "Free the disk, or end the other process; the change is taken then.",
    ),
    "files-not-followed": Code(
        "Files are no longer followed, by a mistake of ours: restart, and report it.",
        "Restart the control plane.",
    ),
    "platform-not-informed": Code(
        "What became of a platform's rule objects could not be found out or told to it, by a mistake of ours.",
        "Report it with the log; it is tried again by itself, and proxies are served as ever.",
    ),
}
