"""Marathon, read: everything every now and then, and what its events name as soon as they name it.

Invariants: a whole answer that is broken removes nothing; an app that is broken stays as it is known; the definition
of an older version that still has tasks is asked for once. Source: Marathon, REST API v2; "Event Bus".
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.mesos import apps, invalidation, pods, words
from pidalio.platforms.mesos.book import Book
from pidalio.platforms.mesos.instances import Instance, Spec
from pidalio.platforms.mesos.invalidation import EVERYTHING
from pidalio.platforms.mesos.master import Told, listed
from pidalio.platforms.mesos.records import Skipped
from pidalio.platforms.mesos.server_sent import Events, ServerSent
from pidalio.platforms.mesos.talking import Missing, Talking

_T = TypeVar("_T")
_BIGGEST: Final = 16 << 20
"""Bytes of one event."""
_MANY: Final = 20
"""Apps to read one by one; of more, everything is read."""
_TOGETHER: Final = 50
_APPS: Final = "/v2/apps?embed=apps.tasks&embed=apps.readiness"
_APP: Final = "?embed=app.tasks&embed=app.readiness"


class _Info(msgspec.Struct):
    name: str = ""
    marathon_config: dict[str, object] = {}


class Marathon:
    """Reads one Marathon into `book`."""

    def __init__(self, book: Book, talking: Talking, told: Told) -> None:
        self._book, self._talking, self._told = book, talking, told
        self._url = book.settings.marathon.rstrip("/")
        self._versions: dict[tuple[str, str], Spec] = {}
        self._groups: dict[str, str] = {}
        self._pods: set[str] = set()
        self._broken: dict[str, str] = {}
        self._stale: set[str] = {EVERYTHING}
        self._wake = asyncio.Event()
        self._reading = asyncio.Lock()

    def make_stale(self, ids: Iterable[str]) -> None:
        """Note what is to be read again."""
        self._stale.update(ids)
        if self._stale:
            self._wake.set()

    async def stale(self, seconds: float) -> None:
        """Wait until something is to be read again; after so many `seconds` everything is."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            self._stale.add(EVERYTHING)

    async def read(self) -> bool:
        """Read what is to be read again; tell whether it was everything. Raise `PlatformUnavailable`."""
        stale, self._stale = self._stale, set()
        self._wake.clear()
        is_whole = EVERYTHING in stale or len(stale) > _MANY
        try:
            async with self._reading:
                if is_whole:
                    await self._read_all()
                else:
                    for one in sorted(stale):
                        await self._read_one(one)
        except BaseException:
            self._stale.add(EVERYTHING)
            raise
        self._told("apps", listed(self._broken))
        return is_whole

    async def read_again(self) -> None:
        """Read everything once more; raise `PlatformUnavailable`."""
        async with self._reading:
            await self._read_all()

    async def _read_all(self) -> None:
        self._book.marathon = await self._name()
        try:
            every = _decode(await self._talking.whole("GET", self._url + _APPS), apps.Apps, self._url).apps
        except Missing as error:
            why = f"{error}: no Marathon answers here: see the setting `marathon` (port 8080)"
            raise PlatformUnavailable(why, is_lasting=True) from error
        try:
            answer = await self._talking.whole("GET", f"{self._url}/v2/pods/::status")
            running = _decode(answer, list[msgspec.Raw], self._url)
        except Missing:
            running = []  # a Marathon before 1.4 has no pods
        former, self._groups, self._broken = self._groups, {}, {}
        seen: set[str] = set()
        for number, raw in enumerate((*every, *running)):
            is_pod = number >= len(every)
            seen.add(await self._take(raw, is_pod=is_pod))
            if number % _TOGETHER == _TOGETHER - 1:
                await asyncio.sleep(0)
        self._groups |= {name: group for name, group in former.items() if name in self._broken}
        gone = self._book.specs.keys() - self._groups.values()
        self._book.put_apps(dict.fromkeys(gone))
        self._pods &= seen
        self._versions = {key: one for key, one in self._versions.items() if key[0] in seen}

    async def listen(self, opened: Callable[[], None]) -> None:
        """Note what events name until they fall silent; raise `PlatformUnavailable` where there are none, or no more.

        `opened()` is called when there are some.
        """
        events = Events(_BIGGEST)
        async with self._talking.opened("GET", f"{self._url}/v2/events", accept="text/event-stream") as answer:
            opened()
            self.make_stale({EVERYTHING})  # what happened before nobody told
            while True:
                try:
                    async with asyncio.timeout(self._book.settings.reread):
                        part = await answer.content.readany()
                except TimeoutError:
                    return
                if not part:
                    raise PlatformUnavailable(f"{self._url}: Marathon ended its event stream")
                for event in events.take(part):
                    self.make_stale(self._named(event))

    def _named(self, event: ServerSent | Skipped) -> Iterable[str]:
        if isinstance(event, Skipped):
            self._told("marathon-event", f"an event of {event.size >> 20} MB is not read: everything is read again")
            return {EVERYTHING}
        try:
            return invalidation.named(event.name, event.data)
        except msgspec.MsgspecError as error:
            why = f"an event of Marathon is not understood: everything is read again: {words.first(error)}"
            self._told("marathon-event", why)
            return {EVERYTHING}

    async def _name(self) -> str:
        """Return the name that Marathon bears as a framework."""
        try:
            info = _decode(await self._talking.whole("GET", f"{self._url}/v2/info"), _Info, self._url)
        except Missing:
            return "marathon"
        stated = info.marathon_config.get("framework_name")
        return stated if isinstance(stated, str) and stated else info.name or "marathon"

    async def _read_one(self, name: str) -> None:
        """Read one app, or one pod."""
        path = quote(name.strip("/"))
        self._broken.pop(name, None)
        try:
            if name in self._pods:
                raw = _decode(
                    await self._talking.whole("GET", f"{self._url}/v2/pods/{path}::status"), msgspec.Raw, self._url
                )
            else:
                answer = await self._talking.whole("GET", f"{self._url}/v2/apps/{path}{_APP}")
                raw = _decode(answer, apps.OneApp, self._url).app
        except Missing:
            group = self._groups.pop(name, None)
            if group is None:
                self.make_stale({EVERYTHING})  # nobody knows what it is: a new pod, or gone already
            else:
                self._book.put_apps({group: None})
            return
        await self._take(raw, is_pod=name in self._pods)

    async def _take(self, raw: msgspec.Raw, *, is_pod: bool) -> str:
        """Take over one app or pod, and return its id; one that is broken stays as it is known."""
        name = _id(raw)
        try:
            spec, instances = self._pod(raw) if is_pod else await self._app(raw)
        except msgspec.MsgspecError as error:
            self._broken[name or "an app without id"] = words.first(error)
            return name
        if is_pod:
            self._pods.add(name)
        self._groups[name] = spec.group
        self._book.put_apps({spec.group: (spec, instances)})
        return name

    async def _app(self, raw: msgspec.Raw) -> tuple[Spec, list[Instance]]:
        app = msgspec.json.decode(raw, type=apps.App)
        spec = apps.spec_of(app, self._book.marathon)
        found = []
        for number, part in enumerate(app.tasks or ()):
            try:
                task = msgspec.json.decode(part, type=apps.AppTask)
            except msgspec.MsgspecError as error:
                self._broken[f"{app.id} task {_id(part) or number}"] = words.first(error)
                if known := self._book.listed.get(_id(part)):
                    found.append(known)
                continue
            own = spec if task.version in ("", app.config_version) else await self._version(app, task.version, spec)
            if one := apps.instance_of(app, task, own):
                found.append(one)
            if number % _TOGETHER == _TOGETHER - 1:
                await asyncio.sleep(0)
        return spec, found

    def _pod(self, raw: msgspec.Raw) -> tuple[Spec, list[Instance]]:
        pod = msgspec.json.decode(raw, type=pods.Pod)
        specs = pods.specs_of(pod, self._book.marathon)
        found: list[Instance] = []
        for number, part in enumerate(pod.instances or ()):
            try:
                found += pods.instances_of(msgspec.json.decode(part, type=pods.PodInstance), specs)
            except msgspec.MsgspecError as error:
                name = _id(part)
                self._broken[f"{pod.id} instance {name or number}"] = words.first(error)
                found += [one for key, one in self._book.listed.items() if name and key.startswith(f"{name}.")]
        return specs[""], found

    async def _version(self, app: apps.App, version: str, current: Spec) -> Spec:
        """Return what an older version of an app looked like; `current` where Marathon has forgotten it."""
        key = (app.id, version)
        if key not in self._versions:
            path = f"{self._url}/v2/apps/{quote(app.id.strip('/'))}/versions/{quote(version)}"
            try:
                former = _decode(await self._talking.whole("GET", path), apps.App, self._url)
            except Missing:
                return current
            self._versions[key] = apps.spec_of(former, self._book.marathon)
        return self._versions[key]


class _Named(msgspec.Struct):
    id: str


def _id(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=_Named).id
    except msgspec.MsgspecError:
        return ""


def _decode(answer: bytes, type_: type[_T], url: str) -> _T:
    try:
        return msgspec.json.decode(answer, type=type_)
    except msgspec.MsgspecError as error:
        why = f"its answer is not Marathon's: {words.first(error)}: see the setting `marathon`"
        raise PlatformUnavailable(f"{url}: {why}") from error
