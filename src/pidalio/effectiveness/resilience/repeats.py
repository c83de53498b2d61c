"""What retries cannot do: tries for which there is no time, retries without bound, and retries that go on elsewhere.

Source of the rules: Envoy's timeouts (a route's ends all tries together) and Istio's defaults (reference §2.6): a route
that states no retries has the mesh's, or two.
"""

from collections import defaultdict
from collections.abc import Iterator

from pidalio.api.object import Object
from pidalio.api.virtual_service import HTTPRoute, VirtualService
from pidalio.effectiveness.finding import Finding
from pidalio.effectiveness.resilience.paths import TOGETHER, Path, Paths
from pidalio.ir import RetryPlan
from pidalio.model import ObjectRef, Origin
from pidalio.rules.aliases import target_of
from pidalio.store import tables
from pidalio.store.hosts import host_reference

_HARMLESS = frozenset({"connect-failure", "refused-stream", "reset-before-request"})
"""Conditions under which no instance has begun with the request that is repeated."""
_SHOWN = 3


def is_stated(retry: RetryPlan | None) -> bool:
    """Tell whether a user wrote the retries down, be it for the whole mesh."""
    return retry is not None and retry.origin is not None


def late_findings(paths: Paths) -> Iterator[Finding]:
    """Yield the retries that their route's timeout leaves no time for."""
    told: set[Origin] = set()
    for path in paths.all():
        retry, timeout, where = path.action.retry, path.action.timeout, path.action.timeout_origin
        if retry is None or retry.origin is None or not retry.per_try_timeout or not timeout or where is None:
            continue
        tries = 1 + retry.attempts
        if tries * retry.per_try_timeout <= timeout or retry.origin.object != where.object or retry.origin in told:
            continue
        told.add(retry.origin)
        need = f"{tries} tries of {_time(retry.per_try_timeout)} need {_time(tries * retry.per_try_timeout)}, but "
        ends = f" ends the request after {_time(timeout)}: of tries that time out {_fitting(retry, timeout)}"
        words = (need, where, ends, "; lengthen the timeout, or make the tries shorter or fewer")
        yield Finding("retries-beyond-timeout", retry.origin.object, f"{retry.origin.path}.perTryTimeout", words)


def _fitting(retry: RetryPlan, timeout: int) -> str:
    whole = timeout // (retry.per_try_timeout or timeout)
    if not whole:
        return "not even the first comes to its end"
    return f"only the first {whole} come to their end" if whole > 1 else "only the first comes to its end"


def budget_findings(paths: Paths) -> Iterator[Finding | None]:
    """Yield the retries that nothing bounds when many requests fail at once; None after some."""
    hosts: dict[Origin, dict[str, None]] = defaultdict(dict)
    for number, path in enumerate(paths.all()):
        if number % TOGETHER == 0:
            yield None
        retry = path.action.retry
        if retry is None or retry.origin is None or _HARMLESS.issuperset(retry.retry_on):
            continue
        for cluster in paths.destinations(path):
            plan = paths.plan(cluster)
            if plan and plan.retry_budget is None and plan.pool.max_retries is None:
                hosts[retry.origin][cluster.host] = None
    for origin, found in hosts.items():
        unbounded = f"nothing bounds the retries at {_some(found)} when many requests fail at once"
        cure = ": state retryBudget, or connectionPool.http.maxRetries, in its DestinationRule"
        yield Finding("retries-without-budget", origin.object, origin.path, (unbounded, cure))


def elsewhere_findings(paths: Paths) -> Iterator[Finding]:
    """Yield the rules that switch retries off for requests which some proxies send by another route, with retries."""
    rows = [row for key in tables.VIRTUAL_SERVICES.keys(paths.world) if (row := _row(paths, key))]
    silent = [(row, at) for row in rows for at, one in enumerate(row.spec.http) if _is_off(one)]
    if not silent:
        return
    by_target: dict[str, list[Path]] = defaultdict(list)
    live: set[tuple[ObjectRef, str]] = set()
    for path in paths.all():
        for origin in filter(None, (path.route.origin, path.route.root)):
            live.add((origin.object, origin.path.partition(".")[0]))
        for host in {cluster.host for cluster in paths.destinations(path)}:
            by_target[host].append(path)
    spaces = paths.inhabited()
    for row, at in silent:
        yield from _elsewhere(paths, row, at, by_target, spaces, is_live=(row.ref, f"http[{at}]") in live)


def _row(paths: Paths, key: tuple[str, str]) -> Object[VirtualService] | None:
    return tables.VIRTUAL_SERVICES.get(paths.world, key)


def _is_off(rule: HTTPRoute) -> bool:
    return rule.retries is not None and rule.retries.attempts == 0


def _elsewhere(
    paths: Paths,
    row: Object[VirtualService],
    at: int,
    by_target: dict[str, list[Path]],
    spaces: set[str],
    *,
    is_live: bool,
) -> Iterator[Finding]:
    """Yield that a destination is reached with retries nobody stated, where the rule is the destination's own.

    A rule for another host governs what it governs, and only says nothing when no request goes by it.
    """
    space = row.meta.namespace
    own = {_host(paths, host, space) for host in row.spec.hosts}
    stated = (one.destination for one in row.spec.http[at].route if one.destination)
    targets = dict.fromkeys(_host(paths, one.host, space) for one in stated)
    for target in targets:
        if is_live and target not in own:
            continue
        for path in by_target.get(target, ()):
            retry = path.action.retry
            parts = [origin.object for origin in (path.route.origin, path.route.root) if origin]
            if retry is None or row.ref in parts or (retry.origin and retry.origin.object in parts):
                continue
            who = _who(paths, path, spaces)
            if not who:
                continue
            by: str | Origin = path.route.origin or "no rule at all"
            cure = "state `attempts: 0` there too" if path.route.origin else "make this rule govern them too"
            words = (f"{who} call {target} by ", by, f", and repeat failed requests {_often(retry)}: {cure}")
            yield Finding("retries-off-elsewhere", row.ref, f"http[{at}].retries.attempts", words)
            return


def _host(paths: Paths, host: str, namespace: str) -> str:
    full = host_reference(host, namespace)
    return target_of(paths.world, full) or full


def _who(paths: Paths, path: Path, spaces: set[str]) -> str:
    """Return who takes a path, "" where nobody is known to."""
    for at in sorted(path.holders):
        one = paths.facts.alike[at]
        if one.is_gateway:
            return "gateways " + ",".join(f"{name}={value}" for name, value in one.proxy.labels)
        if one.proxy.namespace in spaces:
            return f"sidecars of namespace {one.proxy.namespace}"
    return ""


def _often(retry: RetryPlan) -> str:
    return "once" if retry.attempts == 1 else f"up to {retry.attempts} times"


def _some(hosts: dict[str, None]) -> str:
    shown = ", ".join(list(hosts)[:_SHOWN])
    return f"{shown} and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else shown


def _time(milliseconds: int) -> str:
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"
