"""Build the wheel, install it as a user would, and run a first mesh from it, outside the checkout.

    python scripts/try_wheel.py

It needs a package index; everything it makes lies in a temporary folder and is removed.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command to its end; stop with what it printed when it fails."""
    found = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if found.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{found.stdout}{found.stderr}")
    return found.stdout


def installed(folder: Path) -> Path:
    """Return the command of a fresh environment that holds the wheel and the locked dependencies."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", cwd=ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    pip = folder / "venv" / "bin" / "pip"
    run(pip, "install", "-q", "--require-hashes", "-r", ROOT / "requirements.lock", cwd=folder)
    run(pip, "install", "-q", "--no-deps", wheel, cwd=folder)
    return folder / "venv" / "bin" / "pidalio"


@contextlib.contextmanager
def up(pidalio: Path, folder: Path) -> Iterator[str]:
    """Run `pidalio up mesh`; yield the gateway's URL once it is ready."""
    log = folder / "up.log"
    with log.open("w") as output:
        process = subprocess.Popen([pidalio, "up", "mesh"], cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"ready.*gateway: (\S+)", log.read_text())):
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"pidalio up did not get ready:\n{log.read_text()}")
            time.sleep(0.1)
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def main() -> None:
    """Install, make a first mesh, and ask it."""
    os.environ.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory(prefix="pidalio-wheel-") as name:
        folder = Path(name)
        pidalio = installed(folder)
        run(pidalio, "init", "first", cwd=folder)
        first = folder / "first"
        gateway = first / "mesh" / "gateway.yaml"
        gateway.write_text(gateway.read_text().replace("8080", "18473"))
        run(pidalio, "validate", "-f", "mesh", cwd=first)
        with up(pidalio, first) as url, urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own gateway
            body = answer.read().decode()
        if "hello from v" not in body:
            sys.exit(f"{url} answered {body!r}")
    print("the wheel installs, and a first mesh runs from it")


if __name__ == "__main__":
    main()
