"""One rule of `VirtualService.http` (reference §1.1, HTTPRoute)."""

from pidalio.api.findings import Findings
from pidalio.api.validate.conditions import check_match
from pidalio.api.validate.destinations import check_destination, check_weights
from pidalio.api.validate.headers import check_headers, sets_authority
from pidalio.api.validate.http_actions import (
    check_cors,
    check_direct_response,
    check_fault,
    check_redirect,
    check_retries,
    check_rewrite,
)
from pidalio.api.validate.sticky import check_sticky
from pidalio.api.validate.values import check_dns_label, check_positive, check_range
from pidalio.api.virtual_service import HTTPRoute


def check_route(rule: HTTPRoute, path: str, found: Findings, *, delegated: bool) -> None:
    """Note mistakes in one HTTP rule; `delegated` rules cannot delegate again."""
    for index, match in enumerate(rule.match):
        check_match(match, f"{path}.match[{index}]", found)
    _check_action(rule, path, found, delegated=delegated)
    for index, entry in enumerate(rule.route):
        here = f"{path}.route[{index}]"
        check_destination(entry.destination, f"{here}.destination", found)
        check_headers(entry.headers, f"{here}.headers", found)
    check_weights(rule.route, f"{path}.route", found)
    check_headers(rule.headers, f"{path}.headers", found)
    check_positive(rule.timeout, f"{path}.timeout", found)
    if rule.rewrite:
        check_rewrite(rule.rewrite, f"{path}.rewrite", found)
        if rule.rewrite.authority and sets_authority(rule.headers):
            message = "the host is rewritten here and by headers.request: keep one"
            found.error("bad-rewrite", f"{path}.rewrite.authority", message)
    if rule.retries:
        check_retries(rule.retries, f"{path}.retries", found)
    if rule.fault:
        check_fault(rule.fault, f"{path}.fault", found)
    if rule.cors_policy:
        check_cors(rule.cors_policy, f"{path}.corsPolicy", found)
    _check_mirrors(rule, path, found, delegated=delegated)
    check_sticky(rule, path, found)


def _check_action(rule: HTTPRoute, path: str, found: Findings, *, delegated: bool) -> None:
    actions = {
        "route": bool(rule.route),
        "redirect": rule.redirect is not None,
        "directResponse": rule.direct_response is not None,
        "delegate": rule.delegate is not None,
    }
    given = [name for name, is_given in actions.items() if is_given]
    if not given:
        found.error("bad-action", path, f"a rule needs one of {', '.join(actions)}")
    elif len(given) > 1 and given != ["directResponse", "delegate"]:
        found.error("bad-action", f"{path}.{given[1]}", f"{' and '.join(given)} exclude each other: keep one")
    if rule.redirect:
        check_redirect(rule.redirect, f"{path}.redirect", found)
        _check_prefix_rewrite(rule, path, found)
        _check_alone(rule, "redirect", path, found)
    if rule.direct_response:
        check_direct_response(rule.direct_response, f"{path}.directResponse", found)
        _check_alone(rule, "directResponse", path, found)
    if rule.delegate:
        _check_delegate(rule, path, found, delegated=delegated)


def _check_prefix_rewrite(rule: HTTPRoute, path: str, found: Findings) -> None:
    if not rule.redirect or not rule.redirect.prefix_rewrite:
        return
    if not rule.match or any(match.uri is None or match.uri.prefix is None for match in rule.match):
        message = "every match of this rule needs a uri prefix that can be replaced"
        found.error("bad-redirect", f"{path}.redirect.prefixRewrite", message)


def _check_alone(rule: HTTPRoute, action: str, path: str, found: Findings) -> None:
    """Note what cannot stand beside an answer that is made without a destination."""
    excluded = {"fault": rule.fault is not None, "rewrite": rule.rewrite is not None}
    if action == "redirect":
        excluded["mirror"] = rule.mirror is not None
        excluded["mirrors"] = bool(rule.mirrors)
    code = "bad-redirect" if action == "redirect" else "bad-action"
    for name, is_given in excluded.items():
        if is_given:
            found.error(code, f"{path}.{name}", f"{name} has no effect beside {action}: remove it")
    for name, is_given in _idle_beside(rule).items():
        if is_given and name not in excluded:
            found.warning(code, f"{path}.{name}", f"{name} has no effect beside {action}, in Istio as well: remove it")


def _idle_beside(rule: HTTPRoute) -> dict[str, bool]:
    """Return what is accepted beside an answer that the proxy gives by itself, and does nothing there."""
    return {
        "timeout": rule.timeout is not None,
        "retries": rule.retries is not None,
        "mirror": rule.mirror is not None,
        "mirrors": bool(rule.mirrors),
        "corsPolicy": rule.cors_policy is not None,
        "headers.request": bool(rule.headers and rule.headers.request),
    }


def _check_delegate(rule: HTTPRoute, path: str, found: Findings, *, delegated: bool) -> None:
    delegate = rule.delegate
    if delegate is None:
        return
    if delegated:
        message = "a VirtualService without hosts is a delegate, and cannot delegate again"
        found.error("bad-delegate", f"{path}.delegate", message)
    if not delegate.name:
        found.error("missing-field", f"{path}.delegate.name", "a delegate has a name")
    else:
        check_dns_label(delegate.name, "delegate", f"{path}.delegate.name", found)
    if delegate.namespace:
        check_dns_label(delegate.namespace, "namespace", f"{path}.delegate.namespace", found)


def _check_mirrors(rule: HTTPRoute, path: str, found: Findings, *, delegated: bool) -> None:
    """Note mistakes in mirrors; a delegate's share may be for its root's mirror, and the other way round."""
    share = "mirrorPercentage" if rule.mirror_percentage is not None else "mirrorPercent"
    is_stated = rule.mirror_percentage is not None or rule.mirror_percent is not None
    if is_stated and rule.mirror is None and not (delegated or rule.delegate):
        found.warning(
            "bad-mirror", f"{path}.{share}", f"{share} without mirror has no effect: give mirror, or remove it"
        )
    if rule.mirror and rule.mirrors:
        found.error("bad-mirror", f"{path}.mirrors", "mirror and mirrors exclude each other: move mirror into mirrors")
    if rule.mirror:
        check_destination(rule.mirror, f"{path}.mirror", found)
    for index, mirror in enumerate(rule.mirrors):
        check_destination(mirror.destination, f"{path}.mirrors[{index}].destination", found)
    if rule.mirror_percent is not None:
        check_range(rule.mirror_percent, 0, 100, f"{path}.mirrorPercent", found)
