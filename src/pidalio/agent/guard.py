"""The process that holds every other one: started by `agent.processes`, stdlib only, never imported by it.

It starts what it is told to, reports who ended, and owns one promise: when the process that started it is gone,
however it went, nothing it started is left.
Its standard input is one end of a socket pair; the other end closes with the agent, `kill -9` included.
Then it kills every process group it started, and on Linux every orphan that fell to it.
Should it be killed itself, the kernel ends its children (Linux: parent-death signal).

It is a process of its own, small and with one thread, for two reasons: forking a process that holds gRPC's threads
is unsafe, and nobody can clean up after its own `kill -9`.

Lines of JSON in: `{"start": id, "argv": [], "env": {}, "log": path, "cwd": path}` and `{"signal": id, "number": 15}`;
out: `{"started": id, "pid": n}`, `{"failed": id, "errno": n, "error": text, "path": p}`, `{"ended": id, "status": n}`.
"""

import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def _on_signal(number: int, frame: FrameType | None) -> None:
    """Ignore; unlike SIG_IGN, a handler is not inherited by what is started here."""


def _death_with_me() -> Callable[[], None] | None:
    """Return what a child does before it becomes its command: ask the kernel to end it with this process."""
    if not LINUX:
        return None
    libc, me = ctypes.CDLL(None), os.getpid()
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def die_with_guard() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != me:
            os._exit(1)

    return die_with_guard


class Guard:
    """Children by the id that the agent gave them; each leads a process group and session of its own."""

    def __init__(self, agent: socket.socket) -> None:
        self.agent = agent
        self.children: dict[int, subprocess.Popen[bytes]] = {}
        self.ids: dict[int, int] = {}
        self.before_exec = _death_with_me()

    def tell(self, message: dict[str, Any]) -> None:
        """Send the agent one message."""
        self.agent.sendall(json.dumps(message).encode() + b"\n")

    def start(self, message: dict[str, Any]) -> None:
        """Start a command in a session of its own, or report why it cannot be."""
        name = message["start"]
        try:
            log = os.open(message["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                child = subprocess.Popen(
                    message["argv"],
                    env=message["env"],
                    cwd=message["cwd"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=self.before_exec,  # noqa: PLW1509 - this process has one thread, for this reason
                )
            finally:
                os.close(log)
        except OSError as error:
            self.tell({"failed": name, "errno": error.errno, "error": error.strerror, "path": error.filename})
            return
        self.children[name], self.ids[child.pid] = child, name
        self.tell({"started": name, "pid": child.pid})

    def signal(self, name: int, number: int) -> None:
        """Send a signal to a child's whole group."""
        child = self.children.get(name)
        if child is not None:
            _signal_group(child.pid, number)

    def reap(self) -> None:
        """Report the children that ended; what is left of such a child's group ends with it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self.ids.pop(pid, None)
            if name is None:
                continue
            _signal_group(pid, signal.SIGKILL)
            child = self.children.pop(name)
            child.returncode = os.waitstatus_to_exitcode(status)
            self.tell({"ended": name, "status": child.returncode})

    def end_all(self) -> None:
        """Kill everything that was started and wait until it is gone."""
        for pid in self.ids:
            _signal_group(pid, signal.SIGKILL)
        while True:
            for pid in _orphans():
                os.kill(pid, signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # all gone, or (macOS) only the dead are left
        return


def _orphans() -> list[int]:
    """Return the living children, those that left their group and fell to this process included (Linux)."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listing:  # noqa: PTH123 - pathlib costs a start
            return [int(pid) for pid in listing.read().split()]
    except OSError:
        return []


def run() -> None:
    """Serve the agent at standard input until it is gone, then end everything."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, _on_signal)
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    guard = Guard(socket.socket(fileno=0))
    selector = selectors.DefaultSelector()
    selector.register(guard.agent, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    pending = b""
    try:
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                woken.recv(4096)
            guard.reap()
            if guard.agent not in ready:
                continue
            data = guard.agent.recv(1 << 16)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "start" in message:
                    guard.start(message)
                else:
                    guard.signal(message["signal"], message["number"])
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        guard.end_all()


if __name__ == "__main__":
    run()
