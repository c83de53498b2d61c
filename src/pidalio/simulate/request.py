"""The request that is asked about, and how its headers are looked up.

Owns what "the values of a header" means: names without case, pseudo headers, and which repeated headers Envoy joins
by a comma and which it keeps apart (then a condition holds when it holds for one of them).
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from pidalio.errors import UsageError

_SCHEMES = frozenset({"http", "https"})
FROM_INSIDE_ONLY = frozenset(
    {
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-force-trace",
        "x-envoy-hedge-on-per-try-timeout",
        "x-envoy-internal",
        "x-envoy-ip-tags",
        "x-envoy-max-retries",
        "x-envoy-retriable-header-names",
        "x-envoy-retriable-status-codes",
        "x-envoy-retry-grpc-on",
        "x-envoy-retry-on",
        "x-envoy-upstream-alt-stat-name",
        "x-envoy-upstream-rq-per-try-timeout-ms",
        "x-envoy-upstream-rq-timeout-alt-response",
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-upstream-stream-duration-ms",
    },
)
"""Envoy's own switches: taken away unless the caller is trusted."""
_JOINED = FROM_INSIDE_ONLY | frozenset(
    {
        "accept",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-type",
        "expect",
        "grpc-accept-encoding",
        "grpc-timeout",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "origin",
        "pragma",
        "proxy-status",
        "referer",
        "user-agent",
        "via",
        "x-client-trace-id",
        "x-envoy-attempt-count",
        "x-envoy-decorator-operation",
        "x-envoy-downstream-service-cluster",
        "x-envoy-downstream-service-node",
        "x-envoy-external-address",
        "x-envoy-original-host",
        "x-envoy-original-path",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-request-id",
    },
)
"""Repeated headers that Envoy 1.40 joins (observed: of 100 names tried, these)."""


def joined_values(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return the values of the header `name` (lower case) as Envoy keeps them: one joined by commas, or all apart.

    Where values are joined, an empty one beside others leaves no trace.
    """
    kept = tuple(values)
    if not kept or name not in _JOINED:
        return kept
    return (",".join(value for value in kept if value),)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request as a client sends it.

    `authority` is the Host with its port, if it has one; `path` includes the query; header names have any case.
    `connect` marks a CONNECT request, which has no path; `peer` is the client's address.
    """

    method: str = "GET"
    authority: str
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    scheme: str = "http"
    connect: bool = False
    peer: str = "127.0.0.1"

    @classmethod
    def from_url(cls, method: str, url: str, headers: Iterable[tuple[str, str]] = ()) -> "Request":
        """Return the request for an absolute URL, or for `host:port` with CONNECT; a Host header replaces the URL's.

        Raise `UsageError` when the URL has no host.
        """
        given = tuple(headers)
        host = next((value for name, value in given if name.lower() == "host"), "")
        others = tuple((name, value) for name, value in given if name.lower() != "host")
        if method.upper() == "CONNECT":
            return cls(method="CONNECT", authority=url, path="", headers=others, connect=True)
        try:
            parts = urlsplit(url)
        except ValueError:  # of brackets that hold no address
            parts = urlsplit("")
        if not parts.netloc or parts.scheme not in _SCHEMES:
            raise UsageError(f"{url!r} is not an absolute URL; write http://HOST[:PORT]/PATH")
        query = f"?{parts.query}" if parts.query else ""
        path = (parts.path or "/") + query
        return cls(method=method, authority=host or parts.netloc, path=path, headers=others, scheme=parts.scheme)

    @property
    def bare_path(self) -> str:
        """Return the path without its query."""
        return self.path.partition("?")[0]

    @property
    def is_grpc(self) -> bool:
        """Tell whether Envoy takes this for a gRPC call, and therefore answers in gRPC's way."""
        value = self.header("content-type") or ""
        return value == "application/grpc" or value.startswith("application/grpc+")

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of a header that a condition is compared with, one by one; empty when it is absent."""
        match name.lower():
            case ":method":
                return (self.method,)
            case ":authority" | "host":
                return (self.authority,)
            case ":scheme":
                return (self.scheme,)
            case ":path":
                return () if self.connect else (self.path,)
            case wanted:
                return joined_values(wanted, [value for header, value in self.headers if header.lower() == wanted])

    def header(self, name: str) -> str | None:
        """Return the value of a header, repeated ones joined by a comma; None when it is absent."""
        values = self.values(name)
        return ",".join(values) if values else None

    def query(self, name: str) -> str | None:
        """Return the first value of a query parameter as it was written (nothing is decoded); None when absent."""
        _, mark, text = self.path.partition("?")
        for pair in text.split("&") if mark else ():
            key, _, value = pair.partition("=")
            if key == name and pair:
                return value
        return None
