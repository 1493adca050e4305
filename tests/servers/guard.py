"""Ends what a test process started, also when that process is killed before it can tidy up.

A guard is a small process of its own, in a session of its own. It reads one JSON object a line from its standard input:

    {"do": "watch", "pid": 4711, "since": "1234567", "signal": 9}    end this process later ("since" is its start time)
    {"do": "forget", "pid": 4711}                                    it has ended already
    {"do": "folder", "path": "/tmp/csat-kafka-x"}                    remove this folder later

and acts when its input ends or its parent is gone. The file imports nothing of the project: it is run as a script.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PARENT_POLL_S = 0.5
END_TIMEOUT_S = 5.0


def started_at(pid: int) -> str | None:
    """The start time of a process as the kernel gives it, which tells it from a later one of the same number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def children_of(pid: int) -> list[int]:
    """The processes that a process has started, and that are not gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Guard:
    """The test process's end of the pipe. One guard serves all servers of a process; a forked child starts its own."""

    _of_this_process: "Guard | None" = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self._owner_pid = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    @classmethod
    def get(cls) -> "Guard":
        with cls._lock:
            if cls._of_this_process is None or cls._of_this_process._owner_pid != os.getpid():
                cls._of_this_process = cls()
            return cls._of_this_process

    def watch(self, pid: int, end_with: signal.Signals = signal.SIGKILL) -> None:
        self._tell({"do": "watch", "pid": pid, "since": started_at(pid), "signal": int(end_with)})

    def forget(self, pid: int) -> None:
        self._tell({"do": "forget", "pid": pid})

    def folder(self, path: Path) -> None:
        self._tell({"do": "folder", "path": str(path)})

    def _tell(self, what: dict[str, object]) -> None:
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), json.dumps(what).encode() + b"\n")  # short enough to be atomic


def _end(watched: dict[int, dict[str, object]], folders: list[str]) -> None:
    def alive() -> list[int]:
        return [pid for pid, entry in watched.items() if entry["since"] and started_at(pid) == entry["since"]]

    for pid in alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, int(str(watched[pid]["signal"])))
    deadline = time.monotonic() + END_TIMEOUT_S
    while alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def main(parent_pid: int) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watched: dict[int, dict[str, object]] = {}
    folders: list[str] = []
    pending = b""
    while os.getppid() == parent_pid:
        if not select.select([0], [], [], PARENT_POLL_S)[0]:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            break
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            entry = json.loads(line)
            match entry["do"]:
                case "watch":
                    watched[entry["pid"]] = entry
                case "forget":
                    watched.pop(entry["pid"], None)
                case "folder":
                    folders.append(entry["path"])
    _end(watched, folders)


if __name__ == "__main__":
    main(int(sys.argv[1]))
