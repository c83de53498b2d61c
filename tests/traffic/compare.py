"""Hold what a real Envoy did with a request against what the simulator says.

What Envoy draws (a share, a fault) may be any outcome that the decision names with a share above zero.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tests.traffic.backend import Seen
from tests.traffic.client import Got

from pidalio.simulate import Answered, Decision, Destination, Forwarded, Redirected, Verdict, edited
from pidalio.simulate.request import FROM_INSIDE_ONLY, joined_values

_ENVOYS_OWN = frozenset(
    {
        "host",
        "x-request-id",
        "x-envoy-attempt-count",
        "x-envoy-original-path",
        "x-envoy-original-host",
        "x-envoy-expected-rq-timeout-ms",
        "content-length",
        "transfer-encoding",
        "x-forwarded-for",
        "x-envoy-external-address",
        "upgrade",
        "connection",
    }
)


def mismatches(decision: Decision, got: Got, log: dict[str, Any], seen: list[Seen], *, told: int = 200) -> list[str]:
    """Return every difference in words; `told` is the status that the backend was told to answer with."""
    found: list[str] = []

    def same(what: str, real: object, simulated: object) -> None:
        if real != simulated:
            found.append(f"{what}: Envoy {real!r}, simulator {simulated!r}")

    same("route", log["route"] or "", decision.route.name if decision.route else "")
    if decision.request.connect and got.status == 200:
        # The log line is written when the tunnel ends, and tells how it ended.
        assert isinstance(decision.action, Forwarded)
        reachable = [to for to in decision.action.destinations if to.cluster == log["cluster"] and to.share]
        same("cluster", log["cluster"], reachable[0].cluster if reachable else decision.verdict.cluster)
        same("through", got.header("x-through") or "", str((reachable[0].tunnel if reachable else None) or ""))
        return found + [each for to in reachable for one in seen for each in _wrong_endpoint(to, one)]
    verdict = _verdict_of(decision, got, log, told)
    if verdict is None:
        real = f"{got.status} {log['flags']} {log['details']} {log['cluster']}"
        return [*found, f"outcome: Envoy {real}, simulator {[_short(each) for each in decision.verdicts]}"]
    if verdict.status is None:
        if len(seen) < 1:
            return [*found, "the backend saw no request"]
        assert isinstance(decision.action, Forwarded)
        # A rule may name a destination twice, with other edits: it is one of them.
        same_name = [each for each in decision.action.destinations if each.cluster == log["cluster"]]
        found += min(([*_differences_upstream(decision, to, seen[-1], got)] for to in same_name), key=len)
    elif verdict.details == "direct_response":
        assert isinstance(decision.action, Redirected | Answered)
        same("location", got.header("location") or "", decision.action.location)
        if isinstance(decision.action, Answered) and verdict.grpc_status is None and decision.request.method != "HEAD":
            same("body", got.body, decision.action.body)
        wanted = edited((), decision.action.response_edits)
        found += _response_differences(wanted, got)
    if verdict.details != "fault_filter_abort":
        found += _response_differences(decision.cors.set, got)
        allowed = dict(decision.cors.set).get("access-control-allow-origin")
        same("allowed origin", got.header("access-control-allow-origin"), allowed)
    if verdict.grpc_status is not None:
        same("grpc-status", got.header("grpc-status"), str(verdict.grpc_status))
    return found


def _verdict_of(decision: Decision, got: Got, log: dict[str, Any], told: int) -> Verdict | None:
    for verdict in decision.verdicts:
        status = told if verdict.status is None else verdict.status
        if (got.status, log["flags"], log["details"]) != (status, verdict.flag, verdict.details):
            continue
        if verdict.status is not None or verdict.cluster == log["cluster"]:
            return verdict
    return None


def _short(verdict: Verdict) -> str:
    return f"{verdict.share:.3f}: {verdict.status} {verdict.flag} {verdict.details} {verdict.cluster}"


def _differences_upstream(decision: Decision, to: Destination, seen: Seen, got: Got) -> Iterable[str]:
    if seen.path != to.path:
        yield f"path: Envoy {seen.path!r}, simulator {to.path!r}"
    if seen.host != to.authority:
        yield f"host: Envoy {seen.host!r}, simulator {to.authority!r}"
    yield from _wrong_endpoint(to, seen)
    formatted = {name for edits in to.request_edits for name, value in edits.set + edits.add if "%" in value}
    skipped = formatted | _ENVOYS_OWN | FROM_INSIDE_ONLY
    real = _joined(seen.headers, skipped)
    simulated = _joined(edited(decision.request.headers, to.request_edits), skipped)
    if real != simulated:
        yield f"headers: Envoy {_apart(real, simulated)}, simulator {_apart(simulated, real)}"
    backend = (("x-from", seen.address), ("x-drop-me", "1"))
    yield from _response_differences(edited(backend, to.response_edits), got)


def _wrong_endpoint(to: Destination, seen: Seen) -> Iterable[str]:
    reachable = {each.address for each in to.pool.endpoints if each.share}
    by_name = any(not each.replace(".", "").isdigit() for each in reachable)
    if reachable and not by_name and seen.address not in reachable:
        yield f"endpoint: Envoy {seen.address}, simulator {sorted(reachable)}"


def _response_differences(wanted: tuple[tuple[str, str], ...], got: Got) -> Iterable[str]:
    simulated = {name: value for name, value in _joined(wanted, frozenset()).items() if "%" not in value}
    real = {name: got.header(name) for name in simulated}
    if real != simulated:
        yield f"response headers: Envoy {real}, simulator {simulated}"


def _joined(headers: Iterable[tuple[str, str]], skipped: Iterable[str]) -> dict[str, str]:
    joined: dict[str, list[str]] = defaultdict(list)
    for name, value in headers:
        if name.lower() not in skipped:
            joined[name.lower()].append(value)
    return {name: ",".join(joined_values(name, values)) for name, values in joined.items()}


def _apart(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in one.items() if other.get(name) != value}
