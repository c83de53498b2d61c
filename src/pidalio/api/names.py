"""The forms that names may have: DNS labels and names, wildcards, addresses, labels, exportTo.

Each function tells what is wrong with a text, or returns nothing. Source of the rules: RFC 1123 and
Kubernetes' label syntax, as Istio applies them (reference: common scalar rules).
"""

import ipaddress
import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_HOST_LABEL = re.compile(r"[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?\Z")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")


def is_dns_label(text: str) -> bool:
    """Tell whether `text` is a DNS-1123 label."""
    return len(text) <= 63 and _LABEL.match(text) is not None


def is_dns_name(text: str) -> bool:
    """Tell whether `text` is a DNS-1123 subdomain: lower-case labels joined by dots."""
    return len(text) <= 253 and all(_LABEL.match(part) and len(part) <= 63 for part in text.split("."))


def is_address(text: str) -> bool:
    """Tell whether `text` is an IP address."""
    if not text or not (text[0].isdigit() or ":" in text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Tell whether `text` is an IP address or a CIDR range."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def host_mistake(host: str, *, wildcard: bool = True, short: bool = True, address: bool = True) -> str:
    """Return what is wrong with `host`, or nothing; the flags say which forms are allowed."""
    if not host:
        return "a host cannot be empty"
    if len(host) > 255:
        return "a host has at most 255 characters"
    if is_address(host):
        return "" if address else f"{host!r} is an address: write a DNS name"
    if "*" in host:
        return _wildcard_mistake(host, allowed=wildcard)
    if not _is_host(host):
        return f"{host!r} is not a DNS name: labels of letters, digits, - and _, joined by dots"
    if not short and "." not in host:
        return f"{host!r} is a short name: write it in full, e.g. {host}.default.svc.cluster.local"
    return ""


def _wildcard_mistake(host: str, *, allowed: bool) -> str:
    if not allowed:
        return f"{host!r} is a wildcard: name one host"
    if host == "*" or (host.startswith("*.") and "*" not in host[2:] and _is_host(host[2:])):
        return ""
    return f"{host!r}: a wildcard is '*' alone or the whole first label, as in '*.example.com'"


def _is_host(host: str) -> bool:
    parts = host.removesuffix(".").split(".")
    return all(len(part) <= 63 and _HOST_LABEL.match(part) for part in parts)


def label_key_mistake(key: str) -> str:
    """Return what is wrong with a label's key, or nothing."""
    prefix, slash, name = key.rpartition("/")
    if slash and not is_dns_name(prefix):
        return f"the prefix of label {key!r} is not a DNS name"
    if len(name) > 63 or not _QUALIFIED.match(name):
        return f"{key!r} is not a label key: at most 63 letters, digits, '-', '_' and '.', ends alphanumeric"
    return ""


def label_value_mistake(value: str) -> str:
    """Return what is wrong with a label's value, or nothing."""
    if value and (len(value) > 63 or not _QUALIFIED.match(value)):
        return f"{value!r} is not a label value: at most 63 letters, digits, '-', '_' and '.', ends alphanumeric"
    return ""
