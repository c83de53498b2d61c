"""Kinds, headers and proxies as people type and read them."""

from pidalio.errors import UsageError

_SHORT = {
    "vs": "VirtualService",
    "dr": "DestinationRule",
    "gw": "Gateway",
    "se": "ServiceEntry",
    "we": "WorkloadEntry",
    "wg": "WorkloadGroup",
    "svc": "Service",
    "po": "Pod",
    "ep": "Endpoints",
    "lw": "LocalWorkload",
    "hc": "HealthCheck",
    "pc": "ProxyConfig",
}


def kind_named(written: str) -> str:
    """Return the kind that `virtualservice`, `VirtualServices` or `vs` means; raise `UsageError` with the nearest."""
    import difflib

    from pidalio.api.kinds import BY_NAME

    lowered = written.lower()
    names = {name.lower(): name for name in BY_NAME}
    for form in (lowered, lowered.removesuffix("s"), lowered.removesuffix("es"), f"{lowered.removesuffix('ies')}y"):
        if form in names:
            return names[form]
    if lowered in _SHORT:
        return _SHORT[lowered]
    near = [names[one] for one in difflib.get_close_matches(lowered, names, 1)]
    known = f"did you mean {near[0]}?" if near else f"it is one of {', '.join(sorted(BY_NAME))}"
    raise UsageError(f"no kind {written!r}: {known}")


def header_pair(written: str) -> tuple[str, str]:
    """Return name and value of a header written as `NAME: VALUE`."""
    name, colon, value = written.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"-H {written!r}: write it as 'NAME: VALUE'")
    return name.strip(), value.strip()


def short_proxy(proxy_id: str) -> str:
    """Return `name.namespace` of a proxy's id, or the id itself where it has another form."""
    parts = proxy_id.split("~")
    return parts[2] if len(parts) == 4 else proxy_id
