"""Instances that register themselves: each is part of the mesh for as long as its agent renews its lease.

Invariant: an instance is in the store exactly while its lease runs, or while nearly all agents are silent: then it is
our own network that is gone, and what was known last stays. Leases outlive this process, so that a restart of the
control plane takes no instance out of any pool: those found on disk run once more in full.
It stands between the agents and the store's `agents` rows.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from pidalio.errors import Conflict, NotFound, UsageError
from pidalio.http.mesh import Mesh
from pidalio.http.wire import Registration
from pidalio.model import Report, Word
from pidalio.store import tables
from pidalio.store.guarding import kept

SOURCE: Final = "agents"
SHORTEST: Final = 1.0
LONGEST: Final = 3600.0
"""Bounds of a lease, in seconds."""
_KIND: Final = "Agent"
_log = logging.getLogger(__name__)


class Lease(msgspec.Struct, frozen=True):
    """One registered instance; `holder` is the identity of who registered it, empty where the transport knows none."""

    registration: Registration
    holder: str = ""


def instance_id(registration: Registration) -> str:
    """Return `name.namespace`, unique in a mesh."""
    return f"{registration.workload.name}.{registration.workload.namespace}"


class Leases:
    """Every registered instance; `file` is where they are kept (None: nowhere).

    `believed(before, after)` tells whether so many instances may become so few because their agents are silent.
    """

    def __init__(
        self,
        mesh: Mesh,
        file: Path | None = None,
        *,
        shortest: float = SHORTEST,
        believed: Callable[[int, int], bool] = lambda _before, _after: True,
    ) -> None:
        self._shortest, self._believed = shortest, believed
        self._renewed: dict[str, float] = {}
        self._silent: set[str] = set()
        self._mesh = mesh
        self._file = file
        self._leases: dict[str, Lease] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}

    def restore(self) -> None:
        """Take over what an earlier process knew; what cannot be read is logged, and agents register again."""
        if self._file is None or not self._file.exists():
            return
        try:
            found = msgspec.json.decode(self._file.read_bytes(), type=dict[str, Lease])
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("%s: registered instances are not restored: %s", self._file, error)
            return
        for identity, lease in found.items():
            self._hold(identity, lease)

    def register(self, identity: str, registration: Registration, holder: str = "") -> int:
        """Add, change or renew an instance; return the generation that holds it.

        Raise `UsageError` for an id or a lease that makes no sense, `Conflict` when another identity holds it.
        """
        if identity != instance_id(registration):
            raise UsageError(f"{identity} is not the instance's name and namespace: say {instance_id(registration)}")
        if not self._shortest <= registration.lease <= LONGEST:
            raise UsageError(f"a lease is between {self._shortest:g} and {LONGEST:g} seconds")
        self._refuse_other_holder(identity, holder)
        known = self._leases.get(identity)
        self._hold(identity, Lease(registration, holder))
        if known != self._leases[identity]:
            self._keep()
        if self._silent and not self._is_silence_general():
            self._count_again()
        return self._mesh.world.generation

    def deregister(self, identity: str, holder: str = "") -> int:
        """Remove an instance; raise `NotFound` when there is none, `Conflict` when another identity holds it."""
        if identity not in self._leases:
            raise NotFound(f"no instance {identity} is registered")
        self._refuse_other_holder(identity, holder)
        self._drop(identity)
        self._keep()
        return self._mesh.world.generation

    def release(self) -> int:
        """Remove the instances whose agents are silent; raise `NotFound` when there are none."""
        if not self._silent:
            raise NotFound("no instance is kept whose agent is silent: `pidalio status` shows what is held back")
        for identity in sorted(self._silent):
            self._drop(identity)
        self._keep()
        return self._mesh.world.generation

    def close(self) -> None:
        """Stop the clocks; what is registered stays on disk for the next process."""
        for end in self._ends.values():
            end.cancel()
        self._ends.clear()

    def reports(self) -> Iterable[Report]:
        """Yield what the agents have to tell."""
        if self._silent:
            yield kept(SOURCE, f"{len(self._silent)} of {len(self._leases)} registered instances fell silent at once")
        for lease in self._leases.values():
            yield from (each.report() for each in lease.registration.reports)

    def word(self, identity: str) -> Word | None:
        """Return what its agent says of an instance's health; None where it is not registered, or told nothing."""
        known = self._leases.get(identity)
        return known.registration.word if known else None

    def __len__(self) -> int:
        return len(self._leases)

    def _refuse_other_holder(self, identity: str, holder: str) -> None:
        known = self._leases.get(identity)
        if known is not None and known.holder != holder:
            raise Conflict(f"{identity} is registered by {known.holder or 'another caller'}: wait until its lease ends")

    def _hold(self, identity: str, lease: Lease) -> None:
        registration = lease.registration
        workload = registration.workload
        self._leases[identity] = lease
        if identity in self._ends:
            self._ends[identity].cancel()
        loop = asyncio.get_running_loop()
        self._ends[identity] = loop.call_later(registration.lease, self._expire, identity)
        self._renewed[identity] = loop.time()
        self._silent.discard(identity)
        key = (workload.namespace, workload.name, _KIND)
        self._mesh.feed(SOURCE, {tables.WORKLOADS: {key: workload.row()}})

    def _drop(self, identity: str) -> None:
        workload = self._leases.pop(identity).registration.workload
        if (end := self._ends.pop(identity, None)) is not None:
            end.cancel()
        del self._renewed[identity]
        self._silent.discard(identity)
        self._mesh.feed(SOURCE, {tables.WORKLOADS: {(workload.namespace, workload.name, _KIND): None}})

    def _is_silence_general(self) -> bool:
        """Tell whether so few agents were heard lately that the fault is ours: half a lease is one call missed."""
        now = asyncio.get_running_loop().time()
        heard = sum(now - self._renewed[each] <= lease.registration.lease / 2 for each, lease in self._leases.items())
        return not self._believed(len(self._leases), heard)

    def _count_again(self) -> None:
        """Give the silent one more lease each: the others are back, and they may be about to be."""
        loop = asyncio.get_running_loop()
        for identity in sorted(self._silent):
            self._ends[identity] = loop.call_later(self._leases[identity].registration.lease, self._expire, identity)
        self._silent.clear()

    def _expire(self, identity: str) -> None:
        if self._is_silence_general():
            _log.warning("the lease of %s ended, like nearly all others: it is kept as it was", identity)
            self._silent.add(identity)
            return
        _log.info("the lease of %s ended: its agent renews it no more", identity)
        self._drop(identity)
        self._keep()

    def _keep(self) -> None:
        """Write all leases in one step; a full disk is logged, for endpoints must go on."""
        if self._file is None:
            return
        draft = self._file.with_name(self._file.name + ".new")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(self._leases))
            draft.replace(self._file)
        except OSError as error:
            _log.warning("%s: registered instances are not kept: %s", self._file, error)
