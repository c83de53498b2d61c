"""A reader who follows one page: a folder of their own, commands in order, output compared with what is shown.

The command `pidalio` is that of the environment that runs the tests.
A page may speak of several machines (`console on=second`): each is a folder, `scp` copies from the first one, and the
address 192.0.2.1, which RFC 5737 keeps for documentation, stands for loopback.
Whatever was started in the background has ended when the session closes.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.pages import ROOT, Block

from pidalio.server.settings_file import read_settings

PATIENCE = 60  # seconds, before a command is taken for hung
WHOLE_PAGE = 240  # seconds, for all commands of a page together
MISSING = ("unknown-host", "unknown-port", "unknown-subset")
FIRST = ""  # the machine of blocks that name none
SHOWN_ADDRESS, REAL_ADDRESS = "192.0.2.1", "127.0.0.1"
SCP = f"""#!/bin/bash
# Copies from the folder of the first machine: scp {REAL_ADDRESS}:PATH... TARGET
set -e
for source in "${{@:1:$#-1}}"; do cp "$FIRST_MACHINE"/${{source#{REAL_ADDRESS}:}} "${{@: -1}}"; done
"""


class Session:
    """Owns the folders, the current directories and the background processes of one page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ends = time.monotonic() + WHOLE_PAGE
        self._cwd: dict[str, Path] = {}
        self._background: list[Background] = []
        self._env = {
            "HOME": str(folder),
            "FIRST_MACHINE": str(self.machine(FIRST)),
            "PATH": f"{folder}/bin:{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "COLUMNS": "120",
        }
        (self.machine(FIRST) / "examples").symlink_to(ROOT / "examples")
        scp = folder / "bin" / "scp"
        scp.parent.mkdir()
        scp.write_text(SCP)
        scp.chmod(0o755)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        hung = [process for process in reversed(self._background) if not process.stop()]
        assert error or not hung, f"did not end after Ctrl-C: {hung[0].command}"

    def machine(self, name: str) -> Path:
        """Return where commands of a machine run now."""
        if name not in self._cwd:
            self._cwd[name] = self.folder / (name or "work")
            self._cwd[name].mkdir()
        return self._cwd[name]

    def yaml(self, block: Block) -> None:
        """Write the block, and let `pidalio validate` read it, with what it stands beside.

        One of `settings` is a settings file. A fragment may name services, ports and subsets that are not there, and is right in everything else.
        """
        name = block.options.get("file")
        path = self.machine(FIRST) / name if name else self.folder / f"line-{block.line}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
        if "settings" in block.options:
            read_settings(path)  # raises for a mistake
            return
        beside = f" -f {block.options['with']}" if "with" in block.options else ""
        done = self.run(f"pidalio validate{beside} -f {path}")
        expected = block.options.get("reports")
        if "fragment" in block.options:
            wrong = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
            assert all(any(f" {code}: " in line for code in MISSING) for line in wrong), done.stdout
        elif expected is None:
            assert done.returncode == 0, done.stdout
        else:
            assert done.returncode == 1, done.stdout
            assert f" {expected}: " in done.stdout

    def console(self, block: Block) -> None:
        """Run the block's commands, each as it is shown."""
        machine = block.options.get("on", FIRST)
        for written, shown in commands(block.text):
            command = written.replace(SHOWN_ADDRESS, REAL_ADDRESS)
            expected = shown.replace(SHOWN_ADDRESS, REAL_ADDRESS)
            if "background" in block.options:
                self._background.append(Background(command, expected, self.machine(machine), self._env))
            else:
                done = self.run(command, machine)
                assert done.returncode == 0, f"$ {command}\n{done.stdout}"
                assert matches(expected, done.stdout), f"$ {command}\n{done.stdout}\n--- but shown is\n{expected}"

    def run(self, command: str, machine: str = FIRST) -> subprocess.CompletedProcess[str]:
        """Run one command in the machine's current directory, and follow it when it changes the directory."""
        told = self.folder / ".cwd"
        script = f'{command}\nstatus=$?\npwd >"{told}"\nexit $status\n'
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.machine(machine),
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=max(1.0, min(PATIENCE, self._ends - time.monotonic())),
        )
        self._cwd[machine] = Path(told.read_text().strip())
        return done


class Background:
    """One command that runs until the page ends; made when its shown output has come."""

    def __init__(self, command: str, shown: str, cwd: Path, env: dict[str, str]) -> None:
        self.command = command
        self._output = ""
        self._came = threading.Event()
        self._shown = shown
        bash = shutil.which("bash") or "/bin/bash"
        self._process = subprocess.Popen(
            [bash, "-c", f"exec {command}"],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        came = self._came.wait(PATIENCE)
        if not came or not matches(shown, self._output):
            self.stop()
            raise AssertionError(f"$ {command}\n{self._output}\n--- but shown is\n{shown}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._output += line
            if matches(self._shown, self._output):
                self._came.set()
        self._came.set()

    def stop(self) -> bool:
        """Press Ctrl-C; return whether that ended it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        finally:
            self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()
        return True


def commands(text: str) -> list[tuple[str, str]]:
    """Return each command of a console block with the output shown below it."""
    found: list[tuple[list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif found and found[-1][0][-1].endswith("\\"):
            found[-1][0].append(line)
        else:
            assert found, f"output before any command: {line}"
            found[-1][1].append(line)
    return [("\n".join(command), "\n".join(shown)) for command, shown in found]


def matches(shown: str, output: str) -> bool:
    """Tell whether output is what is shown: `…` stands for anything, and where nothing is shown, for all of it."""
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return not shown or re.fullmatch(pattern, output.rstrip("\n"), re.DOTALL) is not None
