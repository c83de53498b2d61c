"""Conditions on text (`StringMatch`) and what a rule may ask of a request."""

from pidalio.api.findings import Findings
from pidalio.api.names import is_dns_label, is_network
from pidalio.api.places import join
from pidalio.api.strings import StringMatch, claim_of
from pidalio.api.validate.values import check_labels, check_optional_port, check_regex
from pidalio.api.virtual_service import HTTPMatchRequest, L4MatchAttributes, TLSMatchAttributes

_DOCUMENTED_AS_IGNORED = ("uri", "scheme", "method", "authority")


def check_match(match: HTTPMatchRequest, path: str, found: Findings) -> None:
    """Note mistakes in one entry of `http[].match`."""
    if match.uri:
        _check_uri(match.uri, f"{path}.uri", found)
    for name in ("scheme", "method", "authority"):
        condition: StringMatch | None = getattr(match, name)
        if condition:
            _check_filled(condition, f"{path}.{name}", found)
    for name, conditions in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
        for key, condition in conditions:
            _check_header(key, condition, join(f"{path}.{name}", key), found)
    for key, condition in match.query_params:
        if not key:
            found.error("bad-match", f"{path}.queryParams", "a query parameter needs a name")
        _check_text(condition, join(f"{path}.queryParams", key), found)
    check_source(match, path, found)


def check_source(match: HTTPMatchRequest | TLSMatchAttributes | L4MatchAttributes, path: str, found: Findings) -> None:
    """Note mistakes in what an entry asks of port, gateways and caller."""
    check_optional_port(match.port, f"{path}.port", found)
    check_labels(match.source_labels, f"{path}.sourceLabels", found)
    check_gateways(match.gateways, f"{path}.gateways", found)


def check_subnets(subnets: tuple[str, ...], path: str, found: Findings) -> None:
    """Note entries that are neither an address nor a CIDR range."""
    for index, subnet in enumerate(subnets):
        if not is_network(subnet):
            found.error("bad-address", f"{path}[{index}]", f"{subnet!r} is neither an address nor a CIDR range")


def check_gateways(gateways: tuple[str, ...], path: str, found: Findings) -> None:
    """Note references that name no gateway."""
    for index, gateway in enumerate(gateways):
        _check_gateway(gateway, f"{path}[{index}]", found)


def _check_gateway(gateway: str, path: str, found: Findings) -> None:
    namespace, slash, name = gateway.rpartition("/")
    if not gateway:
        found.error("bad-gateway-name", path, "a gateway's name cannot be empty")
    elif slash and not (is_dns_label(namespace) and is_dns_label(name)):
        found.error("bad-gateway-name", path, f"{gateway!r}: write 'namespace/name', each a DNS label")
    elif not slash and "." in name and all(is_dns_label(part) for part in name.split(".")):
        first, _, rest = name.partition(".")
        message = f"{gateway!r} is the old form: write '{rest.partition('.')[0]}/{first}'"
        found.warning("bad-gateway-name", path, message)
    elif not slash and not is_dns_label(name):
        found.error("bad-gateway-name", path, f"{gateway!r} is neither 'mesh', a name, nor 'namespace/name'")


def _check_uri(uri: StringMatch, path: str, found: Findings) -> None:
    if uri.exact is None and uri.prefix is None and uri.regex is None:
        found.error("bad-match", path, "one of exact, prefix and regex is needed")
    if uri.regex is not None:
        check_regex(uri.regex, f"{path}.regex", found)
    for name in ("exact", "prefix"):
        value = getattr(uri, name)
        if value and not value.startswith(("/", "*")):
            message = f"{value!r} does not begin with '/', so no path of a request can match"
            found.warning("bad-match", f"{path}.{name}", message)
    if uri.exact == "":
        found.error("bad-match", f"{path}.exact", "an empty path matches no request: leave uri out to match all")


def _check_filled(condition: StringMatch, path: str, found: Findings) -> None:
    if not (condition.exact or condition.prefix or condition.regex):
        found.error("bad-match", path, "a condition cannot be empty: give exact, prefix or regex a value")
    elif condition.regex is not None:
        check_regex(condition.regex, f"{path}.regex", found)


def _check_header(key: str, condition: StringMatch, path: str, found: Findings) -> None:
    if not key:
        found.error("bad-match", path, "a header needs a name")
    if key in _DOCUMENTED_AS_IGNORED:
        message = f"a header named {key!r} is ignored: use the field {key!r} of the match"
        found.warning("bad-match", path, message)
    if key.startswith("@") and not claim_of(key):
        message = f"no request has a header {key!r}: a claim is written @request.auth.claims.NAME, or with [NAME]"
        found.error("bad-match", path, message)
    if condition.regex != "*":
        _check_text(condition, path, found)


def _check_text(condition: StringMatch, path: str, found: Findings) -> None:
    if condition.prefix == "":
        found.error("bad-match", f"{path}.prefix", "an empty prefix is not allowed: {} means that it is present")
    if condition.regex is not None:
        check_regex(condition.regex, f"{path}.regex", found)
