"""The small messages that several resource types are made of: durations, percents, addresses, matchers, sources.

Invariant: one unit per function, named in its docstring; a value that means Envoy's default is left out.
"""

from __future__ import annotations

import ipaddress

from pidalio.envoy import messages as pb
from pidalio.ir import HeaderEdits, MatchKind, StringPattern

UNIX_SCHEME = "unix://"


def duration(milliseconds: int) -> pb.Duration:
    """Return `milliseconds` as a Duration."""
    seconds, rest = divmod(milliseconds, 1000)
    return pb.Duration(seconds=seconds, nanos=rest * 1_000_000)


def fraction(percent: float) -> pb.FractionalPercent:
    """Return `percent` (0 to 100) in millionths, as Istio does."""
    return pb.FractionalPercent(numerator=round(percent * 10_000), denominator=pb.FractionalPercent.MILLION)


def address(host: str, port: int) -> pb.Address:
    """Return the address of an IP or name and port, or of `unix:///path` (then `port` does not count)."""
    if host.startswith(UNIX_SCHEME):
        return pb.Address(pipe=pb.Pipe(path=host.removeprefix(UNIX_SCHEME)))
    return pb.Address(socket_address=pb.SocketAddress(address=host, port_value=port))


def cidr(written: str) -> pb.CidrRange:
    """Return the range `10.0.0.0/8`; an address without length stands for itself alone."""
    network = ipaddress.ip_network(written, strict=False)
    return pb.CidrRange(
        address_prefix=str(network.network_address),
        prefix_len=pb.UInt32Value(value=network.prefixlen),
    )


def string_matcher(pattern: StringPattern, *, ignore_case: bool = False) -> pb.StringMatcher:
    """Compare by `pattern`, which is any kind but PRESENT."""
    match pattern.kind:
        case MatchKind.EXACT:
            return pb.StringMatcher(exact=pattern.value, ignore_case=ignore_case)
        case MatchKind.PREFIX:
            return pb.StringMatcher(prefix=pattern.value, ignore_case=ignore_case)
        case MatchKind.REGEX:
            return pb.StringMatcher(safe_regex=pb.RegexMatcher(regex=pattern.value))
        case MatchKind.PRESENT:
            raise ValueError("presence is no comparison of strings")


def ads() -> pb.ConfigSource:
    """Take a resource from the one stream, and wait for it for as long as it takes.

    Going on without it would be worse: a listener without its routes answers 404.
    """
    return pb.ConfigSource(
        ads=pb.AggregatedConfigSource(),
        initial_fetch_timeout=pb.Duration(),
        resource_api_version=pb.ApiVersion.V3,
    )


def headers_to_add(edits: HeaderEdits) -> list[pb.HeaderValueOption]:
    """Return what `set` overwrites and then what `add` appends."""
    overwrite = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    append = pb.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
    options = [_header_option(name, value, overwrite) for name, value in edits.set]
    options.extend(_header_option(name, value, append) for name, value in edits.add)
    return options


def _header_option(name: str, value: str, action: int) -> pb.HeaderValueOption:
    return pb.HeaderValueOption(header=pb.HeaderValue(key=name, value=value), append_action=action)
