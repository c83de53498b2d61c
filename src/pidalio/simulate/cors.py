"""Cross-origin requests: which preflights the proxy answers itself, and what it adds to the answers of others.

Source: Envoy's CORS filter. It never changes where other requests go, and it does nothing on routes that answer by
themselves (observed). A pattern that takes `*` allows every origin.
"""

from pidalio.ir import CorsPlan, HeaderEdits
from pidalio.ir.pattern import satisfied
from pidalio.simulate.request import Request


def answers_preflight(plan: CorsPlan | None, request: Request) -> bool:
    """Tell whether the proxy answers this request itself with 200."""
    if plan is None or not _is_preflight(request):
        return False
    return not plan.forward_unmatched or _is_allowed(plan, request)


def cors_headers(plan: CorsPlan | None, request: Request) -> HeaderEdits:
    """Return what the filter sets on the answer: permissions, where the request's origin has them."""
    if plan is None or not _is_allowed(plan, request):
        return HeaderEdits()
    pairs = {"access-control-allow-origin": request.header("origin") or ""}
    if plan.allow_credentials:
        pairs["access-control-allow-credentials"] = "true"
    if _is_preflight(request):
        pairs["access-control-allow-methods"] = plan.allow_methods
        pairs["access-control-allow-headers"] = plan.allow_headers
        pairs["access-control-max-age"] = plan.max_age
    else:
        pairs["access-control-expose-headers"] = plan.expose_headers
    return HeaderEdits(set=tuple((name, value) for name, value in pairs.items() if value))


def _is_preflight(request: Request) -> bool:
    asked = request.header("origin") and request.header("access-control-request-method")
    return request.method == "OPTIONS" and bool(asked)


def _is_allowed(plan: CorsPlan, request: Request) -> bool:
    origin = request.header("origin")
    return bool(origin) and any(satisfied(each, "*") or satisfied(each, origin or "") for each in plan.allow_origins)
