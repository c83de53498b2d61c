"""Write what became of rule objects into their status: only what differs, not too fast, by the leader alone.

Invariants: a status is written over exactly the version that it is about; what is denied is told once and left for
`_DENIED` seconds; nothing that fails here touches what is read of the cluster.
It stands between the survey of the mesh (`Informed`) and the API server. Source: design record 0021.
"""

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Final

from pidalio.api.kinds import BY_NAME, ISTIO_GROUP, OWN_GROUP
from pidalio.errors import PlatformUnavailable
from pidalio.model import ObjectRef, Report, Severity
from pidalio.platforms.adapter import Feed
from pidalio.platforms.informing import ObjectStatus
from pidalio.platforms.kubernetes.connecting import Connection
from pidalio.platforms.kubernetes.informing.calls import Answer, Calls, Denied, decoded
from pidalio.platforms.kubernetes.informing.conditions import status_of
from pidalio.platforms.kubernetes.informing.ingress import INGRESS, addresses_of, ingress_status
from pidalio.platforms.kubernetes.informing.lease import Election
from pidalio.platforms.kubernetes.informing.objects import Item, Page, with_status
from pidalio.platforms.kubernetes.informing.resources import Resource, resources
from pidalio.platforms.pausing import Pause, again_and_again

_BETWEEN: Final = 0.05
"""Seconds between two writes."""
_AGAIN: Final = 600.0
"""Seconds after which all statuses are compared again: somebody may have changed them."""
_DENIED: Final = 300.0
_TRIES: Final = 3
_PAGE: Final = 500
_RELEASE: Final = 2.0
_GROUP_OF_INGRESS: Final = "networking.k8s.io"
_log = logging.getLogger(__name__)


class StatusWriter:
    """Tells a cluster what became of its objects; `addresses` are those of the gateway that serves Ingresses.

    `handed` are the versions (`metadata.generation`) of the objects that the adapter handed on last; it runs the
    writer beside its streams.
    """

    def __init__(
        self,
        election: Election,
        handed: Mapping[ObjectRef, int],
        *,
        addresses: Iterable[str] = (),
        between: float = _BETWEEN,
    ) -> None:
        self._election, self._handed = election, handed
        self._addresses = addresses_of(addresses)
        self._between = between
        self._wanted: Mapping[ObjectRef, ObjectStatus] = {}
        self._informed = asyncio.Event()
        self._term = 0
        self._again = 0.0
        self._forget()

    def versions(self) -> Mapping[ObjectRef, int] | None:
        """Return the objects to be told of (`Informed`): none unless this process leads."""
        if not self._election.is_leading():
            return None
        return {ref: version for ref, version in self._handed.items() if self._is_told(ref.kind)}

    def inform(self, statuses: Mapping[ObjectRef, ObjectStatus]) -> None:
        """Take note of what became of objects (`Informed`)."""
        self._wanted = statuses
        self._informed.set()

    async def run(self, connection: Connection, feed: Feed) -> None:
        """Take part in the election and write while leading, until cancelled; then let another lead."""
        calls = Calls(connection)

        def failed(error: PlatformUnavailable) -> None:
            if isinstance(error, Denied):
                feed.tell("status", _report("status-not-written", f"statuses cannot be written: {error}"))

        def told(why: str) -> None:
            feed.tell("lease", *([_report("no-leader", f"no status is written: {why}")] if why else []))

        pause, now = Pause(), asyncio.get_running_loop().time
        try:
            while True:
                begun = now()
                try:
                    await _together(
                        self._election.run(calls, told), again_and_again(lambda: self._turn(calls, feed), failed)
                    )
                except Exception as error:  # noqa: BLE001 - a mistake of ours must not end what is read
                    _log.exception("statuses are not written for a moment")
                    mistake = Denied(f"a mistake of ours, it is tried again: {error!r}")
                    failed(mistake)
                    self._informed.set()
                    await asyncio.sleep(pause.after(now() - begun, mistake))
        finally:
            with contextlib.suppress(PlatformUnavailable, TimeoutError):  # else it ends by itself
                async with asyncio.timeout(_RELEASE):
                    await self._election.release(calls)

    def _is_told(self, kind: str) -> bool:
        return BY_NAME[kind].group in (ISTIO_GROUP, OWN_GROUP) or (kind == INGRESS and bool(self._addresses))

    def _forget(self) -> None:
        """Know nothing of what is written at the server."""
        self._written: dict[ObjectRef, Any] = {}
        self._found: dict[str, Resource] = {}
        self._compared: set[str] = set()
        self._denied: dict[str, float] = {}

    async def _turn(self, calls: Calls, feed: Feed) -> None:
        """Wait for news, or for the time to compare all again, and write what differs."""
        now = asyncio.get_running_loop().time
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._again):
                await self._informed.wait()
        self._informed.clear()
        if now() >= self._again or self._term != self._election.terms:
            self._term, self._again = self._election.terms, now() + _AGAIN
            self._forget()
        if not self._election.is_leading():
            return
        try:
            await self._write(calls, feed)
        except PlatformUnavailable:
            self._informed.set()
            raise
        feed.tell("status")

    async def _write(self, calls: Calls, feed: Feed) -> None:
        """Write what differs; raise `Denied` when the server failed at some of it, after all the others."""
        failed: Denied | None = None
        for number, (ref, known) in enumerate(self._wanted.items()):
            if number % 100 == 0:
                await asyncio.sleep(0)
            meaning = self._meaning(ref, known)
            if self._written.get(ref) == meaning or self._is_denied(ref.kind):
                continue
            await self._compare(calls, ref.kind)
            if self._written.get(ref) == meaning or not self._election.is_leading():
                continue
            try:
                if await self._one(calls, feed, ref, known):
                    self._written[ref] = meaning
            except Denied as error:
                failed = error
            await asyncio.sleep(self._between)
        if failed is not None:
            raise failed

    def _meaning(self, ref: ObjectRef, known: ObjectStatus) -> dict[str, Any]:
        return self._status(ref, known, {}, "")

    def _status(self, ref: ObjectRef, known: ObjectStatus, former: Mapping[str, Any], now: str) -> dict[str, Any]:
        if ref.kind == INGRESS:
            return ingress_status(known, former, self._addresses)
        return status_of(known, former, now)

    async def _compare(self, calls: Calls, kind: str) -> None:
        """Find out, once in a term, what is written already at all objects of a kind."""
        if kind in self._compared:
            return
        if kind not in self._found:
            for group in (ISTIO_GROUP, OWN_GROUP, _GROUP_OF_INGRESS):
                self._found |= await resources(calls, group)
        self._compared.add(kind)
        resource = self._found.get(kind)
        params = {"limit": str(_PAGE)}
        while resource is not None:
            answer = await calls.get(resource.all, params)
            if not answer.is_done:
                return  # not all namespaces may be read: single objects say themselves what is denied
            page = decoded(answer, Page)
            for item in page.items or ():
                self._note(kind, item)
            if not page.metadata.next:
                return
            params = {"limit": str(_PAGE), "continue": page.metadata.next}

    def _note(self, kind: str, item: Item) -> None:
        ref = ObjectRef(kind, item.metadata.namespace, item.metadata.name)
        known, former = self._wanted.get(ref), item.status or {}
        if known and known.version == item.metadata.generation and self._status(ref, known, former, "") == former:
            self._written[ref] = self._meaning(ref, known)

    async def _one(self, calls: Calls, feed: Feed, ref: ObjectRef, known: ObjectStatus) -> bool:
        """Write one status; tell whether that is settled, so that only another content is a reason to try again."""
        resource = self._found.get(ref.kind)
        if resource is None or not resource.has_status:
            return True
        path = resource.path(ref)
        for _ in range(_TRIES):
            answer = await calls.get(path)
            if not answer.is_done:
                return self._refused(feed, ref, answer, f"get {resource.plural}")
            item = decoded(answer, Item)
            former = item.status or {}
            if item.metadata.generation != known.version or not self._election.is_leading():
                return False  # a newer version: it is told of as soon as the mesh has it
            made = self._status(ref, known, former, _now())
            if made == former:
                return True
            answer = await calls.put(f"{path}/status", with_status(resource, ref, item, made))
            if answer.is_done:
                feed.tell(f"status {ref.kind}")
                return True
            if answer.code != 409:
                return self._refused(feed, ref, answer, f"update {resource.plural}/status")
        raise Denied(f"{ref}: others change it all the time")

    def _refused(self, feed: Feed, ref: ObjectRef, answer: Answer, act: str) -> bool:
        """Say what the server does not let us do, or does not take; one that is gone needs no status.

        Raise `Denied` where the server itself fails.
        """
        if answer.code in {404, 410}:
            return True
        if answer.code == 500:
            raise Denied(f"{ref}: {answer.why}")
        if answer.code == 403:
            self._denied[ref.kind] = asyncio.get_running_loop().time() + _DENIED
            why = f"the status of {ref.kind} objects is not written: no permission to {act}: {answer.why}"
        else:
            why = f"the status of {ref} is not written: {answer.why}"
        feed.tell(f"status {ref.kind}", _report("status-not-written", why))
        return answer.code != 403

    def _is_denied(self, kind: str) -> bool:
        return asyncio.get_running_loop().time() < self._denied.get(kind, 0.0)


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """Do all until one fails; raise as it does."""
    tasks = [asyncio.create_task(one, name="statuses") for one in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _report(code: str, message: str) -> Report:
    return Report(Severity.WARNING, code, message)


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
