"""A name server of the tests: real messages over UDP, from a zone that the test changes.

It leaves out TCP, delegation, caching and everything else that a resolver between would add.
"""

import asyncio
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class Zone(asyncio.DatagramProtocol):
    """Answers from `records`: name and type to texts of records; `refuses` are names that fail."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.refuses: set[str] = set()
        self.asked = 0
        self.ttl = 1

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def connection_made(self, transport) -> None:
        self._out = transport

    def datagram_received(self, data: bytes, addr) -> None:
        self.asked += 1
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        if name in self.refuses:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif texts := self.records.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *texts))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._out.sendto(answer.to_wire(), addr)

    def instances(self, service: str, *found: tuple[str, str, int, str]) -> None:
        """Make (target, address, port, version) all that `service` has."""
        self.records[service, "SRV"] = [f"10 5 {port} {target}." for target, _, port, _ in found]
        if not found:
            del self.records[service, "SRV"]
        for target, address, _, version in found:
            self.records[target, "A"] = [address]
            self.records[target, "TXT"] = [f'"version={version}"']
