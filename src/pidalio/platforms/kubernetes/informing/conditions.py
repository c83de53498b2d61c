"""The status of a rule object as Kubernetes shows it, from what became of it.

Pure. Invariants: what others wrote into a status stays (Istio's own conditions and messages); a condition's time is
that of its last change of truth; equal meaning is an equal status, so that nothing is written twice.
Source of the shape: `IstioStatus` of istio.io/api (conditions, validationMessages, observedGeneration), and Kubernetes'
API conventions for conditions.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pidalio.model import Report, Severity
from pidalio.platforms.informing import ObjectStatus

COMPILED: Final = "Compiled"
EFFECTIVE: Final = "Effective"
CONFLICTS: Final = "Conflicts"
_OWN: Final = (COMPILED, EFFECTIVE, CONFLICTS)
_LEVELS: Final = {Severity.INFO: "INFO", Severity.WARNING: "WARNING", Severity.ERROR: "ERROR"}
_SHOWN: Final = 3
"""How many reports one condition quotes."""
_LONGEST: Final = 1000
_TRUTH: Final = {True: "True", False: "False", None: "Unknown"}


def status_of(known: ObjectStatus, former: Mapping[str, Any], now: str) -> dict[str, Any]:
    """Return the status that an object is to have, in place of `former`; equal to it where nothing is to be written.

    `now` is an RFC 3339 stamp.
    """
    before = [one for one in former.get("conditions") or () if isinstance(one, dict)]
    others = [one for one in before if one.get("type") not in _OWN]
    own = [_aged(one, before, now) for one in _conditions(known)]
    made = {**former, "conditions": [*others, *own], "observedGeneration": known.version}
    foreign = [one for one in former.get("validationMessages") or () if not _is_own(one)]
    messages = [*foreign, *_messages(known)]
    if messages or "validationMessages" in former:
        made["validationMessages"] = messages
    return made


def _conditions(known: ObjectStatus) -> list[dict[str, Any]]:
    made = (_compiled(known), _effective(known), _conflicting(known))
    return [{**one, "observedGeneration": known.version} for one in made]


def _compiled(known: ObjectStatus) -> dict[str, Any]:
    if known.mistakes:
        return _condition(COMPILED, False, _reason(known.mistakes), _quoted(known.mistakes))
    if not known.compiled:
        return _condition(COMPILED, False, "NotRead", "no part of Pidalio reads objects of this kind")
    return _condition(COMPILED, True, "Accepted", "")


def _effective(known: ObjectStatus) -> dict[str, Any]:
    """Return whether it does something; without counts, which would change with every proxy that comes and goes."""
    why = _quoted(known.ineffective)
    if known.mistakes:
        return _condition(EFFECTIVE, None, "NotCompiled", "this version is not live")
    if known.effective_on is None:
        return _condition(EFFECTIVE, None, "ConcernsNoProxy", why)
    if known.effective_on == 0:
        return _condition(EFFECTIVE, False, _reason(known.ineffective) or "OnNoProxy", why or "no proxy uses it")
    if known.ineffective:
        return _condition(EFFECTIVE, True, "InPart", why)
    everywhere = known.effective_on >= known.proxies
    return _condition(EFFECTIVE, True, "OnAllProxies" if everywhere else "OnSomeProxies", "")


def _conflicting(known: ObjectStatus) -> dict[str, Any]:
    if known.conflicts:
        return _condition(CONFLICTS, True, _reason(known.conflicts), _quoted(known.conflicts))
    return _condition(CONFLICTS, False, "None", "")


def _condition(type_: str, truth: bool | None, reason: str, message: str) -> dict[str, Any]:
    return {"type": type_, "status": _TRUTH[truth], "reason": reason, "message": message}


def _aged(condition: dict[str, Any], before: Sequence[Mapping[str, Any]], now: str) -> dict[str, Any]:
    """Return a condition with the time since when it is as true as now."""
    for one in before:
        if one.get("type") == condition["type"] and one.get("status") == condition["status"]:
            return {**condition, "lastTransitionTime": one.get("lastTransitionTime") or now}
    return {**condition, "lastTransitionTime": now}


def _messages(known: ObjectStatus) -> list[dict[str, Any]]:
    """Return what is to be told as Istio's analyzers do it: which kinds of things, each once."""
    told = (*known.mistakes, *known.ineffective, *known.conflicts, *known.risks)
    worst: dict[str, Severity] = {}
    for one in told:
        worst[one.code] = max(one.severity, worst.get(one.code, Severity.INFO))
    return [{"level": _LEVELS[level], "type": {"name": code}} for code, level in sorted(worst.items())]


def _is_own(message: Any) -> bool:
    """Tell whether a message is one of ours: Istio's have a code of Istio's."""
    type_ = message.get("type") if isinstance(message, dict) else None
    return isinstance(type_, dict) and not type_.get("code")


def _reason(reports: Sequence[Report]) -> str:
    """Return the first report's code as the one word that a reason is."""
    return "".join(part.capitalize() for part in reports[0].code.split("-")) if reports else ""


def _quoted(reports: Iterable[Report]) -> str:
    lines = list(dict.fromkeys(f"{one.path}: {one.message}" if one.path else one.message for one in reports))
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return ("; ".join(lines[:_SHOWN]) + more)[:_LONGEST]
