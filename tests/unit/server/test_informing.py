"""Platforms are told what became of their objects: of each version once, after it is live, and only if they want."""

import asyncio
import contextlib

import pytest

from pidalio.api.load import load
from pidalio.history import SqliteHistory
from pidalio.http.surveying import Surveyor
from pidalio.model import ObjectRef, Report
from pidalio.platforms.informing import Informed
from pidalio.server.control_plane import ControlPlane
from pidalio.server.informing import Informing

REF = ObjectRef("VirtualService", "default", "web")
HOST = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web}
spec:
  hosts: [web.test]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.1}]
"""


def rule(host: str, field: str = "route") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web}}
spec:
  hosts: [{host}]
  http: [{{{field}: [{{destination: {{host: web.test}}}}]}}]
"""


class Platform:
    """One that wants to know, while `wanted` says so."""

    def __init__(self) -> None:
        self.wanted: dict[ObjectRef, int] | None = None
        self.told: list[dict] = []
        self.heard = asyncio.Event()
        self.reports: dict[tuple[str, str], tuple[Report, ...]] = {}
        self.spoke = asyncio.Event()

    def tell(self, name: str, topic: str, *reports: Report) -> None:
        if self.reports.get((name, topic), ()) != reports:
            self.spoke.set()
        self.reports[name, topic] = reports

    def versions(self):
        return self.wanted

    def inform(self, statuses) -> None:
        self.told.append(dict(statuses))
        self.heard.set()

    async def hears(self):
        await asyncio.wait_for(self.heard.wait(), 30)
        self.heard.clear()
        return self.told[-1]


@pytest.fixture
async def running(tmp_path):
    async with contextlib.AsyncExitStack() as stack:
        history = await SqliteHistory.open(tmp_path / "history.db")
        stack.push_async_callback(history.close)
        control, platform = ControlPlane(history), Platform()
        told = {"kube": platform}
        await Informing(control, Surveyor(control), told, platform.tell, pause=0.01).start(stack)
        yield control, platform


async def takes(control, **units: str) -> None:
    await control.replace_units("kube", {name: load(text, name) for name, text in units.items()}, author="kube")


def test_the_platform_is_one_that_wants_to_know():
    assert isinstance(Platform(), Informed)
    assert not isinstance(object(), Informed)


async def test_statuses_follow_what_is_live(running):
    control, platform = running
    await takes(control, host=HOST, rule=rule("web.test"))
    platform.wanted = {REF: 1}
    known = (await platform.hears())[REF]
    assert (known.version, known.compiled, known.mistakes) == (1, True, ())
    assert known.effective_on == known.proxies

    await takes(control, rule=rule("web.test", "rout"))
    platform.wanted = {REF: 2}
    while (known := (await platform.hears())[REF]).version == 1:
        pass
    assert [one.code for one in known.mistakes] == ["unknown-field"]

    twice = rule("web.test").rstrip().removesuffix("]") + ", {route: [{destination: {host: web.test}}]}]"
    await takes(control, rule=twice)
    platform.wanted = {REF: 3}
    while (known := (await platform.hears())[REF]).version == 2:
        pass
    assert known.mistakes == ()
    assert [(one.code, one.path) for one in known.ineffective] == [("ineffective", "spec.http[1]")]


async def test_nobody_is_asked_without_need(running):
    control, platform = running
    await takes(control, host=HOST, rule=rule("web.test"))
    platform.wanted = {REF: 1}
    await platform.hears()
    surveys = len(platform.told)
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert len(platform.told) == surveys  # nothing changed
    platform.wanted = None  # another leads
    await takes(control, rule=rule("nobody.test"))
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert len(platform.told) == surveys


async def test_what_another_owns_is_told_as_such(running):
    """An object that a file holds too is not ours to call effective."""
    control, platform = running
    await control.replace_units("files", {"rule": load(rule("web.test"), "rule")}, author="files")
    platform.wanted = {REF: 1, ObjectRef("VirtualService", "default", "unknown"): 1}
    assert await platform.hears() == {}
    await takes(control, rule=rule("other.test"))
    platform.wanted = {REF: 2}
    while not (known := await platform.hears()):
        pass
    assert known[REF].mistakes


async def test_a_mistake_of_ours_is_told_while_it_lasts(running, monkeypatch):
    control, platform = running
    await takes(control, host=HOST, rule=rule("web.test"))
    monkeypatch.setattr("pidalio.server.informing._status", None)
    platform.wanted = {REF: 1}
    await asyncio.wait_for(platform.spoke.wait(), 30)
    platform.spoke.clear()
    ((report,),) = platform.reports.values()
    assert report.code == "platform-not-informed"
    assert report.message.startswith(
        "kube: what became of its objects could not be told to it, and is tried again: Type"
    )
    monkeypatch.undo()
    assert (await platform.hears())[REF].compiled
    await asyncio.wait_for(platform.spoke.wait(), 30)
    assert list(platform.reports.values()) == [()]
