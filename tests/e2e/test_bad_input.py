"""Every kind of bad input, as a user makes it: one clear line, exit status 1, and traffic that never notices.

A mistake in what is written is made three ways: by `apply`, by `validate`, and by saving a file of the running mesh,
where the last good version stays live and the report stands until it is mended. A mistake in how a part is started is
made by starting it. One mesh runs for all of them, asked without a pause.
"""

import contextlib
import dataclasses
import http.client
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.e2e.commands import COMMAND, PATIENCE, processes_in
from tests.e2e.embedded import Folder, gateway, service, workload
from tests.ports import free_port

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

RULE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: NAME
spec:
  hosts: [NAME.example]
  gateways: [way-in]
  http:
    - route:
        - destination:
            host: front
          weight: 1
"""
STEADY, EDITED, APPLIED = "steady", "edited", "applied"


# What is asked meanwhile


class Asking:
    """Asks the gateway without a pause, for the hosts of two rules in turn, and counts what came of it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.counts: dict[str, Counter[str]] = {STEADY: Counter(), EDITED: Counter()}
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, args=(name,), daemon=True) for name in self.counts]
        for thread in self._threads:
            thread.start()

    def ask(self, connection: http.client.HTTPConnection, name: str) -> str:
        connection.request("GET", "/", headers={"host": f"{name}.example"})
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)

    def once(self, name: str) -> str:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)) as connection:
            return self.ask(connection, name)

    def more(self, count: int = 15) -> None:
        wanted = {name: counter.total() + count for name, counter in self.counts.items()}
        until(lambda: all(self.counts[name].total() >= total for name, total in wanted.items()), "answers")

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask_on(self, name: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while not self._ended.wait(0.005):
            try:
                self.counts[name][self.ask(connection, name)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.counts[name][repr(error)] += 1
                connection.close()
        connection.close()


def until(claim: Callable[[], object], what: str) -> None:
    """Wait until `claim` holds: for what tells no event."""
    end = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.02)


# The mesh that runs


@dataclasses.dataclass
class Done:
    """What came of a command."""

    status: int
    out: str
    err: str


def pidalio(*arguments: str | Path, folder: Path) -> Done:
    """Run a command to its end."""
    command = [*COMMAND, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


class Running:
    """`pidalio up` in a folder, with one instance behind its gateway, and those who ask it."""

    def __init__(self, folder: Folder) -> None:
        self.folder, self.port = folder, free_port()
        folder.write("gateway.yaml", *gateway(self.port, "front"))
        folder.write("front.yaml", service("front"), workload("front"))
        self.save(RULE)
        (folder.path / "steady.yaml").write_text(RULE.replace("NAME", STEADY))
        self.process = subprocess.Popen(
            [*COMMAND, "up"], cwd=folder.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        until(lambda: any(line.startswith("ready: ") for line in self.lines) or self.process.poll(), "a mesh")
        assert self.process.poll() is None, self.lines
        self.asking = Asking(self.port)

    @property
    def file(self) -> Path:
        """Return the file that users edit."""
        return self.folder.path / "edited.yaml"

    def save(self, text: str | bytes) -> None:
        content = text.encode() if isinstance(text, str) else text
        draft = self.file.with_suffix(".new")
        draft.write_bytes(content.replace(b"NAME", EDITED.encode()))
        draft.replace(self.file)

    def status(self) -> dict:
        done = pidalio("status", "-o", "json", folder=self.folder.path)
        assert (done.status, done.err) == (0, ""), done
        return json.loads(done.out)

    def what_runs(self) -> object:
        """Return everything that differs when anything was changed, or sent to any proxy.

        Not the generation: to judge a change that is then refused counts as two.
        """
        found = self.status()
        sent = {proxy["id"]: (proxy["responses"], proxy["bytes"], proxy["types"]) for proxy in found["proxies"]}
        return found["revision"], sent

    def reports(self) -> list[str]:
        return [report["line"] for report in self.status()["reports"]]

    def stop(self) -> None:
        self.asking.end()
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self._reading.join(PATIENCE)
        self.process.stdout.close()
        assert status == 0
        assert not any("Traceback" in line for line in self.lines), self.lines
        if sys.platform == "linux":
            assert processes_in(self.folder.path) == {}

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())


@pytest.fixture(scope="module")
def mesh(tmp_path_factory) -> Iterator[Running]:
    running = Running(Folder(tmp_path_factory.mktemp("mesh")))
    yield running
    running.stop()


# Mistakes in what is written


@dataclasses.dataclass(frozen=True)
class Text:
    """A mistake in a text: `code` of its report, `at` words of the line it is on, `says` what to do.

    `live`: it is no mistake in the object itself, so that a file with it goes live and answers 503.
    """

    content: str | bytes
    code: str
    at: str = ""
    says: str = ""
    live: bool = False

    def happens(self, mesh: Running, elsewhere: Path) -> None:
        runs = mesh.what_runs()
        self.is_refused(mesh, elsewhere)
        assert mesh.what_runs() == runs
        self.is_reported_of_a_file(mesh, runs)
        if self.live:
            self.is_applied_by_force(mesh, elsewhere)

    def line(self, file: Path | str) -> str:
        """Return the pattern of the one line."""
        text = self.content if isinstance(self.content, str) else ""
        lines = text.splitlines()
        number = next(number for number, line in enumerate(lines, 1) if self.at in line) if self.at else 1
        return rf"{re.escape(str(file))}:{number}: {self.code}: .*{self.says}.*"

    def write(self, folder: Path, name: str) -> Path:
        path = folder / "mistaken.yaml"
        content = self.content.encode() if isinstance(self.content, str) else self.content
        path.write_bytes(content.replace(b"NAME", name.encode()))
        return path

    def is_refused(self, mesh: Running, elsewhere: Path) -> None:
        path = self.write(elsewhere, APPLIED)
        applied = pidalio("apply", "-f", path, folder=mesh.folder.path)
        assert (applied.status, applied.out) == (1, ""), applied
        assert re.fullmatch(self.line(path), one_line(applied.err)), applied.err

        others = [option for name in ("gateway.yaml", "front.yaml") for option in ("-f", mesh.folder.path / name)]
        validated = pidalio("validate", *others, "-f", path, folder=elsewhere)
        assert (validated.status, validated.err) == (1, ""), validated
        shown = os.path.relpath(path, elsewhere) if str(path) not in validated.out else path
        told, summary = validated.out.splitlines()
        assert re.fullmatch(f"error: {self.line(shown)}", told), validated.out
        assert "1 errors, 0 warnings" in summary

    def is_reported_of_a_file(self, mesh: Running, runs: object) -> None:
        before, seen = mesh.asking.counts[EDITED].copy(), len(mesh.lines)
        mesh.save(self.content)
        until(lambda: any(re.fullmatch(self.line("edited.yaml"), line) for line in mesh.lines[seen:]), self.code)
        assert len(mesh.reports()) == 1
        assert re.fullmatch(self.line("edited.yaml"), mesh.reports()[0])
        mesh.asking.more()
        if self.live:
            assert mesh.asking.once(EDITED) == "503"
        else:
            assert mesh.what_runs() == runs
            assert mesh.asking.counts[EDITED] - before == Counter(
                {"200": (mesh.asking.counts[EDITED] - before).total()}
            )

        seen = len(mesh.lines)
        mesh.save(RULE)
        until(lambda: any(line.startswith("mended: edited.yaml:") for line in mesh.lines[seen:]), "mended")
        assert mesh.reports() == []
        until(lambda: mesh.asking.once(EDITED) == "200", "the rule again")

    def is_applied_by_force(self, mesh: Running, elsewhere: Path) -> None:
        forced = pidalio("apply", "--force", "-f", self.write(elsewhere, APPLIED), folder=mesh.folder.path)
        assert forced.status == 0, forced
        assert re.fullmatch(f"error: {self.line(elsewhere / 'mistaken.yaml')}", one_line(forced.err))
        assert mesh.asking.once(APPLIED) == "503"
        assert pidalio("delete", "VirtualService", APPLIED, folder=mesh.folder.path).status == 0
        assert mesh.reports() == []


@dataclasses.dataclass(frozen=True)
class Twice:
    """One object in two places: another file, another call, twice in one call."""

    def happens(self, mesh: Running, elsewhere: Path) -> None:
        runs = mesh.what_runs()
        other = RULE.replace("NAME", EDITED).replace("host: front", "host: other")
        path = elsewhere / "mistaken.yaml"
        path.write_text(other)
        applied = pidalio("apply", "-f", path, folder=mesh.folder.path)
        assert (applied.status, applied.out) == (1, "")
        owned = r": owned-elsewhere: VirtualService default/edited: owned by edited\.yaml:1; change it there"
        assert re.fullmatch(re.escape(str(path)) + ":1" + owned, one_line(applied.err))

        path.write_text("---\n".join([RULE.replace("NAME", APPLIED)] * 2))
        applied = pidalio("apply", "-f", path, folder=mesh.folder.path)
        assert (applied.status, applied.out) == (1, "")
        assert f"{path}:14: declared-twice: " in one_line(applied.err)

        second = mesh.folder.path / "second.yaml"
        second.write_text(other)
        until(lambda: len(mesh.reports()) == 2, "both places")
        places = [line.partition(": declared-twice: ")[0] for line in mesh.reports()]
        assert places == ["edited.yaml:1", "second.yaml:1"]
        assert mesh.what_runs() == runs

        second.unlink()
        until(lambda: mesh.reports() == [], "mended")
        assert mesh.what_runs() == runs


# Mistakes in how a part is started


@dataclasses.dataclass(frozen=True)
class Start:
    """A part that cannot start: `arguments` for a mesh, `says` the one line."""

    arguments: Callable[[Running], Sequence[str]]
    says: str
    in_its_folder: bool = False

    def happens(self, mesh: Running, elsewhere: Path) -> None:
        runs = mesh.what_runs()
        folder = mesh.folder.path if self.in_its_folder else elsewhere
        if not self.in_its_folder:
            other = Folder(elsewhere)
            other.write("gateway.yaml", *gateway(mesh.port, "front"))
            other.write("front.yaml", service("front"), workload("front"))
            fake = elsewhere / "other-envoy"
            fake.write_text("#!/bin/sh\necho 'envoy  version: abc/1.31.2/Clean/RELEASE/BoringSSL'\n")
            fake.chmod(0o755)
        done = pidalio(*self.arguments(mesh), folder=folder)
        assert (done.status, done.out) == (1, ""), done
        assert re.fullmatch(self.says.replace("PORT", str(mesh.port)), one_line(done.err)), done.err
        if not self.in_its_folder:
            assert sys.platform != "linux" or processes_in(elsewhere) == {}
            assert not (elsewhere / ".pidalio" / "server.json").exists()
        assert mesh.what_runs() == runs


def on_the_same_port(option: str) -> Callable[[Running], Sequence[str]]:
    return lambda mesh: ("serve", "front.yaml", option, f"127.0.0.1:{mesh.port}")


@dataclasses.dataclass(frozen=True)
class FullDisk:
    """A disk that takes nothing more: no change is acknowledged, instances come and go, and it goes on when it does.

    Nothing that the control plane's process writes is taken: the kernel refuses it, as a full disk would.
    """

    def happens(self, mesh: Running, elsewhere: Path) -> None:
        path = elsewhere / "mistaken.yaml"
        path.write_text(RULE.replace("NAME", APPLIED))
        runs = mesh.what_runs()
        unlimited = resource.prlimit(mesh.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(mesh.process.pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
        try:
            applied = pidalio("apply", "-f", path, folder=mesh.folder.path)
            assert (applied.status, applied.out) == (1, "")
            assert re.fullmatch(r"pidalio: history .*: .*disk.*; nothing was changed", one_line(applied.err))
            assert mesh.what_runs() == runs

            mesh.save(RULE.replace("weight: 1", "weight: 2") + "      timeout: 9s\n")
            until(
                lambda: any("history-unavailable: a change of files is not live" in one for one in mesh.reports()), ""
            )
            assert mesh.what_runs() == runs
            self.an_instance_comes_and_goes(mesh)
        finally:
            resource.prlimit(mesh.process.pid, resource.RLIMIT_FSIZE, unlimited)
        until(lambda: mesh.reports() == [], "the file's change, recorded")
        assert mesh.status()["revision"] == runs[0] + 1
        mesh.save(RULE)
        until(lambda: mesh.status()["revision"] == runs[0] + 2, "the rule again")

    def an_instance_comes_and_goes(self, mesh: Running) -> None:
        """Kill the instance: its end and its return are changes of endpoints, which no history has to take."""
        generation = mesh.status()["generation"]
        (app,) = [pid for pid, line in processes_in(mesh.folder.path).items() if "app.py" in line]
        os.kill(app, 9)
        until(lambda: mesh.status()["generation"] >= generation + 2, "an instance that went and came")
        until(lambda: mesh.asking.once(STEADY) == "200", "answers again")
        mesh.asking.more()
        for counter in mesh.asking.counts.values():  # those in flight when it was killed, and until it was back
            counter.clear()


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 10)]
    return "\n".join(lines)


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of a running process are set with prlimit(2)")
MISTAKES = [
    pytest.param(
        Text(
            RULE.replace("weight: 1", "weight: much"), "wrong-type", "weight", "text where a whole number is expected"
        ),
        id="wrong type",
    ),
    pytest.param(
        Text(RULE.replace("- route:", "- rout:"), "unknown-field", "rout:", r"did you mean 'route'\?"),
        id="unknown field",
    ),
    pytest.param(
        Text(
            RULE.replace("host: front", "host: frnt"),
            "unknown-host",
            "frnt",
            "add a Service or ServiceEntry",
            live=True,
        ),
        id="unknown host",
    ),
    pytest.param(
        Text(
            RULE.replace("host: front", "host: front\n            subset: v9"),
            "unknown-subset",
            "v9",
            "no DestinationRule for it is in effect",
            live=True,
        ),
        id="unknown subset",
    ),
    pytest.param(
        Text(
            RULE.replace("- route:", "- match: [{uri: {regex: '(?=a)b'}}]\n      route:"),
            "bad-regex",
            "regex",
            r"RE2 refuses .* \(Envoy's engine has no look-around and no back-references\)",
        ),
        id="regex that RE2 refuses",
    ),
    pytest.param(
        Text(
            RULE.replace("weight: 1", "weight: 0") + "        - destination: {host: front}\n          weight: 0\n",
            "weights-sum-zero",
            "- route",
            "give each destination a weight",
        ),
        id="weights that sum to zero",
    ),
    pytest.param(Twice(), id="one object in two places"),
    pytest.param(Text("# xxxxx\n" * (50 << 17), "too-large", says="the limit is .*: split the file"), id="50 MB"),
    pytest.param(Text(bomb(), "alias-bomb", "a5:", "write fewer"), id="bomb of aliases"),
    pytest.param(Text("[" * 100_000, "too-deep", says="flatten it"), id="100,000 nested brackets"),
    pytest.param(Text("- " * 100_000, "too-deep", says="flatten it"), id="100,000 nested lists"),
    pytest.param(Text(b"\xff\xfe", "not-utf8", says="save the file as UTF-8"), id="no text"),
    pytest.param(Text("kind: x\n\tname: y\n", "bad-yaml", "\t", "indent with spaces, not tabs"), id="no YAML"),
    pytest.param(
        Start(
            lambda _: ["up"],
            r"gateway.yaml:\d+: port-in-use: Gateway default/way-in: .*127\.0\.0\.1:PORT.*: stop it, or choose .*",
        ),
        id="port of a gateway in use",
    ),
    pytest.param(
        Start(
            on_the_same_port("--api-address"), r"pidalio: cannot listen on 127\.0\.0\.1:PORT: .*: stop what holds it.*"
        ),
        id="port of the API in use",
    ),
    pytest.param(
        Start(
            on_the_same_port("--xds-address"), r"pidalio: cannot listen on 127\.0\.0\.1:PORT: .*: stop what holds it.*"
        ),
        id="port of xDS in use",
    ),
    pytest.param(
        Start(lambda _: ["up", "--envoy", "/no/envoy"], "pidalio: --envoy names /no/envoy, .*"), id="no Envoy"
    ),
    pytest.param(
        Start(
            lambda _: ["up", "--envoy", "./other-envoy"], r"pidalio: .*is Envoy 1\.31\.2, Pidalio compiles for 1\.40.*"
        ),
        id="another version of Envoy",
    ),
    pytest.param(
        Start(lambda _: ["up"], r"pidalio: .* has a running mesh already \(process \d+\): stop it first", True),
        id="second up in the folder",
    ),
    pytest.param(FullDisk(), marks=on_linux, id="full disk"),
]


def one_line(text: str) -> str:
    lines = text.splitlines()
    assert len(lines) == 1, text[:2000]
    return lines[0]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_one_line_and_traffic_goes_on(mesh: Running, mistake, tmp_path):
    for counter in mesh.asking.counts.values():
        counter.clear()
    mistake.happens(mesh, tmp_path)
    mesh.asking.more()
    assert set(mesh.asking.counts[STEADY]) == {"200"}
    assert set(mesh.asking.counts[EDITED]) <= ({"200", "503"} if getattr(mistake, "live", False) else {"200"})
    assert mesh.process.poll() is None
