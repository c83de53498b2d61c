"""Every value that shapes a call when something fails, said or inherited, and who says it.

Names are those of the fields by which users state them, the block first (`retries.attempts`), so that an answer also
tells what to write to change it. Made from the same plans as the answer itself; a value that no rule states is the
profile's, Istio's, or Envoy's own, which applies because nothing is sent.
Source of the defaults: reference of Istio's API (§1.1, §1.2, §2.6), Envoy's field reference; design record 0017.
"""

from collections.abc import Iterator

import msgspec

from pidalio.ir import ClusterPlan, ConnectionPoolPlan, ForwardPlan, OutlierPlan, RetryPlan, UpstreamProtocol
from pidalio.ir.route import NO_POLICY_ATTEMPTS
from pidalio.model import Origin
from pidalio.simulate.incoming import Arrival
from pidalio.simulate.override import MAX_RETRIES, PER_TRY, effective_retry, effective_timeout, number, retry_headers

ISTIO, ENVOY = "Istio's default", "Envoy's default"
_BACKOFF = 25
_MOST_BACKOFFS = 10


class Setting(msgspec.Struct, frozen=True):
    """One value in force, in words.

    `origin` is the rule that says it; `by` who else does (`Istio's default`, `header x-envoy-max-retries`), or the
    profile by which `origin` says it; empty where the rule states the very field.
    """

    name: str
    value: str
    by: str = ""
    origin: Origin | None = None


def route_settings(plan: ForwardPlan, arrival: Arrival) -> tuple[Setting, ...]:
    """Return what holds for a request on its route: timeout, retries, and whether its caller may override them."""
    return (_timeout(plan, arrival), *_retries(plan, arrival), _overrides(plan, arrival))


def _timeout(plan: ForwardPlan, arrival: Arrival) -> Setting:
    found = effective_timeout(plan, arrival)
    limit = f"{found.milliseconds} ms" if found.milliseconds else "none"
    if found.header:
        return Setting("timeout", limit, f"header {found.header}")
    return Setting("timeout", limit, "" if found.origin else ISTIO, found.origin)


def _overrides(plan: ForwardPlan, arrival: Arrival) -> Setting:
    if plan.deaf:
        return Setting("callerOverrides", "ignored", origin=plan.deaf)
    if arrival.internal:
        return Setting("callerOverrides", "allowed: the workload's own x-envoy-* headers count", "Pidalio's default")
    return Setting("callerOverrides", "taken away: the caller is not the workload itself", "Pidalio's default")


def _retries(plan: ForwardPlan, arrival: Arrival) -> Iterator[Setting]:
    retry = effective_retry(plan, arrival)
    if retry is None:
        yield Setting("retries.attempts", "0", "" if plan.retry_off else ISTIO, plan.retry_off)
        return
    own = plan.retry.for_method(arrival.request.method) if plan.retry else None
    yield _attempts(own, retry, plan, arrival)
    yield from _conditions(own, plan.retry, arrival)
    for name in retry_headers(plan, arrival):
        yield Setting("retries.retryOn", f"also {arrival.request.header(name)}", f"header {name}")
    yield _per_try(own, retry, plan, arrival)
    yield _same_instance(retry, plan)
    yield from _manner(retry)


def _attempts(own: RetryPlan | None, retry: RetryPlan, plan: ForwardPlan, arrival: Arrival) -> Setting:
    value = str(retry.attempts)
    if number(plan, arrival, MAX_RETRIES) is not None:
        return Setting("retries.attempts", value, f"header {MAX_RETRIES}")
    if own is None:
        return Setting("retries.attempts", str(NO_POLICY_ATTEMPTS), ENVOY)
    return _stated("retries.attempts", value, own.origin) or _of_profile("retries.attempts", value, own)


def _conditions(own: RetryPlan | None, whole: RetryPlan | None, arrival: Arrival) -> Iterator[Setting]:
    if own is None or whole is None:
        return
    written = ", ".join((*whole.retry_on, *map(str, whole.status_codes)))
    name = "retries.retryOn"
    yield _stated(name, written, whole.conditions_origin) or _of_profile(name, written, whole)
    if own != whole:
        narrowed = ", ".join(own.retry_on) or "nothing"
        value = f"{arrival.request.method} is not idempotent: only {narrowed}"
        yield Setting(name, value, "profile safe", own.profile_origin)


def _per_try(own: RetryPlan | None, retry: RetryPlan, plan: ForwardPlan, arrival: Arrival) -> Setting:
    name = "retries.perTryTimeout"
    value = f"{retry.per_try_timeout} ms" if retry.per_try_timeout else "none"
    if number(plan, arrival, PER_TRY) is not None:
        return Setting(name, value, f"header {PER_TRY}")
    stated = own.origin if own and own.per_try_timeout is not None else None
    return _stated(name, value, stated) or Setting(name, value, ISTIO)


def _manner(retry: RetryPlan) -> Iterator[Setting]:
    """Yield how tries follow one another."""
    base = _BACKOFF if retry.backoff is None else retry.backoff
    value = f"drawn from 0 to {base} ms, longer with each try, at most {base * _MOST_BACKOFFS} ms"
    stated = retry.origin if retry.backoff is not None else None
    yield _stated("retries.backoff", value, stated) or Setting("retries.backoff", value, ENVOY)
    name = "retries.retryRemoteLocalities"
    if retry.remote_localities:
        yield Setting(name, "true: instances of other priorities, too", origin=_inside(retry.origin, name))
    else:
        yield Setting(name, "false", ISTIO)


def _same_instance(retry: RetryPlan, plan: ForwardPlan) -> Setting:
    name = "retries.retryIgnorePreviousHosts"
    if retry.avoid_previous_hosts:
        return Setting(name, f"true: another instance, if {retry.host_selection_attempts} draws find one", ISTIO)
    if plan.hashes and len(plan.clusters) == 1:
        return Setting(name, "false: the instance of the key", origin=plan.hashes[0].origin)
    value = "false: any instance"
    return _stated(name, value, retry.origin) or Setting(name, value, ENVOY)


def _stated(name: str, value: str, block: Origin | None) -> Setting | None:
    """Return the setting that `block` states, None where there is no such block."""
    return Setting(name, value, origin=_inside(block, name)) if block else None


def _inside(block: Origin | None, name: str) -> Origin | None:
    return Origin(block.object, f"{block.path}.{name.partition('.')[2]}") if block else None


def _of_profile(name: str, value: str, plan: RetryPlan) -> Setting:
    if plan.profile_origin is None:
        return Setting(name, value, ISTIO)
    profile = "istio" if plan.unsafe_retry_on is None else "safe"
    return Setting(name, value, f"profile {profile}", plan.profile_origin)


def cluster_settings(plan: ClusterPlan) -> tuple[Setting, ...]:
    """Return what holds for all calls of a destination together: retries at once, pool, ejection."""
    return (*_budget(plan), *_pool(plan.pool), *_protocol(plan), *_outlier(plan))


def _budget(plan: ClusterPlan) -> Iterator[Setting]:
    budget = plan.retry_budget
    if budget is None:
        most = "unlimited" if plan.pool.max_retries is None else str(plan.pool.max_retries)
        yield _limit("connectionPool.http.maxRetries", most, plan.pool.max_retries, plan.pool.origin)
        return
    span = "active" if budget.interval is None else f"of the last {budget.interval} ms"
    value = f"{budget.percent:g} % of the requests {span}, and at least {budget.min_concurrency}"
    is_profiles = budget.origin is not None and budget.origin.path.startswith("metadata.")
    yield Setting("retryBudget", value, "profile safe" if is_profiles else "", budget.origin)


def _limit(name: str, value: str, stated: int | None, block: Origin | None, default: str = ISTIO) -> Setting:
    return (_stated(name, value, block) if stated is not None else None) or Setting(name, value, default)


def _pool(pool: ConnectionPoolPlan) -> Iterator[Setting]:
    for field, limit in (
        ("tcp.maxConnections", pool.max_connections),
        ("http.http1MaxPendingRequests", pool.max_pending_requests),
        ("http.http2MaxRequests", pool.max_requests),
        ("http.maxRequestsPerConnection", pool.max_requests_per_connection),
    ):
        value = "unlimited" if limit is None else str(limit)
        yield _limit(f"connectionPool.{field}", value, limit, pool.origin)
    idle, lasting = pool.idle_timeout, pool.max_connection_duration
    value = "3600000 ms" if idle is None else f"{idle} ms" if idle else "none"
    default = ENVOY if idle is None else ISTIO
    yield _limit("connectionPool.http.idleTimeout", value, idle, pool.origin, default)
    value = "none" if lasting is None else f"{lasting} ms"
    yield _limit("connectionPool.tcp.maxConnectionDuration", value, lasting, pool.origin, ENVOY)


def _protocol(plan: ClusterPlan) -> Iterator[Setting]:
    """Yield what keeps connections alive, and what HTTP/2 adds where it is spoken by decision."""
    name, alive, pool = "connectionPool.tcp.tcpKeepalive", plan.pool.keepalive, plan.pool
    if alive is None:
        yield Setting(name, "none", ISTIO)
    else:
        parts = (("probes", alive.probes, ""), ("time", alive.time, " ms"), ("interval", alive.interval, " ms"))
        words = [f"{what} {value}{unit}" for what, value, unit in parts if value is not None]
        yield Setting(name, ", ".join(words) or "as the operating system does", origin=alive.origin)
    if plan.protocol is UpstreamProtocol.HTTP2:
        streams = "unlimited" if pool.max_streams is None else str(pool.max_streams)
        yield _limit("connectionPool.http.maxConcurrentStreams", streams, pool.max_streams, pool.origin)
        pings = pool.pings
        value = f"every {pings.interval} ms, answered within {pings.timeout} ms" if pings else "none"
        yield _limit("connectionPool.http.http2KeepAlive", value, pings.interval if pings else None, pool.origin)


def _outlier(plan: ClusterPlan) -> Iterator[Setting]:
    outlier = plan.outlier
    if outlier is None:
        yield Setting("outlierDetection", "none: no instance is ejected", ISTIO)
        return
    for field, stated, default, unit in _thresholds(outlier):
        holds = default if stated is None else stated
        words = f"{holds}{unit}" if holds else "never"
        yield _limit(f"outlierDetection.{field}", words, stated, outlier.origin, ENVOY)
    health = plan.healthy_panic_threshold or 0
    value = f"{health} %" if health else "0 %: ill instances get nothing, even when none is well"
    yield _limit("outlierDetection.minHealthPercent", value, health or None, outlier.origin)


def _thresholds(plan: OutlierPlan) -> Iterator[tuple[str, int | None, int, str]]:
    """Yield each threshold's field, what is stated, Envoy's own, and its unit."""
    yield "consecutive5xxErrors", plan.consecutive_5xx, 5, " in a row"
    yield "consecutiveGatewayErrors", plan.consecutive_gateway, 0, " in a row"
    if plan.split_local:
        yield "consecutiveLocalOriginFailures", plan.consecutive_local, 5, " in a row"
    yield "interval", plan.interval, 10_000, " ms"
    yield "baseEjectionTime", plan.base_ejection_time, 30_000, " ms"
    yield "maxEjectionPercent", plan.max_ejection_percent, 10, " %"
