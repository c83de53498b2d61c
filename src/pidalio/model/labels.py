"""Labels as sorted tuples of pairs: hashable, comparable, cheap to share."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]


def labels_of(labels: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """Return `labels` in canonical order."""
    pairs = labels.items() if isinstance(labels, Mapping) else labels
    return tuple(sorted(pairs))


def selects(selector: Labels, labels: Labels) -> bool:
    """Tell whether every pair of `selector` is among `labels`; an empty selector selects all."""
    return set(selector) <= set(labels)
