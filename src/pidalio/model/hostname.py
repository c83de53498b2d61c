"""Relations between host names: the only place that knows what a wildcard covers.

A host is a lower-case name (`reviews.default.svc.cluster.local`), a wildcard (`*.example.com`, `*`) or an address.
Source of the rules: Istio's documented host matching (reference: names, matching, precedence).
"""


def is_wildcard(host: str) -> bool:
    """Tell whether `host` stands for many names."""
    return host.startswith("*")


def host_subset_of(narrow: str, wide: str) -> bool:
    """Tell whether every name that `narrow` covers is covered by `wide`.

    `*.foo.com` does not cover `foo.com`; `*` covers everything.
    """
    if wide == "*" or narrow == wide:
        return True
    if not is_wildcard(wide):
        return False
    suffix = wide[1:]
    if is_wildcard(narrow):
        return narrow[1:].endswith(suffix)
    return narrow.endswith(suffix) and len(narrow) > len(suffix)


def host_matches(one: str, other: str) -> bool:
    """Tell whether two hosts have a name in common; either may be the wildcard."""
    return host_subset_of(one, other) or host_subset_of(other, one)


def host_sort_key(host: str) -> tuple[int, int, str]:
    """Order by specificity: exact names first, then longer wildcards, then by alphabet."""
    return (1, -len(host), host) if is_wildcard(host) else (0, 0, host)
