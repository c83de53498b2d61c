"""How often a failed request is repeated.

Source of the rules: Istio's documented default policy and inheritance (reference §2.6): the route's own policy, then
the mesh's, then the built-in one; a policy with attempts 0 means no retries, one without `retryOn` keeps the
default conditions.
"""

from pidalio.api.virtual_service import HTTPRetry
from pidalio.derive import Database
from pidalio.ir import RetryPlan
from pidalio.model import Origin
from pidalio.rules import mesh

_RETRY_ON = ("connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes")
_BUILT_IN = RetryPlan(attempts=2, retry_on=_RETRY_ON)


def retry_plan(world: Database, stated: HTTPRetry | None, origin: Origin | None) -> RetryPlan | None:
    """Return the effective policy, None for no retries; `origin` says where `stated` was written."""
    if stated is None:
        stated, origin = mesh.default_retries(world)
    if stated is None:
        return _BUILT_IN
    if stated.attempts == 0:
        return None
    conditions, codes = _conditions(stated.retry_on)
    ignore_previous = stated.retry_ignore_previous_hosts
    return RetryPlan(
        attempts=stated.attempts,
        retry_on=conditions,
        status_codes=codes,
        per_try_timeout=stated.per_try_timeout,
        backoff=stated.backoff,
        avoid_previous_hosts=True if ignore_previous is None else ignore_previous,
        remote_localities=bool(stated.retry_remote_localities),
        origin=origin,
    )


def _conditions(written: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Split `retryOn` into conditions and status codes; a code adds `retriable-status-codes`."""
    parts = [part.strip() for part in written.split(",") if part.strip()]
    if not parts:
        return _RETRY_ON, ()
    codes = tuple(int(part) for part in parts if part.isdigit())
    words = tuple(part for part in parts if not part.isdigit())
    if codes and "retriable-status-codes" not in words:
        words += ("retriable-status-codes",)
    return words, codes
