"""Build or refresh the project's virtual environment: `python3 setup_venv.py [.venv]`.

Owns `.venv`: it holds what `requirements.lock` names, plus Pidalio itself, editable.
Two marks make that safe to interrupt: `.building` lies in it while it is being changed, `.stamp` holds the
fingerprint of what it was built from; an environment with `.building` is thrown away and built again.
An environment that exists keeps its interpreter until `make clean`, whatever PYTHON says.
Runs on the machine's own Python, which may be old: standard library only, no syntax newer than 3.6.
"""

import fcntl
import hashlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
NEEDED = (3, 11)
OFFLINE = (
    "NewConnectionError",
    "NameResolutionError",
    "Name or service not known",
    "Temporary failure in name resolution",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "Network is unreachable",
    "No matching distribution found",
)


def main(target: str) -> int:
    """Bring the environment at `target` in line with the lock file; return the exit status."""
    venv = ROOT / target
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = fingerprint()
        stamp = venv / ".stamp"
        if stamp.is_file() and stamp.read_text() == wanted and is_sound(venv):
            return 0
        problem = build(venv)
        if problem:
            sys.stderr.write(f"make: {problem}\n")
            return 1
        stamp.write_text(wanted)
        (venv / ".building").unlink()
    return 0


def fingerprint() -> str:
    """Return a digest of everything that decides what the environment holds."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_sound(venv: pathlib.Path) -> bool:
    """Tell whether no build was cut short and the interpreter starts; a removed system Python breaks it."""
    python = venv / "bin" / "python"
    return (
        not (venv / ".building").exists() and python.exists() and run([str(python), "-m", "pip", "--version"])[0] == 0
    )


def build(venv: pathlib.Path) -> str:
    """Build the environment, or install into a sound one; return what went wrong in one line, or nothing."""
    python = str(venv / "bin" / "python")
    fresh = not is_sound(venv)
    problem = unfit_interpreter() if fresh else ""
    if problem:
        return problem
    say(
        f"building {venv.name} from {LOCK.name} (once, about a minute)" if fresh else f"bringing {venv.name} up to date"
    )
    if fresh and venv.exists():
        shutil.rmtree(str(venv))
    venv.mkdir(parents=True, exist_ok=True)
    (venv / ".building").touch()
    if fresh:
        status, output = run([sys.executable, "-m", "venv", str(venv)])
        if status:
            return f"the virtual environment could not be made: {last_line(output)}"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-input", "--progress-bar", "off"]
    ours = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    for step in (["--require-hashes", "-r", str(LOCK)], ours):
        status, output = run(pip + step)
        if status:
            return explain(venv, output)
    return ""


def unfit_interpreter() -> str:
    """Say in one line what to install when this Python cannot carry the project, else nothing."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if sys.version_info[:2] < NEEDED:
        return f"{sys.executable} is Python {version}: install Python 3.11 or newer and say PYTHON=/path/to/python3"
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        return f"Python {version} came without its venv module: apt-get install python3-venv (or python{version}-venv)"
    return ""


def explain(venv: pathlib.Path, output: str) -> str:
    """Turn pip's output into one line, and keep all of it in a file beside the environment."""
    log = venv / "install.log"
    log.write_text(output)
    shown = os.path.relpath(str(log))
    if any(sign in output for sign in OFFLINE):
        return (
            "no package index gave what is needed: connect to the network, or point pip at an index or a folder of "
            f"wheels (PIP_INDEX_URL, PIP_FIND_LINKS); pip's own words are in {shown}"
        )
    return f"pip failed: {last_line(output)}; all of it is in {shown}"


def run(command: list) -> tuple:
    """Run a command without input; return its exit status and everything it printed."""
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    done = subprocess.run(command, stdin=nothing, stdout=pipe, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def last_line(output: str) -> str:
    """Return the last line that says something."""
    return ([line.strip() for line in output.splitlines() if line.strip()] or ["no output"])[-1]


def say(message: str) -> None:
    """Print one line of progress."""
    sys.stderr.write(f"make: {message}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ".venv"))
