"""Checks of single values that every kind shares: ports, durations, labels, hosts, regular expressions."""

import functools

import re2

from pidalio.api.findings import Findings
from pidalio.api.names import host_mistake, is_dns_label, label_key_mistake, label_value_mistake
from pidalio.api.places import join
from pidalio.api.scalars import StringMap

REGEX_MAX = 1024

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def check_port(number: int, path: str, found: Findings) -> None:
    """Note a port number that cannot be used."""
    if not 1 <= number <= 65535:
        found.error("bad-port", path, f"{number} is not a port: write a number between 1 and 65535")


def check_optional_port(number: int, path: str, found: Findings) -> None:
    """Note a port number that is given and cannot be used."""
    if number:
        check_port(number, path, found)


def check_positive(duration: int | None, path: str, found: Findings) -> None:
    """Note a duration of zero where Istio needs at least one millisecond."""
    if duration is not None and duration < 1:
        found.error("bad-duration", path, "this must be at least 1ms: say more, or leave the field out")


def check_not_negative(number: int, path: str, found: Findings) -> None:
    """Note a negative number."""
    if number < 0:
        found.error("out-of-range", path, f"{number} is negative")


def check_range(number: float, low: int, high: int, path: str, found: Findings) -> None:
    """Note a number outside `low`..`high`."""
    if not low <= number <= high:
        found.error("out-of-range", path, f"{number:g} is not between {low} and {high}")


def check_labels(labels: StringMap, path: str, found: Findings) -> None:
    """Note labels whose key or value is malformed."""
    for key, value in labels:
        mistake = label_key_mistake(key) or label_value_mistake(value)
        if mistake:
            found.error("bad-label", join(path, key), mistake)


def check_dns_label(name: str, what: str, path: str, found: Findings) -> None:
    """Note a name that is not a DNS label."""
    if not is_dns_label(name):
        message = f"{name!r} cannot name a {what}: at most 63 lower-case letters, digits and '-'"
        found.error("bad-name", path, message)


def check_host(host: str, path: str, found: Findings, *, wildcard: bool = True, short: bool = True) -> None:
    """Note a host that is empty or malformed."""
    mistake = host_mistake(host, wildcard=wildcard, short=short)
    if mistake:
        found.error("bad-host" if host else "missing-field", path, mistake)


def check_distinct(values: tuple[str, ...], path: str, found: Findings) -> None:
    """Note values that a list holds twice."""
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            found.error("duplicate-value", f"{path}[{index}]", f"{value!r} is given twice: remove one")
        seen.add(value)


def check_regex(pattern: str, path: str, found: Findings) -> None:
    """Note a pattern that Envoy's regex engine would refuse."""
    mistake = regex_mistake(pattern)
    if mistake:
        found.error("bad-regex", path, mistake)


@functools.lru_cache(maxsize=4096)
def regex_mistake(pattern: str) -> str:
    """Return what is wrong with an RE2 pattern, or nothing."""
    if not pattern:
        return "a regular expression cannot be empty: '.*' matches everything"
    if len(pattern) > REGEX_MAX:
        return f"a regular expression has at most {REGEX_MAX} characters; this has {len(pattern)}"
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else "not accepted"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        return f"RE2 refuses {pattern!r}: {text} (Envoy's engine has no look-around and no back-references)"
    return ""
