"""The main job on loopback: services and rules in, real Envoys steering real traffic out.

A control plane, a gateway and the shop run in this process' mesh, nine instances with an Envoy beside each; a load
generator in a process of its own drives requests through the gateway. Each step edits a file, as a user would, waits
until every proxy has acknowledged it, and compares measured with expected shares.
It exits with 1 when a share is left or a request failed that should not have. No process outlives it.
"""

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from access import AccessLog, driven, lost_on
from driver import STEADY, Driver
from shares import Measured, Share
from show import Rows, Screen
from steps import STEPS, Load, Step
from watch import Watch

from pidalio.errors import PidalioError
from pidalio.http.discovery import run_directory
from pidalio.up import Mesh, MeshOptions
from pidalio.xds import State

HERE = Path(__file__).resolve().parent
LIVE_WITHIN_SECONDS = 20
VICTIM = "reviews-v1-1"


class Demo:
    """The walk through all steps."""

    def __init__(self, folder: Path, port: int, requests: int, screen: Screen) -> None:
        self._folder, self._port, self._requests, self._screen = folder, port, requests, screen
        self._watch = Watch()
        self._problems: list[str] = []
        self._made = 0

    async def run(self) -> list[str]:
        """Walk; return what was not as it should be."""
        begun = time.monotonic()
        prepare(self._folder, self._port)
        options = MeshOptions((str(self._folder / "mesh"),), self._folder)
        async with Mesh(options, self._screen.say, events=(self._watch,)) as mesh:
            async with asyncio.timeout(LIVE_WITHIN_SECONDS):
                await mesh.ready()
            workloads, gateway = len(mesh.fleet.members), mesh.gateway_addresses()[0]
            self._screen.say(
                f"{workloads} instances and a gateway, each with its Envoy, ready in {time.monotonic() - begun:.1f} s; "
                f"the gateway listens on {gateway.url}"
            )
            self._mesh, self._driver = mesh, await Driver.start(gateway.port)
            front = next(each.proxy for each in mesh.fleet.members if each.proxy.name.startswith("front"))
            self._log = AccessLog(mesh.folder.access_log(front))
            try:
                await self._walk()
            finally:
                self._screen.close()
                await self._driver.stop()
        self._screen.say("")
        self._screen.say(f"{self._made:,} requests in {time.monotonic() - begun:.1f} s")
        return self._problems

    async def _walk(self) -> None:
        self._driver.order({"steady": {"path": STEADY, "every": 0.02}})
        allowed: set[int] = set()
        for number, step in enumerate(STEPS, start=1):
            if step.file:
                await self._rule(number, step)
                rule_allows = {step.may_fail} if step.may_fail else set()
                await self._steady(allowed | rule_allows)
                allowed = rule_allows
            else:
                await self._instances(number, step)

    # A step that changes a rule

    async def _rule(self, number: int, step: Step) -> None:
        text = (HERE / "steps" / step.file).read_text()
        self._screen.step(number, step.title, rule_of(text))
        await self._edit("routes.yaml", lambda _: text)
        for load in step.loads:
            await self._measure(load)

    async def _edit(self, name: str, change: Callable[[str], str]) -> None:
        """Save a file of the mesh, wait until every proxy runs what it says, and print what that took."""
        saved = await self._save(name, change)
        await self._live(f"live {{:.0f}} ms after {name} was saved", saved)

    async def _save(self, name: str, change: Callable[[str], str]) -> float:
        """Save a file as an editor does; return the time, once the control plane has taken it over."""
        path, control = self._folder / "mesh" / name, self._mesh.control
        before, saved = control.revision, time.monotonic()
        self._watch.begin()
        new = path.with_suffix(".new")
        new.write_text(change(path.read_text() if path.exists() else ""))
        new.replace(path)
        await until(lambda: control.revision != before)
        return saved

    async def _live(self, words: str, since: float) -> None:
        """Wait until every proxy runs what was changed, and print what that took."""
        verdicts = await self._mesh.control.live(self._mesh.control.world.generation, LIVE_WITHIN_SECONDS)
        for verdict in verdicts:
            if verdict.state is not State.LIVE:
                self._problem(f"{verdict.proxy} is {verdict.state.value}: {verdict.reason}")
        seconds = max(self._watch.last_ack, since) - since
        self._screen.lines([self._watch.summary(), words.format(1000 * seconds)])

    async def _measure(self, load: Load) -> None:
        def rows(answer: dict[str, Any], delayed: int | None = None) -> Rows:
            outcomes: Counter[str] = Counter(answer["outcomes"])
            slow = answer["slow"] if delayed is None else delayed
            return [
                (load.name, Measured(share, hits(key, outcomes, slow), outcomes.total()))
                for key, share in load.shares.items()
            ]

        self._log.skip()
        answer = await self._driver.drive(load, self._requests, lambda told: self._screen.measuring(rows(told)))
        delayed = await self._delayed(answer) if "slow" in load.shares else None
        final = rows(answer, delayed)
        self._screen.measured(final)
        self._count(answer["outcomes"], {503} if "503" in load.shares else set())
        for name, one in final:
            if not one.is_kept:
                self._problem(f"{name}: {one.share.name} was {one.hits} of {one.count}, outside {one.bounds}")

    async def _delayed(self, answer: dict[str, Any]) -> int:
        """Return how many requests Envoy delayed; callers must have waited for at least as many."""
        made = sum(answer["outcomes"].values())
        entries = await self._log.entries(lambda found: len(driven(found)) >= made)
        delayed = sum("DI" in entry.get("response_flags", "").split(",") for entry in driven(entries))
        if answer["slow"] < delayed:
            self._problem(f"Envoy says it delayed {delayed} requests, but only {answer['slow']} were slow")
        return delayed

    # The step that kills and adds instances

    async def _instances(self, number: int, step: Step) -> None:
        self._screen.step(number, step.title, "")
        await self._edit("routes.yaml", lambda _: (HERE / "steps" / "1-all-to-v1.yaml").read_text())
        await self._steady(set())
        load = Load("/reviews", {"v1": Share("v1", 1.0)})
        member = next(each for each in self._mesh.fleet.members if each.proxy.name == VICTIM)
        self._log.skip()
        driving = asyncio.create_task(self._driver.drive(load, self._requests))
        await asyncio.sleep(0.3)
        self._watch.begin()
        killed = time.monotonic()
        os.killpg(pid_of(member), signal.SIGKILL)
        await until(lambda: not member.sidecar.registered.is_set())
        await self._live(f"{VICTIM} killed under load; out of every pool {{:.0f}} ms after", killed)
        saved = await self._save("reviews.yaml", lambda text: text.replace("replicas: 3", "replicas: 4", 1))
        await until(lambda: self._replicas() == 4)
        async with asyncio.timeout(LIVE_WITHIN_SECONDS):
            await self._mesh.ready()
        await self._live("a fourth instance and the restarted one in every pool {:.0f} ms after replicas: 4", saved)
        await self._account_for(member.proxy.address, await driving)
        await self._pool()

    def _replicas(self) -> int:
        return sum(each.proxy.name.startswith("reviews-v1-") for each in self._mesh.fleet.members)

    async def _account_for(self, address: str, answer: dict[str, Any]) -> None:
        """Show what failed on the killed process; nothing else may have failed."""
        steady = await self._driver.ask("tell", {})
        outcomes = Counter(answer["outcomes"]) + Counter(steady["outcomes"])
        self._made += outcomes.total()
        failed = sum(count for key, count in outcomes.items() if not key.startswith("200 "))
        entries = await self._log.entries(lambda found: len(lost_on(address, found)) >= failed)
        lost = len(lost_on(address, entries))
        self._screen.lines([f"{lost} requests were in flight on {VICTIM} when it was killed, and failed"])
        if failed > lost:
            self._problem(f"{failed} requests failed, but only {lost} were in flight on the killed instance")

    async def _pool(self) -> None:
        """Compare the shares of the four instances of version 1, the new one included."""
        answer = await self._driver.drive(Load("/reviews", {}), self._requests)
        outcomes: Counter[str] = Counter(answer["outcomes"])
        self._count(outcomes, set())
        by_instance = {key.split()[2]: count for key, count in outcomes.items() if key.startswith("200 v1 ")}
        named = {
            f"{each.proxy.app_address}:{each.proxy.app_ports[0][1]}": each.proxy.name
            for each in self._mesh.fleet.members
        }
        rows: Rows = []
        for instance, name in sorted(named.items(), key=lambda pair: pair[1]):
            if name.startswith("reviews-v1-"):
                measured = Measured(Share(name, 0.25), by_instance.get(instance, 0), outcomes.total())
                rows.append(("GET /reviews", measured))
                if not measured.is_kept:
                    self._problem(f"{name} got {measured.hits} of {measured.count}, outside {measured.bounds}")
        self._screen.measured(rows)
        await self._steady(set())

    # What failed that should not have

    async def _steady(self, allowed: set[int]) -> None:
        """Look at the requests that were made all the time, during the change as well."""
        self._count((await self._driver.ask("tell", {}))["outcomes"], allowed)

    def _count(self, outcomes: dict[str, int], allowed: set[int]) -> None:
        self._made += sum(outcomes.values())
        for key, count in outcomes.items():
            status = int(key.split()[0])
            if status != 200 and status not in allowed:
                self._problem(f"{count} requests failed: {key}")

    def _problem(self, text: str) -> None:
        self._problems.append(text)
        self._screen.say(f"   PROBLEM: {text}")


def hits(key: str, outcomes: Counter[str], slow: int) -> int:
    """Return how many outcomes count for a share: a version, a status, or slowness."""
    if key == "slow":
        return slow
    if key.isdigit():
        return sum(count for outcome, count in outcomes.items() if outcome.startswith(f"{key} "))
    return sum(count for outcome, count in outcomes.items() if outcome.startswith(f"200 {key} "))


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something that tells no event is so."""
    async with asyncio.timeout(LIVE_WITHIN_SECONDS):
        while not is_so():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.002)


def pid_of(member: Any) -> int:
    """Return the process of an instance's application."""
    pid: int = member.sidecar._app._process.pid  # noqa: SLF001 - nobody but this demo kills an application
    return pid


def rule_of(text: str) -> str:
    """Return the part of a rule's YAML that decides."""
    return "\n".join(f"   {line}" for line in text[text.index("  http:") :].rstrip().splitlines())


def prepare(folder: Path, port: int) -> None:
    """Copy the shop, with the gateway's port; the first rule comes with the first step."""
    shutil.copy(HERE / "app.py", folder)
    shutil.copytree(HERE / "mesh", folder / "mesh")
    (folder / "mesh" / "routes.yaml").unlink()
    gateway = folder / "mesh" / "gateway.yaml"
    gateway.write_text(re.sub(r"number: \d+", f"number: {port}", gateway.read_text(), count=1))


def free_port(wanted: int) -> int:
    """Return the wanted port, or any other where that one is taken (0 wants any)."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found: int = probe.getsockname()[1]
            return found
    raise AssertionError("no port is free")


async def walk(folder: Path, port: int, requests: int, screen: Screen) -> list[str]:
    """Run the demo until it ends or somebody asks it to."""
    demo = asyncio.create_task(Demo(folder, port, requests, screen).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, demo.cancel)
    return await demo


def main() -> int:
    """Run the demo; return 0 when everything was as expected."""
    options = argparse.ArgumentParser(description="Run the example shop and measure what its rules do.")
    options.add_argument("--port", type=int, default=8080, help="port of the gateway; another one if it is taken")
    options.add_argument("--requests", type=int, default=2000, help="requests for each share")
    given = options.parse_args()
    screen = Screen()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    folder = Path(tempfile.mkdtemp(prefix="pidalio-demo-"))
    problems = ["the demo did not come to its end"]
    try:
        problems = asyncio.run(walk(folder, free_port(given.port), given.requests, screen))
    except PidalioError as error:
        screen.say(f"demo: {error}")
    except (asyncio.CancelledError, KeyboardInterrupt):
        screen.say("demo: ended before its end")
    finally:
        shutil.rmtree(run_directory(folder), ignore_errors=True)
        if problems:
            screen.say(f"what was logged is in {folder}/.pidalio/logs")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    verdict = "every share as expected, no request lost" if not problems else f"{len(problems)} problems"
    screen.say(f"verdict: {verdict}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
