"""Which part of a refused response to send again first, so that one bad resource blocks nothing else.

Envoy refuses a response as a whole, and its message usually names the resource to blame; where it does not, halving
finds one bad resource among n with 2·log2(n) responses.
"""

from collections.abc import Mapping

_MOST_SUSPECTS = 8


def split(versions: Mapping[str, str], error: str, removal: str) -> list[list[str]]:
    """Divide a refused response into parts that are to be sent one after the other, the likely good ones first.

    Removals go with the first part: what takes a removed resource's place must not come before its removal.
    """
    removed = [name for name, version in versions.items() if version == removal]
    added = [name for name, version in versions.items() if version != removal]
    if len(added) < 2:
        return [part for part in (removed, added) if part] if added else _halves(removed)
    suspects = _suspects(added, error)
    if 0 < len(suspects) <= min(_MOST_SUSPECTS, len(added) - 1):
        blamed = set(suspects)
        first = [name for name in added if name not in blamed]
        return [removed + first, *([name] for name in suspects)]
    low, high = _halves(added)
    return [removed + low, high]


def _halves(names: list[str]) -> list[list[str]]:
    middle = len(names) // 2
    return [half for half in (names[:middle], names[middle:]) if half]


def _suspects(names: list[str], error: str) -> list[str]:
    """Return the names that the message has, without those that only begin or end a longer one it has."""
    found = sorted((name for name in names if name in error), key=len, reverse=True)
    rest, suspects = error, []
    for name in found:
        if name in rest:
            suspects.append(name)
            rest = rest.replace(name, " ")
    return suspects
