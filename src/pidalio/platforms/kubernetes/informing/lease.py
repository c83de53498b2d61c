"""One writer among all control planes: a `Lease` of coordination.k8s.io that one of them holds and renews.

Invariants: a lease is taken over only when it did not change for its whole duration by our own running clock, so that
clocks which differ elect nobody twice; whoever cannot renew in time stops before another may begin; every write states
the version that was read, so that of two who take it at once one gets a conflict.
Source of the rule: Kubernetes' Lease API; the same rule as client-go's `leaderelection`.
"""

import asyncio
import datetime as dt
import socket
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.kubernetes.informing.calls import Answer, Calls, Denied, decoded, raised

DURATION: Final = 15
"""Seconds for which a lease that is not renewed keeps others out."""
_PART: Final = 3
_RETRIES: Final = 15
_PATH: Final = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Lease(msgspec.Struct, frozen=True):
    metadata: _Meta
    spec: _Spec | None = None


def identity() -> str:
    """Return who this process is among all."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


class Election:
    """Who of all control planes writes: this one, or another.

    The lease is in `namespace`, else where the connection's account is at home.
    `duration` is in seconds; a lease is renewed three times in it, and given up after two thirds without success.
    `terms` counts how often this process began to lead.
    """

    def __init__(self, name: str, namespace: str = "", *, who: str = "", duration: int = DURATION) -> None:
        self._namespace, self._name = namespace, name
        self.who = who or identity()
        self._duration = duration
        self._until = 0.0
        self.terms = 0
        self._seen: tuple[str, float] = ("", 0.0)

    def is_leading(self) -> bool:
        """Tell whether this process may write now."""
        return asyncio.get_running_loop().time() < self._until

    @property
    def _folder(self) -> str:
        return _PATH.format(namespace=self._namespace)

    async def run(self, calls: Calls, told: Callable[[str], None]) -> None:
        """Take and keep the lease when it can be had, until cancelled; `told` hears why it is denied, or ""."""
        self._namespace = self._namespace or calls.namespace
        while True:
            try:
                await self._in_time(calls)
                told("")
            except PlatformUnavailable as error:
                if isinstance(error, Denied):
                    told(f"lease {self._namespace}/{self._name}: {error}")
                await asyncio.sleep(self._duration * 2 if error.is_lasting else self._duration / _RETRIES)
            else:
                await asyncio.sleep(self._duration / _PART)

    async def release(self, calls: Calls) -> None:
        """Give the lease up, so that another need not wait for its end; best effort."""
        if not self.is_leading():
            return
        self._until = 0.0
        answer = await calls.get(f"{self._folder}/{self._name}")
        if not answer.is_done:
            return
        lease = decoded(answer, _Lease)
        if lease.spec is not None and lease.spec.holder_identity == self.who:
            given = msgspec.structs.replace(lease.spec, holder_identity="", lease_duration_seconds=1, renew_time=_now())
            await calls.put(f"{self._folder}/{self._name}", self._body(given, lease.metadata.resource_version))

    async def _in_time(self, calls: Calls) -> None:
        """Take a turn, but wait for no answer that would come when we do not lead any more."""
        try:
            async with asyncio.timeout(self._duration * (_PART - 1) / _PART):
                await self._turn(calls)
        except TimeoutError as error:
            raise PlatformUnavailable("no answer in time") from error

    async def _turn(self, calls: Calls) -> None:
        """Read the lease, and take or renew it where that is ours to do."""
        now = asyncio.get_running_loop().time
        begun = now()
        answer = await calls.get(f"{self._folder}/{self._name}")
        if answer.code == 404:
            made = await calls.post(self._folder, self._body(self._taken(None)))
            if made.code == 404:
                raise Denied(f"there is no namespace {self._namespace}: create it", is_lasting=True)
            self._took(made, begun)
            return
        if not answer.is_done:
            raise raised(answer, "it cannot be read")
        lease = decoded(answer, _Lease)
        spec, version = lease.spec or _Spec(), lease.metadata.resource_version
        if version != self._seen[0]:
            self._seen = (version, now())
        if spec.holder_identity == self.who:
            wanted = msgspec.structs.replace(spec, renew_time=_now(), lease_duration_seconds=self._duration)
        elif spec.holder_identity and now() - self._seen[1] < (spec.lease_duration_seconds or self._duration):
            self._until = 0.0
            return
        else:
            wanted = self._taken(spec)
        self._took(await calls.put(f"{self._folder}/{self._name}", self._body(wanted, version)), begun)

    def _took(self, answer: Answer, begun: float) -> None:
        if answer.is_done:
            self.terms += not self.is_leading()
            self._until = begun + self._duration * (_PART - 1) / _PART
        elif answer.code != 409:
            raise raised(answer, "it cannot be written")

    def _taken(self, former: _Spec | None) -> _Spec:
        now = _now()
        transitions = 0 if former is None else (former.lease_transitions or 0) + 1
        return _Spec(self.who, self._duration, now, now, transitions)

    def _body(self, spec: _Spec, version: str = "") -> dict[str, Any]:
        meta = {"name": self._name, "namespace": self._namespace, **({"resourceVersion": version} if version else {})}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
