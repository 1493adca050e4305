"""Starts our processes quickly: one process that has imported everything, and forks a child for each command line.

Starting an interpreter and importing its libraries costs a second of a core, and a simulation starts a hundred. A child is
a process like any other: it has its own connections, and it is killed by its own id.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PR_SET_PDEATHSIG = 1
IMPORTED = (
    "console.cli.main", "console.cli.commands.inbox", "console.cli.commands.worker", "console.cli.commands.clock",
    "console.environment", "console.cli.commands.relay", "consumers.roles.inbox", "consumers.roles.worker",
    "consumers.roles.clock", "consumers.roles.relay", "ledger.writing.writer", "ledger.store.postgres",
    "projections.postgres", "projections.questions.status", "kafka", "psycopg",
    "kafka.coordinator.assignors.cooperative_sticky",
)  # fmt: skip


class Nursery:
    """The test's end of it."""

    def __init__(self, environ: dict[str, str], imported: Sequence[str] = IMPORTED) -> None:
        """`imported` are modules that no child has to import any more."""
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.simulation.nursery", *imported],
            cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, arguments: Sequence[str], log: Path) -> int:
        """The id of a new process of `csat-ledger` with these arguments, whose output is added to a file."""
        return int(self._ask({"start": list(arguments), "log": str(log)}))

    def end(self, pid: int, signum: signal.Signals, timeout_s: float) -> int | None:
        """Sends a signal and returns the exit code, negative for a signal; None where it had to be killed in the end."""
        code: int | None = self._ask({"end": pid, "signal": int(signum), "timeout_s": timeout_s})
        return code

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, what: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _serve() -> None:
    import importlib
    import time

    for module in sys.argv[1:]:
        importlib.import_module(module)
    from console.cli.main import main

    for line in sys.stdin:
        asked = json.loads(line)
        if "start" in asked:
            pid = os.fork()
            if pid == 0:
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))  # it does not outlive the nursery
                log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(log, 1)
                os.dup2(log, 2)
                code = 70
                try:
                    code = main(asked["start"])
                finally:
                    os._exit(code)
            answer: int | None = pid
        else:
            os.kill(asked["end"], asked["signal"])
            deadline = time.monotonic() + asked["timeout_s"]
            answer = None
            while True:
                done, status = os.waitpid(asked["end"], os.WNOHANG)
                if done:
                    answer = os.waitstatus_to_exitcode(status)
                    break
                if time.monotonic() > deadline:
                    os.kill(asked["end"], signal.SIGKILL)
                    os.waitpid(asked["end"], 0)
                    break
                time.sleep(0.005)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
