"""The operation that tells, of each endpoint, which source says what of its health.

The platforms' and the agents' words are rows of the store; why an agent says so, and since when, is kept beside them,
for it would change rows that mean the same. What Envoys see comes from `http.observations`.
Invariant: nothing here changes anything; what it shows as health is what proxies are told.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from pidalio.errors import NotFound
from pidalio.http.call import Call, Query
from pidalio.http.observations import Observation, Where
from pidalio.http.reading import unhurried
from pidalio.http.served import Served
from pidalio.http.wire import EndpointsAnswer, EndpointView, WordView
from pidalio.model import Endpoint, Health, Source
from pidalio.rules import names, services
from pidalio.rules.services import Said, ServiceId
from pidalio.store import tables

Seen: TypeAlias = Mapping[Where, Sequence[Observation]]


class EndpointsQuery(Query, frozen=True):
    """Of which service: its host, or the beginning of it up to a dot; what is not said does not filter."""

    host: str = ""


async def endpoints(served: Served, call: Call) -> EndpointsAnswer:
    """Return every endpoint with what each source says of its health."""
    host = call.query(EndpointsQuery).host
    known = sorted({(key[0], key[1]) for key in tables.SERVICES.keys(served.mesh.world)})
    wanted = [one for one in known if not host or one[0] == host or one[0].startswith(f"{host}.")]
    if host and not wanted:
        raise NotFound(f"no service {host}: name its host, or the beginning of it up to a dot")
    seen = served.observations.by_endpoint([stream.node.id for stream in served.mesh.ads.streams()])
    found = [view async for identity in unhurried(wanted) for view in _views(served, identity, seen)]
    return EndpointsAnswer(tuple(found))


def _views(served: Served, identity: ServiceId, seen: Seen) -> Iterator[EndpointView]:
    """Yield the endpoints of a service by port and address."""
    words: dict[tuple[str, int, int], list[Said]] = {}
    for said in services.words(served.mesh.world, identity):
        one = said.endpoint
        words.setdefault((one.address, one.port, one.service_port), []).append(said)
    for one in sorted(services.endpoints(served.mesh.world, identity), key=lambda each: each.service_port):
        said_of_it = words[one.address, one.port, one.service_port]
        seen_of_it = _seen(seen, identity[0], one)
        yield EndpointView(
            host=identity[0],
            port=one.service_port,
            namespace=identity[1],
            instance=one.workload,
            address=_address(one),
            health=one.health.value,
            words=(*(_word(served, identity[1], said) for said in said_of_it), *map(_found, seen_of_it)),
            out_at=tuple(dict.fromkeys(each.proxy for each in seen_of_it if not each.sight.until)),
        )


def _seen(seen: Seen, host: str, one: Endpoint) -> list[Observation]:
    """Return what proxies found of an endpoint, also where they called it by its own name."""
    own = [names.instance_host(one.instance, host)] if one.instance else []
    return [each for name in (host, *own) for each in seen.get((name, one.service_port, _address(one)), ())]


def _found(one: Observation) -> WordView:
    sight = one.sight
    health = Health.HEALTHY if sight.until else Health.UNHEALTHY
    reason = f"{sight.reason} (subset {one.subset})" if one.subset else sight.reason
    return WordView(sight.source.value, health.value, one.proxy, reason, sight.since, sight.until)


def _word(served: Served, namespace: str, said: Said) -> WordView:
    """Return one row's word, with what its agent has to say of it."""
    if said.source is not Source.AGENT:
        return WordView(said.source.value, said.endpoint.health.value, said.by)
    name = f"{said.endpoint.workload}.{namespace}"
    told = served.registrations.word(name) or served.surroundings.word(name)
    reason, since = (told.reason, told.since) if told else ("", 0.0)
    return WordView(said.source.value, said.endpoint.health.value, said.by, reason, since)


def _address(one: Endpoint) -> str:
    """Return where the instance is reached, as Envoy writes it."""
    if one.address.startswith("unix://"):
        return one.address.removeprefix("unix://")
    return f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}"
