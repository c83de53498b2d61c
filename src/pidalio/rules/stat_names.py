"""The names under which Envoy counts what a cluster does, where the mesh states a pattern for them (reference §1.9)."""


def stat_name(pattern: str, *, host: str, port: int, port_name: str = "", target: int = 0, subset: str = "") -> str:
    """Return `pattern` with its variables replaced; "" for an empty one, which means the cluster's own name.

    `%SERVICE%` is the name with its namespace (`reviews.default`), or the whole host of one that is no platform's.
    """
    if not pattern:
        return ""
    name, _, rest = host.partition(".")
    namespace, _, after = rest.partition(".")
    values = {
        "%SERVICE%": f"{name}.{namespace}" if after.startswith("svc.") else host,
        "%SERVICE_NAME%": name,
        "%SERVICE_FQDN%": host,
        "%SERVICE_PORT%": str(port),
        "%SERVICE_PORT_NAME%": port_name,
        "%TARGET_PORT%": str(target),
        "%SUBSET_NAME%": subset,
    }
    for variable, value in values.items():
        pattern = pattern.replace(variable, value)
    return pattern
