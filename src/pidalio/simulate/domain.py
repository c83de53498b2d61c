"""Which virtual host of a table a request belongs to, and why.

Envoy's order (VirtualHost.domains): an exact domain, then the longest wildcard at the left (`*.example.com`), then the
longest wildcard at the right (`example.*`), then `*`; a wildcard stands for at least one character; case never counts.
"""

import enum

from pidalio.ir import RouteTablePlan, VirtualHostPlan


class DomainRule(enum.Enum):
    """The rule by which a domain won; earlier members win over later ones."""

    EXACT = "exact"
    SUFFIX = "longest wildcard suffix"
    PREFIX = "longest wildcard prefix"
    ANY = "any"


def host_without_port(authority: str) -> str:
    """Return `authority` without its port; brackets of an IPv6 address stay."""
    host, colon, _ = authority.rpartition(":")
    if not colon or "]" in authority[len(host) :]:
        return authority
    return host


def compared_host(table: RouteTablePlan, authority: str) -> str:
    """Return the name that the table compares with its domains."""
    host = host_without_port(authority) if table.ignore_port else authority
    return host.lower()


def choose_virtual_host(table: RouteTablePlan, authority: str) -> tuple[VirtualHostPlan, str, DomainRule] | None:
    """Return the virtual host for `authority`, the domain that won, and the rule; None when there is none."""
    if not authority:
        return None
    host = compared_host(table, authority)
    best: tuple[int, int, VirtualHostPlan, str, DomainRule] | None = None
    for virtual_host in table.virtual_hosts:
        for domain in virtual_host.domains:
            rule = _rule(domain.lower(), host)
            if rule is None:
                continue
            rank = (_ORDER[rule], -len(domain))
            if best is None or rank < best[:2]:
                best = (*rank, virtual_host, domain, rule)
    return best[2:] if best else None


_ORDER = {rule: position for position, rule in enumerate(DomainRule)}


def _rule(domain: str, host: str) -> DomainRule | None:
    if domain == "*":
        return DomainRule.ANY
    if domain == host:
        return DomainRule.EXACT
    if domain.startswith("*") and host.endswith(domain[1:]) and len(host) >= len(domain):
        return DomainRule.SUFFIX
    if domain.endswith("*") and host.startswith(domain[:-1]) and len(host) >= len(domain):
        return DomainRule.PREFIX
    return None
