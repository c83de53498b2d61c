"""How a host is written down: short names, fully qualified names, and the aliases of Kubernetes services.

Source of the rules: Istio's documented name resolution (reference §2.1): a short name belongs to the namespace
of the *object* that mentions it, a name with a dot is taken literally.
"""

import ipaddress

DOMAIN = "cluster.local"


def is_address(host: str) -> bool:
    """Tell whether `host` is an IPv4 or IPv6 address (without brackets)."""
    if not host or not (host[0].isdigit() or ":" in host):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def canonical_address(written: str) -> str:
    """Return an address or range as everybody writes it, so that two spellings of one IPv6 address are equal."""
    try:
        return str(ipaddress.ip_network(written, strict=False) if "/" in written else ipaddress.ip_address(written))
    except ValueError:
        return written


def host_reference(host: str, namespace: str) -> str:
    """Return the lower-case host that `host` means inside an object of `namespace`; a final dot changes nothing."""
    lowered = host.lower()
    if "." in lowered or lowered.startswith("*") or is_address(lowered):
        return lowered.removesuffix(".")
    return f"{lowered}.{namespace}.svc.{DOMAIN}"


def kubernetes_host(name: str, namespace: str, domain: str = DOMAIN) -> str:
    """Return the host of a platform service."""
    return f"{name}.{namespace}.svc.{domain}"


def kubernetes_aliases(hostname: str) -> tuple[str, ...]:
    """Return the shorter names of a platform service that any namespace may use: `name.ns`, `name.ns.svc`."""
    suffix = f".svc.{DOMAIN}"
    if not hostname.endswith(suffix) or hostname.startswith("*"):
        return ()
    short = hostname.removesuffix(suffix)
    return (short, f"{short}.svc") if short.count(".") == 1 else ()


def wildcards_of(host: str) -> tuple[str, ...]:
    """Return every wildcard that covers `host`, the most specific first: `*.b.c`, `*.c`, `*`."""
    labels = host.removeprefix("*.").split(".")
    start = 0 if host.startswith("*.") else 1
    own = (host,) if host.startswith("*") else ()
    wider = tuple("*." + ".".join(labels[index:]) for index in range(start, len(labels)))
    return tuple(dict.fromkeys((*own, *(one for one in wider if one != host), "*")))
