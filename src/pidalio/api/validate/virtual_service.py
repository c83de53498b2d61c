"""VirtualService as a whole: hosts, gateways, visibility, and its TLS and TCP rules (reference §1.1)."""

from pidalio.api.findings import Findings
from pidalio.api.object import Meta
from pidalio.api.places import join
from pidalio.api.strings import claim_of
from pidalio.api.validate.conditions import check_gateways, check_source, check_subnets
from pidalio.api.validate.destinations import check_destination, check_weights
from pidalio.api.validate.exports import check_exports
from pidalio.api.validate.http_route import check_route
from pidalio.api.validate.sticky import check_sticky_names
from pidalio.api.validate.values import check_host
from pidalio.api.virtual_service import RouteDestination, VirtualService
from pidalio.model import host_matches, host_subset_of


def validate(spec: VirtualService, meta: Meta, found: Findings) -> None:
    """Note everything that is wrong with a VirtualService."""
    delegated = not spec.hosts
    if delegated:
        _check_delegated(spec, found)
    for index, host in enumerate(spec.hosts):
        check_host(host, f"hosts[{index}]", found)
    _check_overlaps(spec.hosts, found)
    check_gateways(spec.gateways, "gateways", found)
    if "*" in spec.hosts and (not spec.gateways or "mesh" in spec.gateways):
        index = spec.hosts.index("*")
        message = "'*' is not allowed for sidecars: name the hosts, or name gateways without 'mesh'"
        found.error("mesh-wildcard", f"hosts[{index}]", message)
    if not (spec.http or spec.tls or spec.tcp):
        found.error("no-routes", "", "at least one rule under http, tls or tcp is needed")
    for index, rule in enumerate(spec.http):
        check_route(rule, f"http[{index}]", found, delegated=delegated)
    check_sticky_names(spec.http, found)
    _check_reachable(spec, found)
    _check_claims(spec, found)
    _check_tls(spec, found)
    _check_tcp(spec, found)
    check_exports(spec.export_to, meta.namespace, "exportTo", found)


def _check_delegated(spec: VirtualService, found: Findings) -> None:
    for name, is_given in (("gateways", spec.gateways), ("tls", spec.tls), ("tcp", spec.tcp)):
        if is_given:
            message = f"without hosts this is a delegate, which has no {name}: add hosts or remove {name}"
            found.error("bad-delegate", name, message)


def _check_overlaps(hosts: tuple[str, ...], found: Findings) -> None:
    seen: dict[str, int] = {}
    for index, host in enumerate(hosts):
        if host.lower() in seen:
            found.error("duplicate-host", f"hosts[{index}]", f"{host!r} is given twice: remove one")
        seen.setdefault(host.lower(), index)
    wildcards = [host for host in seen if host.startswith("*")]
    for host, index in seen.items():
        for wildcard in wildcards:
            if host != wildcard and host_subset_of(host, wildcard):
                message = f"{host!r} is covered by {wildcard!r} of the same object: keep one, or use two objects"
                found.error("duplicate-host", f"hosts[{index}]", message)


def _check_reachable(spec: VirtualService, found: Findings) -> None:
    for index, rule in enumerate(spec.http[:-1]):
        if not rule.match and rule.delegate is None:
            message = f"http[{index}] has no match and takes every request: put this rule before it"
            found.warning("unreachable-rule", f"http[{index + 1}]", message)
            return


def _check_claims(spec: VirtualService, found: Findings) -> None:
    """Note conditions on claims where no gateway applies the rule: sidecars verify no tokens for it."""
    if not spec.hosts or any(name != "mesh" for name in spec.gateways):
        return
    for index, rule in enumerate(spec.http):
        for number, match in enumerate(rule.match):
            for field, conditions in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
                for name, _ in conditions:
                    if claim_of(name):
                        path = join(f"http[{index}].match[{number}].{field}", name)
                        message = "claims can be asked for at gateways only: name one in gateways"
                        found.error("jwt-claim-without-gateway", path, message)


def _check_tls(spec: VirtualService, found: Findings) -> None:
    for index, rule in enumerate(spec.tls):
        path = f"tls[{index}]"
        if not rule.match:
            found.error("missing-field", f"{path}.match", "a TLS rule needs a match with sniHosts")
        for number, match in enumerate(rule.match):
            here = f"{path}.match[{number}]"
            if not match.sni_hosts:
                found.error("missing-field", f"{here}.sniHosts", "name at least one SNI host")
            for position, host in enumerate(match.sni_hosts):
                _check_sni(host, spec.hosts, f"{here}.sniHosts[{position}]", found)
            check_subnets(match.destination_subnets, f"{here}.destinationSubnets", found)
            check_source(match, here, found)
        _check_route(rule.route, f"{path}.route", found)


def _check_sni(sni: str, hosts: tuple[str, ...], path: str, found: Findings) -> None:
    check_host(sni, path, found)
    if hosts and not any(host_subset_of(sni.lower(), host.lower()) for host in hosts):
        near = next((host for host in hosts if host_matches(sni.lower(), host.lower())), hosts[0])
        message = f"{sni!r} must be equal to or narrower than one of hosts (such as {near!r})"
        found.error("bad-sni", path, message)


def _check_tcp(spec: VirtualService, found: Findings) -> None:
    for index, rule in enumerate(spec.tcp):
        path = f"tcp[{index}]"
        for number, match in enumerate(rule.match):
            here = f"{path}.match[{number}]"
            check_subnets(match.destination_subnets, f"{here}.destinationSubnets", found)
            check_subnets((match.source_subnet,) if match.source_subnet else (), f"{here}.sourceSubnet", found)
            check_source(match, here, found)
        _check_route(rule.route, f"{path}.route", found)


def _check_route(route: tuple[RouteDestination, ...], path: str, found: Findings) -> None:
    if not route:
        found.error("missing-field", path, "a rule needs at least one destination")
    for index, entry in enumerate(route):
        check_destination(entry.destination, f"{path}[{index}].destination", found)
    check_weights(route, path, found)
