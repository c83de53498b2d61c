"""Random VirtualServices as users write them, each for a host of its own, with the services that they name.

Conditions are those of `rules`, so that requests can be made from what was compiled.
"""

import json
import random
from typing import Any

from tests.differential.rules import HEADERS, METHODS, PATH_REGEXES, QUERIES, SEGMENTS, VALUE_REGEXES, VALUES

GATEWAY_LABELS = (("istio", "ingress"),)
_VERSIONS = ("v1", "v2", "v3")


def text(draw: random.Random, count: int, port: int) -> str:
    """Return the YAML of `count` rule sets, their services at `port`, and a gateway that takes every host."""
    documents = [_gateway(), _registry_only()]
    for number in range(count):
        rules = _virtual_services(draw, number)
        documents += [_service(number, port), _destination_rule(number), *rules, *_delegates(draw, number, rules)]
    return "\n---\n".join(json.dumps(each) for each in documents)


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _gateway() -> dict[str, Any]:
    server = {"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    return _object("Gateway", "edge", {"selector": dict(GATEWAY_LABELS), "servers": [server]})


def _registry_only() -> dict[str, Any]:
    """Refuse unknown hosts: what DNS would say of them is nobody's rule."""
    spec = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "egress": [{"hosts": ["*/*"]}]}
    return _object("Sidecar", "default", spec)


def _service(number: int, port: int) -> dict[str, Any]:
    endpoints = [
        {
            "address": f"127.{3 + number // 200}.{number % 200}.{position}",
            "ports": {"http": port},
            "labels": {"version": version},
        }
        for position, version in enumerate(_VERSIONS[:2], 1)
    ]
    spec = {
        "hosts": [f"s{number}.test"],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "endpoints": endpoints,
    }
    return _object("ServiceEntry", f"s{number}", spec)


def _destination_rule(number: int) -> dict[str, Any]:
    subsets = [{"name": version, "labels": {"version": version}} for version in _VERSIONS]
    return _object("DestinationRule", f"s{number}", {"host": f"s{number}.test", "subsets": subsets})


def _virtual_services(draw: random.Random, number: int) -> list[dict[str, Any]]:
    """Return the rules for one host: one object, or several, which gateways join and of which sidecars take one."""
    hosts = [f"s{number}.test", *draw.choice(([], [], [f"*.s{number}.test"], [f"alias-{number}.test"]))]
    found = []
    for position in range(draw.choice((1, 1, 1, 2, 3))):
        routes = [_route(draw, number, f"{position}r{each}") for each in range(draw.randint(1, 6))]
        spec = {"hosts": hosts[: 1 if position else 2], "gateways": ["mesh", "edge"], "http": routes}
        found.append(_object("VirtualService", f"s{number}x{position}", spec))
    return found


def _delegates(draw: random.Random, number: int, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the VirtualServices to which `rules` delegate; one in eight is missing, one is not for them to see."""
    found = []
    for one in (route for rule in rules for route in rule["spec"]["http"] if "delegate" in route):
        if draw.random() < 0.125:
            continue
        name, namespace = one["delegate"]["name"], one["delegate"]["namespace"]
        spec: dict[str, Any] = {"http": []}
        for position in range(draw.randint(1, 3)):
            inner = _route(draw, number, f"{name}r{position}", delegates=False)
            for match in inner.get("match", ()):
                _narrow(draw, match, one.get("match", ()))
            spec["http"].append(inner)
        if draw.random() < 0.125:
            spec["exportTo"] = ["."]
        document = _object("VirtualService", name, spec)
        document["metadata"]["namespace"] = namespace
        found.append(document)
    return found


def _narrow(draw: random.Random, match: dict[str, Any], roots: list[dict[str, Any]]) -> None:
    """Make a condition more often one that fits a root's."""
    prefixes = [one["uri"]["prefix"] for one in roots if "prefix" in one.get("uri", {})]
    if prefixes and draw.random() < 0.7:
        match["uri"] = {"prefix": draw.choice(prefixes) + draw.choice(("", "/a", "b"))}
        match.pop("ignoreUriCase", None)


def _route(draw: random.Random, number: int, name: str, *, delegates: bool = True) -> dict[str, Any]:
    route: dict[str, Any] = {"name": f"s{number}x{name}"}
    if draw.random() < 0.9:
        route["match"] = [_match(draw, entry) for entry in range(draw.choice((1, 1, 1, 2, 3)))]
    kind = draw.choice(("route", "route", "route", "route", "redirect", "directResponse", "delegate", "delegate"))
    if draw.random() < 0.3:
        route["headers"] = _headers(draw)
    if kind == "delegate" and delegates:
        route["delegate"] = {"name": f"d{number}x{name}", "namespace": draw.choice(("default", "team"))}
        route |= draw.choice(({}, {"timeout": "9s"}, {"rewrite": {"uri": "/root"}}, {"retries": {"attempts": 1}}))
    elif kind == "redirect":
        route["redirect"] = _redirect(draw)
    elif kind == "directResponse":
        route["directResponse"] = {"status": draw.choice((200, 301, 404, 503)), "body": {"string": "told"}}
    else:
        route |= _forward(draw, number)
    return route


def _match(draw: random.Random, entry: int) -> dict[str, Any]:
    match: dict[str, Any] = {"name": f"m{entry}"} if draw.random() < 0.5 else {}
    if draw.random() < 0.7:
        match["uri"] = _uri(draw)
        if draw.random() < 0.2:
            match["ignoreUriCase"] = True
    if draw.random() < 0.15:
        match["method"] = {"exact": draw.choice(METHODS)}
    if draw.random() < 0.1:
        match["scheme"] = {"exact": draw.choice(("http", "https"))}
    if draw.random() < 0.1:
        match["authority"] = draw.choice(({"prefix": "s"}, {"regex": "s[0-9]+[.]test(:80)?"}))
    for name, share in (("headers", 0.4), ("withoutHeaders", 0.2)):
        if draw.random() < share:
            match[name] = {draw.choice(_plain_headers()): _string(draw) for _ in range(draw.choice((1, 1, 2)))}
    if draw.random() < 0.15:
        match["gateways"] = draw.choice((["mesh"], ["default/edge"], ["mesh", "default/edge"]))
    if draw.random() < 0.3:
        match["queryParams"] = {draw.choice(QUERIES): _string(draw) for _ in range(draw.choice((1, 1, 2)))}
    return match


def _plain_headers() -> list[str]:
    return [name for name in HEADERS if not name.startswith((":", "x-envoy", "x-forwarded", "x-request"))]


def _uri(draw: random.Random) -> dict[str, str]:
    kind = draw.choice(("exact", "prefix", "prefix", "regex"))
    if kind == "regex":
        return {kind: draw.choice(sorted(PATH_REGEXES))}
    simple = [each for each in SEGMENTS if each not in ("", "..", ".", "%61")]
    return {kind: "/" + "/".join(draw.choice(simple) for _ in range(draw.randint(0, 2)))}


def _string(draw: random.Random) -> dict[str, str]:
    kind = draw.choice(("exact", "exact", "prefix", "regex", "present"))
    if kind == "present":
        return {}
    if kind == "regex":
        return {kind: draw.choice(sorted(VALUE_REGEXES))}
    return {kind: draw.choice([value for value in VALUES if value])}


def _headers(draw: random.Random) -> dict[str, Any]:
    def edits() -> dict[str, Any]:
        names = ["x-user", "x-new", "x-v", "x-drop-me"]
        some = draw.sample(names, 3)
        parts = {"set": {some[0]: "one"}, "add": {some[1]: "two"}, "remove": [some[2]]}
        return {name: parts[name] for name in draw.sample(sorted(parts), draw.choice((1, 2, 3)))}

    return {side: edits() for side in draw.choice((("request",), ("response",), ("request", "response")))}


def _redirect(draw: random.Random) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "uri": draw.choice(("/new", "/new?a=1")),
        "authority": draw.choice(("other.test", "other.test:444")),
        "scheme": draw.choice(("http", "https")),
    }
    redirect = {name: parts[name] for name in draw.sample(sorted(parts), draw.choice((1, 2, 3)))}
    if draw.random() < 0.5:
        redirect |= draw.choice(
            (
                {"port": 80},
                {"port": 443},
                {"port": 8443},
                {"derivePort": "FROM_REQUEST_PORT"},
                {"derivePort": "FROM_PROTOCOL_DEFAULT"},
            )
        )
    if draw.random() < 0.5:
        redirect["redirectCode"] = draw.choice((301, 302, 303, 307, 308))
    return redirect


def _forward(draw: random.Random, number: int) -> dict[str, Any]:
    count = draw.choice((1, 1, 2, 3))
    destinations = [_destination(draw, number) for _ in range(count)]
    if count > 1:
        for each in destinations:
            each["weight"] = draw.choice((0, 1, 50))
        destinations[0]["weight"] = draw.choice((1, 50, 100))
    route: dict[str, Any] = {"route": destinations}
    if draw.random() < 0.4:
        route["rewrite"] = draw.choice(
            (
                {"uri": "/new"},
                {"uri": "/"},
                {"uri": "/new/", "authority": "rewritten.test"},
                {"authority": "rewritten.test:81"},
                {"uriRegexRewrite": {"match": "^/([^/]+)/(.*)$", "rewrite": "/\\2/\\1"}},
                {"uriRegexRewrite": {"match": "[0-9]+", "rewrite": "<\\0>"}},
            )
        )
    if draw.random() < 0.2:
        route["timeout"] = "15s"
    if draw.random() < 0.2:
        route["retries"] = draw.choice(({"attempts": 0}, {"attempts": 3, "retryOn": "5xx,418", "perTryTimeout": "5s"}))
    if draw.random() < 0.15:
        route["fault"] = _fault(draw)
    if draw.random() < 0.1:
        route["corsPolicy"] = {"allowOrigins": [draw.choice(({"exact": "http://a.test"}, {"prefix": "http://a"}))]}
    return route


def _destination(draw: random.Random, number: int) -> dict[str, Any]:
    to: dict[str, Any] = {"host": f"s{number}.test"}
    if draw.random() < 0.05:
        to["host"] = "nowhere.test"
    elif draw.random() < 0.8:
        to["subset"] = draw.choice((*_VERSIONS, "v1", "v2", "v1", "v2", "v9"))
    destination: dict[str, Any] = {"destination": to}
    if draw.random() < 0.3:
        destination["headers"] = _headers(draw)
    return destination


def _fault(draw: random.Random) -> dict[str, Any]:
    def share() -> dict[str, float]:
        return {"value": draw.choice((0, 30, 100))}

    abort = {"httpStatus": draw.choice((400, 418, 503)), "percentage": share()}
    delay = {"fixedDelay": "1ms", "percentage": share()}
    return draw.choice(({"abort": abort}, {"delay": delay}, {"abort": abort, "delay": delay}))
