"""The offline verifier beside a page: the same program that anybody runs, in a process of its own, for a bounded time.

    python -m ledger.proof.verify /dev/fd/7 --policy=/dev/fd/8 --json

What is judged may be made by an enemy. So it is read by another process than the service's: one that is given no setting and
no secret, has MEMORY_BYTES and DEADLINE_S at most, gives way to everything else, and is ended when nobody waits for it. Its
answer is bounded too.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Timer
from typing import IO, Any, Final, NamedTuple

import orjson

import ledger
from console.http.problems import RETRY_AFTER_S, Problem

DEADLINE_S: Final = 20.0
MEMORY_BYTES: Final = 1 << 30
"""Of addresses: what a process has in memory is less."""
REPORT_BYTES_MAX: Final = 2 << 20
"""A report has the decision twice, each of 65,535 bytes at most as it is stored, and of six times as many if all is escaped."""
EXIT_CODES: Final = (0, 1, 2)
"""Those of the verifier; with any other it has said nothing."""
NICE: Final = 10


class Said(NamedTuple):
    """What a verifier says."""

    report: Mapping[str, Any]
    text: str
    """The report as it is printed: one line of ASCII."""


async def judged(module: str, files: Mapping[str, IO[bytes]], options: Sequence[str] = ()) -> Said:
    """What a verifier says of files with --json.

    `files` are its arguments: the first by its place, the others by their options. Raises Problem (422) where it says nothing.
    """
    running = _Running(module, files, options)
    try:
        return await asyncio.to_thread(running)
    finally:
        running.stop()


class _Running:
    """A run of the verifier, by a thread that waits for it."""

    def __init__(self, module: str, files: Mapping[str, IO[bytes]], options: Sequence[str]) -> None:
        descriptors = {name: file.fileno() for name, file in files.items()}
        first, *others = [f"/dev/fd/{number}" if not n else f"--{name}=/dev/fd/{number}"
                          for n, (name, number) in enumerate(descriptors.items())]  # fmt: skip
        self._command = [sys.executable, "-P", "-m", module, first, *others, *options, "--json"]
        self._descriptors = tuple(descriptors.values())
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = self._late = False

    def __call__(self) -> Said:
        """Waits for what it says."""
        process = self._begin()
        assert process.stdout is not None
        timer = Timer(DEADLINE_S, self._be_late)
        timer.daemon = True
        timer.start()
        try:
            with process.stdout:
                report = process.stdout.read(REPORT_BYTES_MAX + 1)
            if len(report) > REPORT_BYTES_MAX:
                process.kill()
            code = process.wait()
        finally:
            timer.cancel()
            self.stop()
            process.wait()
        if self._late:
            raise _silent(f"found no verdict within {DEADLINE_S:g} seconds")
        if len(report) > REPORT_BYTES_MAX:
            raise _silent(f"found a report of more than {REPORT_BYTES_MAX >> 20} MiB")
        with suppress(ValueError):
            text = report.decode("ascii").strip()
            said = orjson.loads(text)
            if code in EXIT_CODES and isinstance(said, dict) and "\n" not in text:
                return Said(said, text)
        raise _silent("found that the verifier ended without a verdict")

    def stop(self) -> None:
        """Ends it, or keeps it from beginning. The files may be closed then."""
        with self._lock:
            self._stopped = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()

    def _begin(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise _silent("found nobody who waits")
            try:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
                    env=_environment(), pass_fds=self._descriptors, start_new_session=True,
                )  # fmt: skip
            except OSError as error:  # no more processes, files or memory
                raise Problem(
                    503, "busy", f"found no room for a verifier ({error.strerror}), expected some: try again",
                    headers={"Retry-After": RETRY_AFTER_S},
                ) from None  # fmt: skip
            _bound(self._process.pid)
            return self._process

    def _be_late(self) -> None:
        self._late = True
        self.stop()


def _environment() -> dict[str, str]:
    """Where the verifier lies, and nothing else of ours."""
    return {"PYTHONPATH": str(Path(ledger.__file__).parents[1]), "PYTHONUTF8": "1", "PATH": os.defpath}


def _bound(process: int) -> None:
    """Bounds a process that has just begun; where the system cannot, its deadline does."""
    with suppress(ImportError, AttributeError, OSError):
        import resource

        for what, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, int(DEADLINE_S) + 1)):
            resource.prlimit(process, what, (most, most))
        os.setpriority(os.PRIO_PROCESS, process, NICE)


def _silent(found: str) -> Problem:
    return Problem(422, "not-judged", f"{found}, expected one: `csat-ledger verify` judges it on a machine of your own")
