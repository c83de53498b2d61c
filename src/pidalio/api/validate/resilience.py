"""Mistakes in the annotations that say how calls of a service recover from failures."""

from typing import Final

from pidalio.api.convert import nearest
from pidalio.api.findings import Findings
from pidalio.api.resilience import ANNOTATED_KINDS, CALLING_KINDS, CALLS, WORDS, where
from pidalio.model import Labels

_OURS: Final = "pidalio.dev/"


def check_resilience(annotations: Labels, kind: str, found: Findings) -> None:
    """Note a word that means nothing, an annotation of a kind on which it means nothing, and one that nobody reads."""
    for name, value in annotations:
        kinds = CALLING_KINDS if name == CALLS else ANNOTATED_KINDS if name in WORDS else None
        if kinds is None:
            if name.startswith(_OURS):
                message = f"{name} means nothing{nearest(name, (*WORDS, CALLS))}: correct the name, or leave it out"
                found.warning("unknown-annotation", where(name), message)
            continue
        if kind not in kinds:
            message = f"{name} means nothing here: it goes on {', '.join(kinds)}"
            found.warning("misplaced-annotation", where(name), message)
        elif value not in WORDS.get(name, (value,)):
            message = f"{value!r} is neither {' nor '.join(map(repr, WORDS[name]))}"
            found.error("unknown-value", where(name), message)
