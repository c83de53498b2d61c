"""Mesos-DNS, asked: all its tasks, for it tells of no changes."""

import asyncio
from typing import Final

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.mesos import dns, words
from pidalio.platforms.mesos.book import Book
from pidalio.platforms.mesos.instances import Instance
from pidalio.platforms.mesos.master import Told, listed
from pidalio.platforms.mesos.talking import Talking

_TOGETHER: Final = 100


class Dns:
    """Reads Mesos-DNS, with what `book` knows of services from elsewhere."""

    def __init__(self, book: Book, talking: Talking, told: Told) -> None:
        self._book, self._talking, self._told = book, talking, told

    async def read(self, url: str) -> dict[str, Instance]:
        """Return all tasks by id; one that cannot be understood is told. Raise `PlatformUnavailable`."""
        answer = await self._talking.whole("GET", url)
        try:
            told = msgspec.json.decode(answer, type=dns.Enumerated)
        except msgspec.MsgspecError as error:
            raise PlatformUnavailable(f"{url}: its answer is not that of Mesos-DNS: {words.first(error)}") from error
        found: dict[str, Instance] = {}
        broken: dict[str, str] = {}
        specs = {**self._book.known_specs(), **self._book.specs}
        for framework in told.frameworks:
            for number, raw in enumerate(framework.tasks or ()):
                try:
                    one = dns.instance_of(msgspec.json.decode(raw, type=dns.DnsTask), framework.name, specs)
                except msgspec.MsgspecError as error:
                    broken[f"{framework.name} task {number}"] = words.first(error)
                    continue
                if one is not None:
                    found[one.id] = one
                if number % _TOGETHER == _TOGETHER - 1:
                    await asyncio.sleep(0)
        self._told("dns", listed(broken))
        return found
