"""Random services, rules and Sidecars for redirected connections, and random connections to them.

All addresses are of the loopback, so that what goes on to the address that was called arrives at the echo server, or is
refused at once.
"""

import json
import random
from typing import Any

from tests.traffic.case import Connect

PORTS = (80, 443, 5432, 7000, 9000)
_PROTOCOLS = ("HTTP", "HTTP", "TCP", "TLS", "HTTPS", "MONGO", "MYSQL")
_NAMES = tuple(f"s{number}.test" for number in range(8))
_WILD = ("*.wild.test", "*.deep.wild.test")
_SNI = (*_NAMES, "a.wild.test", "b.deep.wild.test", "other.test", "S1.TEST", "")
_RANGES = ("127.81.0.0/16", "127.81.7.0/24", "127.80.0.0/15")


def text(draw: random.Random, port: int) -> str:
    """Return the YAML of a mesh: services, their subsets and rules, and what a Sidecar lets in."""
    hosts = [*_NAMES, *draw.sample(_WILD, draw.randint(0, 2))]
    documents = [each for number, host in enumerate(hosts) for each in _service(draw, number, host, port)]
    documents += [_rule(draw, number, host) for number, host in enumerate(hosts) if draw.random() < 0.6]
    if draw.random() < 0.7:
        documents.append(_sidecar(draw))
    return "\n---\n".join(json.dumps(each) for each in documents)


def connection(draw: random.Random, port: int) -> Connect:
    """Return a connection to some address and port of the mesh, or to none of them."""
    where = draw.choice([f"127.80.0.{draw.randint(0, 9)}", f"127.81.{draw.choice((0, 7))}.1", "127.85.0.1"])
    to = f"{where}:{draw.choice((*PORTS, port))}"
    if draw.random() < 0.5:
        return Connect(dst=to, sends="bytes")
    return Connect(dst=to, sends="tls", sni=draw.choice(_SNI), alpn=draw.choice(((), ("h2",), ("http/1.1",))))


def request(draw: random.Random, port: int) -> tuple[str, str]:
    """Return where a request is sent to, and its host."""
    to = draw.choice([f"127.80.0.{draw.randint(0, 9)}", "127.81.7.1", "127.85.0.1"])
    host = draw.choice((*_NAMES, "a.wild.test", "unknown.test"))
    return f"{to}:{draw.choice((*PORTS, port))}", f"{host}{draw.choice(('', '', ':80', ':9000'))}"


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _service(draw: random.Random, number: int, host: str, port: int) -> list[dict[str, Any]]:
    numbers = draw.sample((*PORTS, port), draw.randint(1, 3))
    ports = [{"number": one, "name": f"p{one}", "protocol": draw.choice(_PROTOCOLS)} for one in numbers]
    addresses = draw.choice([[], [f"127.80.0.{number}"], [f"127.80.0.{number}", "127.80.0.9"], [draw.choice(_RANGES)]])
    spec: dict[str, Any] = {"hosts": [host], "ports": ports, "addresses": addresses, "resolution": "STATIC"}
    if len(addresses) <= 1 and draw.random() < 0.15:
        spec["resolution"] = "NONE"
    else:
        spec["endpoints"] = [
            {
                "address": f"127.4.{number}.{position}",
                "ports": {one["name"]: port for one in ports},
                "labels": {"version": f"v{position}"},
            }
            for position in (1, 2)
        ]
    found = [_object("ServiceEntry", f"s{number}", spec)]
    if spec["resolution"] == "STATIC" and not host.startswith("*"):
        found += _policies(draw, number, host)
    return found


def _policies(draw: random.Random, number: int, host: str) -> list[dict[str, Any]]:
    """Return the rule for a service's subsets and tunnels, and now and then another for selected clients."""
    found = [_object("DestinationRule", f"s{number}", {"host": host, **_policy(draw, (1, 2))})]
    if draw.random() < 0.3:
        selector = {"matchLabels": draw.choice(({"app": "client"}, {"app": "other"}))}
        spec = {"host": host, **_policy(draw, (2, 1)), "workloadSelector": selector}
        found.append(_object("DestinationRule", f"selected{number}", spec))
    return found


def _policy(draw: random.Random, versions: tuple[int, int]) -> dict[str, Any]:
    """Return subsets v1 and v2 with the labels of `versions`; some are proxies that carry connections on."""
    subsets: list[dict[str, Any]] = [
        {"name": f"v{position}", "labels": {"version": f"v{version}"}} for position, version in enumerate(versions, 1)
    ]
    spec: dict[str, Any] = {"subsets": subsets}
    for one in draw.sample((spec, *subsets), draw.choice((0, 0, 0, 1, 2))):
        one["trafficPolicy"] = {"tunnel": {"targetHost": draw.choice(_NAMES), "targetPort": draw.choice(PORTS)}}
    if "trafficPolicy" in spec and draw.random() < 0.5:
        port = {"port": {"number": draw.choice(PORTS)}, "loadBalancer": {"simple": "RANDOM"}}
        spec["trafficPolicy"]["portLevelSettings"] = [port]
    return spec


def _rule(draw: random.Random, number: int, host: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"hosts": [host]}
    names = [host] if not host.startswith("*") else [f"a{host[1:]}", f"*.deep{host[1:]}", host]
    if draw.random() < 0.6:
        spec["tls"] = [
            {"match": [_tls_match(draw, names) for _ in range(draw.randint(1, 2))], "route": _route(draw)}
            for _ in range(draw.randint(1, 2))
        ]
    if draw.random() < 0.6 or "tls" not in spec:
        spec["tcp"] = [
            {"match": [_match(draw) for _ in range(draw.randint(1, 2))], "route": _route(draw)}
            for _ in range(draw.randint(1, 2))
        ]
        if draw.random() < 0.5:
            spec["tcp"].append({"route": _route(draw)})
    if draw.random() < 0.5:
        spec["http"] = [{"route": [{"destination": {"host": draw.choice(_NAMES)}}]}]
    return _object("VirtualService", f"s{number}", spec)


def _match(draw: random.Random) -> dict[str, Any]:
    conditions = {
        "port": draw.choice(PORTS),
        "sourceLabels": draw.choice(({"app": "client"}, {"app": "other"})),
        "destinationSubnets": draw.sample(("127.80.0.0/30", "127.81.7.0/24", "127.80.0.1"), draw.randint(1, 2)),
        "gateways": draw.choice((["mesh"], ["edge"], ["mesh", "edge"])),
        "sourceNamespace": draw.choice(("default", "elsewhere")),
    }
    return {name: conditions[name] for name in draw.sample(sorted(conditions), draw.choice((0, 1, 1, 2)))} or {
        "gateways": ["mesh"]
    }


def _tls_match(draw: random.Random, names: list[str]) -> dict[str, Any]:
    return {**_match(draw), "sniHosts": draw.sample(names, draw.randint(1, len(names)))}


def _route(draw: random.Random) -> list[dict[str, Any]]:
    count = draw.choice((1, 1, 2, 3))
    weights = [draw.choice((0, 1, 5)) for _ in range(count)]
    weights[0] = weights[0] or 1
    return [
        {
            "destination": {
                "host": draw.choice((*_NAMES, "gone.test")),
                "subset": draw.choice(("", "v1", "v2")),
                "port": {"number": draw.choice(PORTS)},
            },
            "weight": weight,
        }
        for weight in weights
    ]


def _sidecar(draw: random.Random) -> dict[str, Any]:
    listeners: list[dict[str, Any]] = []
    for number in draw.sample(PORTS, draw.randint(0, 2)):
        protocol = draw.choice(("HTTP", "TCP", "TLS"))
        listener = {"port": {"number": number, "name": f"e{number}", "protocol": protocol}, "hosts": _let_in(draw)}
        if draw.random() < 0.4:
            listener["bind"] = "127.80.0.3"
        listeners.append(listener)
    if draw.random() < 0.8 or not listeners:
        listeners.append({"hosts": _let_in(draw)})
    mode = draw.choice(("REGISTRY_ONLY", "ALLOW_ANY"))
    return _object("Sidecar", "default", {"egress": listeners, "outboundTrafficPolicy": {"mode": mode}})


def _let_in(draw: random.Random) -> list[str]:
    if draw.random() < 0.4:
        return ["*/*"]
    return [f"./{host}" for host in draw.sample((*_NAMES, "*.wild.test", "*.test"), draw.randint(1, 4))]
