"""A reader who follows one page: a folder of their own, commands in order, output compared with what is shown.

The command `pidalio` is that of the environment that runs the tests.
Whatever was started in the background has ended when the session closes.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.pages import ROOT, Block

PATIENCE = 120  # seconds, before a command is taken for hung


class Session:
    """Owns the folder, the current directory and the background processes of one page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cwd = folder / "work"
        self.cwd.mkdir()
        (self.cwd / "examples").symlink_to(ROOT / "examples")
        self._background: list[Background] = []
        self._env = {
            "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "COLUMNS": "120",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        hung = [process for process in self._background if not process.stop()]
        assert error or not hung, f"did not end after Ctrl-C: {hung[0].command}"

    def yaml(self, block: Block) -> None:
        """Write the block, and let `pidalio validate` read it."""
        name = block.options.get("file")
        path = self.cwd / name if name else self.folder / f"line-{block.line}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
        done = self.run(f"pidalio validate -f {path}")
        expected = block.options.get("reports")
        if expected is None:
            assert done.returncode == 0, done.stdout
        else:
            assert done.returncode == 1, done.stdout
            assert f" {expected}: " in done.stdout

    def console(self, block: Block) -> None:
        """Run the block's commands, each as it is shown."""
        for command, shown in commands(block.text):
            if "background" in block.options:
                self._background.append(Background(command, shown, self.cwd, self._env))
            else:
                done = self.run(command)
                assert done.returncode == 0, f"$ {command}\n{done.stdout}"
                assert matches(shown, done.stdout), f"$ {command}\n{done.stdout}\n--- but shown is\n{shown}"

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one command in the current directory, and follow it when it changes the directory."""
        told = self.folder / ".cwd"
        script = f'{command}\nstatus=$?\npwd >"{told}"\nexit $status\n'
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.cwd,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        self.cwd = Path(told.read_text().strip())
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
        self._reader.join()
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
