"""Services from DNS: each SRV name is a service, each record an instance, TXT records of a target are its labels.

Source: RFC 2782 (SRV), RFC 6763 section 6 (key=value in TXT), RFC 2308 (an answer that there is nothing).
"""

import asyncio
from collections.abc import Iterable

import dns.asyncresolver
import dns.exception
import dns.resolver

from pidalio.errors import PlatformUnavailable, UsageError
from pidalio.model import Endpoint, Port, Protocol, labels_of
from pidalio.platforms.adapter import Feed, Kind, Rows
from pidalio.platforms.offers import NamedSettings, Offer, offered

_SHORTEST, _LONGEST = 1.0, 60.0
"""Bounds of the seconds between two questions, whatever the records' time to live says."""
_NOTHING = (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer)


class DnsSettings(NamedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What to ask: `names` are SRV names, separated by commas; `server` is `ADDRESS[:PORT]`, else the system's.

    Callers use `port`, whatever the instances' ports are, and speak `protocol` with it.
    """

    names: str
    server: str = ""
    port: int = 80
    protocol: str = "HTTP"

    def check(self) -> None:
        """Raise `UsageError` for names that are none, or a protocol that is not known."""
        super().check()
        for name in self.srv_names():
            if not name.startswith("_") or name.count(".") < 2:
                raise UsageError(f"names: {name!r} is no SRV name: write _SERVICE._PROTOCOL.DOMAIN")
            self.host_of(name)
        if self.protocol not in Protocol.__members__:
            raise UsageError(f"protocol: {self.protocol!r} is none of {', '.join(Protocol.__members__)}")

    def srv_names(self) -> tuple[str, ...]:
        """Return the names to ask for."""
        return tuple(name.strip().rstrip(".") for name in self.names.split(",") if name.strip())

    def host_of(self, name: str) -> str:
        """Return how callers call the service behind an SRV name: its domain, unless `hostname` says otherwise."""
        service, protocol, domain = name.split(".", 2)
        return self.named("{domain}", service=service, protocol=protocol, domain=domain)


class DnsAdapter:
    """Asks again when the shortest time to live is over; a name that fails keeps what was known of it."""

    def __init__(self, settings: DnsSettings) -> None:
        self._settings = settings
        self._known: dict[str, Offer] = {}

    async def run(self, feed: Feed) -> None:
        """Follow until cancelled."""
        resolver = _resolver(self._settings.server)

        async def again() -> Rows:
            await self._read(resolver)
            return offered(feed.name, self._known.values())

        while True:
            failed, seconds = await self._read(resolver)
            await feed.complete(offered(feed.name, self._known.values()), again)
            if failed:
                feed.lost(failed)
            await asyncio.sleep(seconds)

    async def _read(self, resolver: dns.asyncresolver.Resolver) -> tuple[str, float]:
        """Ask for all names; return what failed, and the seconds for which the answers hold.

        Raise `PlatformUnavailable` when a name fails of which nothing is known: "all" would be a lie.
        """
        failed, seconds = "", _LONGEST
        for name in self._settings.srv_names():
            try:
                endpoints, ttl = await _instances(resolver, name, self._settings.port)
            except dns.exception.DNSException as error:
                if name not in self._known:
                    raise PlatformUnavailable(f"{name}: {error}") from error
                failed, seconds = f"{name}: {error}", _SHORTEST
                continue
            self._known[name] = self._offer(name, endpoints)
            seconds = min(seconds, max(ttl, _SHORTEST))
        return failed, seconds

    def _offer(self, name: str, endpoints: Iterable[Endpoint]) -> Offer:
        settings = self._settings
        port = Port(settings.port, settings.protocol.lower(), Protocol[settings.protocol])
        host = settings.host_of(name)
        return Offer("DnsService", name, host, settings.namespace, (port,), tuple(endpoints))


async def _instances(resolver: dns.asyncresolver.Resolver, name: str, port: int) -> tuple[list[Endpoint], float]:
    """Return the instances of the best priority, and for how many seconds they hold; none where there is no record."""
    try:
        answer = await resolver.resolve(name, "SRV")
    except _NOTHING:
        return [], _SHORTEST
    ttl = float(answer.rrset.ttl)
    best = min(record.priority for record in answer)
    found: list[Endpoint] = []
    for record in sorted(answer):
        if record.priority != best or record.target == dns.name.root:
            continue  # the others are spares, which DNS has no word to bring in; "." means: not here
        target = record.target.to_text(omit_final_dot=True)
        labels = labels_of((await _labels(resolver, target)).items())
        for address, seconds in await _addresses(resolver, target):
            ttl = min(ttl, seconds)
            found.append(Endpoint(address, record.port, port, labels=labels, weight=record.weight, workload=target))
    return found, ttl


async def _addresses(resolver: dns.asyncresolver.Resolver, target: str) -> list[tuple[str, float]]:
    for kind in ("A", "AAAA"):
        try:
            answer = await resolver.resolve(target, kind)
        except _NOTHING:
            continue
        return sorted((record.address, float(answer.rrset.ttl)) for record in answer)
    return []


async def _labels(resolver: dns.asyncresolver.Resolver, target: str) -> dict[str, str]:
    try:
        texts = await resolver.resolve(target, "TXT")
    except _NOTHING:
        return {}
    pairs = (text.decode(errors="replace").partition("=") for record in texts for text in record.strings)
    return {key: value for key, equals, value in pairs if equals}


def _resolver(server: str) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=not server)
    resolver.lifetime = 5.0
    if server:
        host, _, port = server.partition(":")
        resolver.nameservers, resolver.port = [host], int(port or 53)
    return resolver


KIND = Kind("dns-srv", DnsSettings, DnsAdapter, main="names")
