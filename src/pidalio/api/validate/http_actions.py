"""What an HTTP rule does beside choosing a destination: redirect, rewrite, retries, faults, CORS."""

import re

from pidalio.api.findings import Findings
from pidalio.api.validate.values import check_not_negative, check_positive, check_range, check_regex
from pidalio.api.virtual_service import (
    CorsPolicy,
    FaultAbort,
    FaultDelay,
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPRedirect,
    HTTPRetry,
    HTTPRewrite,
)

RETRY_CONDITIONS = frozenset(
    {
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "envoy-ratelimited",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    }
)
GRPC_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
REDIRECT_CODES = (301, 302, 303, 307, 308)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"})
BODY_MAX, BODY_LARGE = 1024 * 1024, 100 * 1024

_REFERENCE = re.compile(r"\\(\d)")


def check_redirect(redirect: HTTPRedirect, path: str, found: Findings) -> None:
    """Note a redirect that changes nothing or has an impossible code."""
    changes = (redirect.uri, redirect.prefix_rewrite, redirect.authority, redirect.scheme, redirect.port)
    if not any(changes) and redirect.derive_port is None:
        found.error("bad-redirect", path, "a redirect changes something: give uri, authority, scheme or port")
    if redirect.scheme not in {"", "http", "https"}:
        found.error("bad-redirect", f"{path}.scheme", f"{redirect.scheme!r} is neither http nor https")
    if redirect.redirect_code and redirect.redirect_code not in REDIRECT_CODES:
        known = ", ".join(map(str, REDIRECT_CODES))
        message = f"{redirect.redirect_code} is not one of {known}, and Envoy sends no other redirects"
        found.error("bad-status", f"{path}.redirectCode", message)
    if redirect.port is not None:
        check_range(redirect.port, 1, 65535, f"{path}.port", found)


def check_direct_response(response: HTTPDirectResponse, path: str, found: Findings) -> None:
    """Note a status that cannot be sent, or a body that is too large."""
    if not 200 <= response.status <= 599:
        found.error("bad-status", f"{path}.status", f"{response.status} is not between 200 and 599")
    if response.body is None:
        return
    size = len(response.body.bytes or b"") + len((response.body.string or "").encode())
    if size > BODY_MAX:
        found.error("body-too-large", f"{path}.body", f"{size} bytes; the limit is {BODY_MAX}")
    elif size > BODY_LARGE:
        found.warning(
            "body-too-large", f"{path}.body", f"{size} bytes are sent to every proxy: serve it from a service"
        )


def check_rewrite(rewrite: HTTPRewrite, path: str, found: Findings) -> None:
    """Note a rewrite without effect or with a pattern that RE2 refuses."""
    regex = rewrite.uri_regex_rewrite
    if not rewrite.uri and not rewrite.authority and regex is None:
        found.error("bad-rewrite", path, "a rewrite changes something: give uri, authority or uriRegexRewrite")
    if regex is None:
        return
    check_regex(regex.match, f"{path}.uriRegexRewrite.match", found)
    if not regex.rewrite:
        found.error("bad-rewrite", f"{path}.uriRegexRewrite.rewrite", "the substitution cannot be empty")
    groups = _groups(regex.match)
    for reference in _REFERENCE.findall(regex.rewrite.replace("\\\\", "")):
        if groups is not None and int(reference) > groups:
            message = f"\\{reference} refers to a group that the pattern does not have (it has {groups})"
            found.error("bad-rewrite", f"{path}.uriRegexRewrite.rewrite", message)


def _groups(pattern: str) -> int | None:
    """Return how many groups a pattern captures, or None when it does not compile."""
    import re2  # noqa: PLC0415 - only for rewrites by pattern

    options = re2.Options()
    options.log_errors = False
    try:
        return int(re2.compile(pattern, options).groups)
    except re2.error:
        return None


def check_retries(retries: HTTPRetry, path: str, found: Findings) -> None:
    """Note a retry policy that contradicts itself or names an unknown condition."""
    check_not_negative(retries.attempts, f"{path}.attempts", found)
    others = (retries.per_try_timeout, retries.retry_on or None, retries.retry_remote_localities, retries.backoff)
    if retries.attempts == 0 and any(other is not None for other in others):
        found.error("bad-retry", path, "attempts 0 switches retries off: remove the other fields or set attempts")
    check_positive(retries.per_try_timeout, f"{path}.perTryTimeout", found)
    check_positive(retries.backoff, f"{path}.backoff", found)
    for condition in filter(None, (part.strip() for part in retries.retry_on.split(","))):
        if condition not in RETRY_CONDITIONS and not _is_status(condition):
            message = f"{condition!r} is neither a status nor one of {', '.join(sorted(RETRY_CONDITIONS))}"
            found.error("bad-retry", f"{path}.retryOn", message)


def _is_status(text: str) -> bool:
    return text.isdecimal() and len(text) == 3 and 100 <= int(text) <= 599


def check_fault(fault: HTTPFaultInjection, path: str, found: Findings) -> None:
    """Note a fault without effect."""
    if fault.delay is None and fault.abort is None:
        found.error("bad-fault", path, "a fault is a delay or an abort: give one")
    if fault.delay:
        _check_delay(fault.delay, f"{path}.delay", found)
    if fault.abort:
        _check_abort(fault.abort, f"{path}.abort", found)


def _check_delay(delay: FaultDelay, path: str, found: Findings) -> None:
    if delay.exponential_delay is not None:
        message = "this is not implemented by Istio either: use fixedDelay"
        found.error("bad-fault", f"{path}.exponentialDelay", message)
    elif delay.fixed_delay is None:
        found.error("missing-field", f"{path}.fixedDelay", "a delay needs its length, e.g. fixedDelay: 2s")
    check_positive(delay.fixed_delay, f"{path}.fixedDelay", found)
    check_range(delay.percent, 0, 100, f"{path}.percent", found)
    if delay.percentage is None and not delay.percent:
        found.warning("bad-fault", path, "without percentage no request is delayed: add percentage: {value: 100}")


def _check_abort(abort: FaultAbort, path: str, found: Findings) -> None:
    if abort.http2_error is not None:
        found.error("bad-fault", f"{path}.http2Error", "this is not implemented by Istio either: use httpStatus")
    elif abort.http_status is None and abort.grpc_status is None:
        found.error("missing-field", path, "an abort needs httpStatus or grpcStatus")
    if abort.http_status is not None and not 200 <= abort.http_status <= 599:
        found.error("bad-status", f"{path}.httpStatus", f"{abort.http_status} is not between 200 and 599")
    if abort.grpc_status is not None and abort.grpc_status not in GRPC_CODES:
        message = f"{abort.grpc_status!r} is not the name of a gRPC code such as UNAVAILABLE"
        found.error("bad-status", f"{path}.grpcStatus", message)
    if abort.percentage is None:
        found.warning("bad-fault", path, "without percentage no request is aborted: add percentage: {value: 100}")


def check_cors(cors: CorsPolicy, path: str, found: Findings) -> None:
    """Note origins, methods and ages that CORS cannot have."""
    if not cors.allow_origins and not cors.allow_origin:
        found.warning("bad-cors", path, "no origin is allowed, so that it has no effect: give allowOrigins")
    for index, origin in enumerate(cors.allow_origins):
        here = f"{path}.allowOrigins[{index}]"
        if not (origin.exact or origin.prefix or origin.regex):
            found.error("bad-cors", here, "an origin needs a value for exact, prefix or regex")
        elif origin.regex:
            check_regex(origin.regex, f"{here}.regex", found)
    for index, method in enumerate(cors.allow_methods):
        if method not in METHODS:
            found.error("bad-cors", f"{path}.allowMethods[{index}]", f"{method!r} is not an HTTP method in upper case")
    for name, names in (("allowHeaders", cors.allow_headers), ("exposeHeaders", cors.expose_headers)):
        for index, header in enumerate(names):
            if not header or any(sign.isspace() or sign in ":," for sign in header):
                found.error("bad-cors", f"{path}.{name}[{index}]", f"{header!r} is not a header's name")
    if cors.max_age is not None and cors.max_age % 1000:
        found.error("bad-duration", f"{path}.maxAge", "CORS counts in whole seconds")
