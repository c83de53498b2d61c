"""exportTo: to whom an object is visible (reference §2.2)."""

from pidalio.api.findings import Findings
from pidalio.api.names import is_dns_label


def check_exports(
    entries: tuple[str, ...], namespace: str, path: str, found: Findings, *, none_allowed: bool = False
) -> None:
    """Note entries that are malformed, repeated, or exclude others; `~` ("nobody") only where allowed."""
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        here = f"{path}[{index}]"
        if entry == "~" and not none_allowed:
            found.error("bad-export", here, "'~' (nobody) is allowed for services only: use '.' for the own namespace")
        elif entry not in {".", "*", "~"} and not is_dns_label(entry):
            found.error("bad-export", here, f"{entry!r} is neither '.', '*' nor a namespace")
        meant = namespace if entry == "." and namespace else entry
        if meant in seen:
            found.error("bad-export", here, f"{entry!r} is given twice: remove one")
        seen.add(meant)
    for alone in ("*", "~"):
        if alone in entries and len(entries) > 1:
            found.error("bad-export", path, f"{alone!r} already says everything: remove the other entries")
