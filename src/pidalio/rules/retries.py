"""How often a failed request is repeated.

Source of the rules: Istio's documented default policy and inheritance (reference §2.6): the route's own policy, then
the mesh's, then the profile's (design record 0017), of which `istio` is Istio's built-in one. A policy with attempts 0
means no retries; what a policy leaves out is the profile's. Below `safe` no policy repeats a request that an instance
may have acted on, unless its method is idempotent: that is no value, and no policy can state it.
"""

from pidalio.api.virtual_service import HTTPRetry
from pidalio.derive import Database
from pidalio.ir import RetryPlan
from pidalio.model import Origin, Profile
from pidalio.rules import mesh
from pidalio.rules.resilience import Resilience

DEFAULT_ATTEMPTS = 2
NEVER_SEEN = ("connect-failure", "refused-stream", "reset-before-request")
"""Conditions under which no instance has seen the request."""
_STATUS_CODES = "retriable-status-codes"
_CONDITIONS = {
    Profile.ISTIO: ("connect-failure", "refused-stream", "unavailable", "cancelled", _STATUS_CODES),
    # What a connection does in mid-request may be repeated where it does no harm; a 503 is an answer, and stands.
    Profile.SAFE: (*NEVER_SEEN, "reset", _STATUS_CODES),
}


def retry_plan(world: Database, stated: HTTPRetry | None, origin: Origin | None, holds: Resilience) -> RetryPlan | None:
    """Return the effective policy, None for no retries; `origin` says where `stated` was written."""
    if stated is None:
        stated, origin = mesh.default_retries(world)
    if stated is None:
        stated, origin = HTTPRetry(attempts=DEFAULT_ATTEMPTS), None
    if stated.attempts == 0:
        return None
    conditions, codes = _conditions(stated.retry_on)
    effective = conditions or _CONDITIONS[holds.profile]
    ignore_previous = stated.retry_ignore_previous_hosts
    return RetryPlan(
        attempts=stated.attempts,
        retry_on=effective,
        status_codes=codes,
        per_try_timeout=stated.per_try_timeout,
        backoff=stated.backoff,
        avoid_previous_hosts=True if ignore_previous is None else ignore_previous,
        remote_localities=bool(stated.retry_remote_localities),
        unsafe_retry_on=_unsafe(effective) if holds.profile is Profile.SAFE else None,
        origin=origin,
        conditions_origin=origin if conditions else None,
        profile_origin=holds.origin,
    )


def switched_off_by(world: Database, stated: HTTPRetry | None, origin: Origin | None) -> Origin | None:
    """Return the policy that switches retries off, None where none does."""
    if stated is None:
        stated, origin = mesh.default_retries(world)
    return origin if stated is not None and stated.attempts == 0 else None


def _unsafe(conditions: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `conditions` for which a request is repeated whatever it does.

    Wider conditions (`5xx`, `gateway-error`, `reset`) hold for such failures too, and are narrowed to them.
    """
    if {"5xx", "gateway-error", "reset"} & set(conditions):
        return NEVER_SEEN
    return tuple(one for one in conditions if one in NEVER_SEEN)


def _conditions(written: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Split `retryOn` into conditions and status codes; a code adds `retriable-status-codes`."""
    parts = [part.strip() for part in written.split(",") if part.strip()]
    codes = tuple(int(part) for part in parts if part.isdigit())
    words = tuple(part for part in parts if not part.isdigit())
    if codes and _STATUS_CODES not in words:
        words += (_STATUS_CODES,)
    return words, codes
