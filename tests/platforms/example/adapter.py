"""The adapter of the example registry: what a new platform needs, and nothing else."""

from typing import Any

import aiohttp
import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.model import Endpoint, Health, Locality, Port, Protocol, Report, Severity
from pidalio.platforms.adapter import AdapterSettings, Feed, Kind, Rows
from pidalio.platforms.offers import Offer, became, offered


class ExampleSettings(AdapterSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    address: str


class Instance(msgspec.Struct):
    address: str
    port: int
    version: str
    zone: str
    health: str = "HEALTHY"


class Answer(msgspec.Struct):
    index: int
    services: dict[str, dict[str, msgspec.Raw]]


class Example:
    def __init__(self, settings: ExampleSettings) -> None:
        self.address = settings.address

    async def run(self, feed: Feed) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:

            async def whole() -> Rows:
                return offered(feed.name, offers(feed, await asked(session, self.address, 0)))

            answer = await asked(session, self.address, 0)
            known = offers(feed, answer)
            await feed.complete(offered(feed.name, known), whole)
            while True:
                answer = await asked(session, self.address, answer.index)
                feed.heard()
                now = offers(feed, answer)
                feed.change(became(feed.name, known, now))
                known = now


async def asked(session: aiohttp.ClientSession, address: str, index: int) -> Answer:
    try:
        async with session.get(f"{address}/services", params={"index": str(index)}) as response:
            return msgspec.json.decode(await response.read(), type=Answer)
    except (aiohttp.ClientError, OSError, msgspec.DecodeError) as error:
        raise PlatformUnavailable(f"{address}: {error or type(error).__name__}") from error


def offers(feed: Feed, answer: Answer) -> list[Offer]:
    found = []
    for service, instances in answer.services.items():
        decoded = [one for name, raw in instances.items() if (one := understood(feed, f"{service}/{name}", raw))]
        ports = tuple(Port(number, f"http-{number}", Protocol.HTTP) for number in sorted({one.port for one in decoded}))
        endpoints = tuple(map(endpoint, decoded))
        found.append(Offer("ExampleService", service, f"{service}.example", "default", ports, endpoints))
    return found


def endpoint(one: Instance) -> Endpoint:
    labels = (("version", one.version),)
    health, locality = Health(one.health), Locality("here", one.zone)
    return Endpoint(one.address, one.port, one.port, labels=labels, health=health, locality=locality)


def understood(feed: Feed, name: str, raw: Any) -> Instance | None:
    try:
        one = msgspec.json.decode(raw, type=Instance)
    except msgspec.ValidationError as error:
        feed.tell(name, Report(Severity.WARNING, "invalid-entry", f"{feed.name}: {name}: {error}: it is left out"))
        return None
    feed.tell(name)
    return one


KIND = Kind("example", ExampleSettings, Example)
