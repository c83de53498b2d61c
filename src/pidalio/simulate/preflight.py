"""Cross-origin requests: which preflights the proxy answers itself.

Source: Envoy's CORS filter. It changes response headers of other requests, never where they go, and it does nothing on
routes that answer by themselves (observed).
"""

from pidalio.ir import CorsPlan
from pidalio.simulate.pattern import satisfied
from pidalio.simulate.request import Request


def answers_preflight(plan: CorsPlan | None, request: Request) -> bool:
    """Tell whether the proxy answers this request itself with 200."""
    if plan is None or request.method != "OPTIONS":
        return False
    origin = request.header("origin")
    if not origin or not request.header("access-control-request-method"):
        return False
    return not plan.forward_unmatched or any(satisfied(each, origin) for each in plan.allow_origins)
