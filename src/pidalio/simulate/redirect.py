"""The Location of a redirect, as Envoy puts it together.

Source: Envoy's RedirectAction: each part is the rule's or else the request's; a port of the request that is the default
of its scheme goes when the scheme changes; a new path keeps the request's query unless it brings one.
"""

from pidalio.ir import MatchPlan, RedirectPlan
from pidalio.simulate.request import Request
from pidalio.simulate.rewrite import rewritten_path


def location(match: MatchPlan, plan: RedirectPlan, request: Request) -> str:
    """Return the Location for `request` (its path normalised)."""
    scheme = plan.scheme or request.scheme
    port = f":{plan.port}" if plan.port else ""
    host = plan.authority or _requested_host(request, scheme, new_port=bool(port))
    return f"{scheme}://{host}{port}{_path(match, plan, request)}"


def https_location(request: Request) -> str:
    """Return where a virtual host that requires TLS sends a plain request."""
    return f"https://{request.authority}{request.path}"


def _requested_host(request: Request, scheme: str, *, new_port: bool) -> str:
    host, colon, port = request.authority.rpartition(":")
    if not colon or "]" in port:
        return request.authority
    # Envoy asks x-forwarded-proto here, even where the URL's scheme says something else.
    forwarded = request.header("x-forwarded-proto")
    is_default = (forwarded, port) in (("http", "80"), ("https", "443"))
    return host if new_port or (scheme != forwarded and is_default) else request.authority


def _path(match: MatchPlan, plan: RedirectPlan, request: Request) -> str:
    if plan.path:
        _, mark, query = request.path.partition("?")
        return plan.path if "?" in plan.path else plan.path + mark + query
    return rewritten_path(match, plan, request.path)
