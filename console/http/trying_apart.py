"""Other figures are tried in a process of its own: it takes seconds of all processors, and much memory.

    python -P -m console.http.trying_apart 4711 < question > what was found

Within the service it held up everybody else for half a second at a time, kept its memory for good, and where memory ended it
was the service that ended. The process gives way to everything else, is the first to go where the machine has no memory left,
and is ended when it is late. It ends with its service, the process 4711, however that ends. Question and answer are pickles:
both ends are this program.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

import console
from console.http.end_with import end_with
from console.http.errors_apart import Told, error_of, told_of
from console.http.memory_room import require_room
from console.http.problems import RETRY_AFTER_S, Problem
from ledger.errors import ExtraMissing

if TYPE_CHECKING:
    from projections.what_if.figures import Hypothesis
    from projections.what_if.found import Found

DEADLINE_S: Final = 120.0
NICE: Final = 10
OOM_SCORE: Final = "1000"
IMPORTED_BYTES: Final = 96 << 20
"""What the library takes that works by columns."""
EVENT_BYTES: Final = 800
"""For each event of the book; at a million responses 750 MiB were measured."""


class Question(NamedTuple):
    """What is tried, on the projections of which ledger, as known by which position."""

    where: str
    other: Hypothesis
    known: int


class Apart:
    """The process, while there is one: whoever asks takes turns."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._endings = 0

    def found(self, question: Question) -> Found:
        """What differs. Raises what `what_if` there raises, and Problem (503) where nothing was found."""
        with self._begin() as process:
            try:
                answer, _ = process.communicate(pickle.dumps(question), DEADLINE_S)
            except subprocess.TimeoutExpired:
                raise _no_answer(f"found nothing within {DEADLINE_S:g} seconds") from None
            finally:
                process.kill()
                with self._lock:
                    self._process = None
        if process.returncode:
            raise _ended(process.returncode)
        found: Found | None
        error: Told | None
        found, error = pickle.loads(answer)
        if error is not None:
            raise error_of(*error)
        assert found is not None
        return found

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Ends it, and lets none begin meanwhile: the service ends, and would wait for its answer."""
        with self._lock:
            self._endings += 1
            if self._process is not None:
                self._process.kill()
        try:
            yield
        finally:
            with self._lock:
                self._endings -= 1

    def _begin(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._endings:
                raise _no_answer("found the service at its end")
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", __spec__.name, str(os.getpid())], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(), start_new_session=True,
                )  # fmt: skip
            except OSError as error:  # no more processes, files or memory
                raise _no_memory(f"found no room for a process ({error.strerror})") from None
            return self._process


def _environment() -> dict[str, str]:
    """That of this process, with where it found the program. Where others are not to say what it imports they are not here."""
    given = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "")
    paths = (str(Path(console.__file__).parents[1]), given)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _ended(code: int) -> Problem:
    how = f"exit code {code}" if code > 0 else f"signal {-code}"
    return _no_memory(f"found the process that tried them ended ({how})")


def _no_answer(found: str) -> Problem:
    return Problem(
        503, "no-answer", f"{found}, expected what differs: ask again, or ask `csat-ledger what-if` beside the service",
        headers={"Retry-After": RETRY_AFTER_S},
    )  # fmt: skip


def _no_memory(found: str) -> Problem:
    return Problem(
        503, "no-memory", f"{found}, expected what differs: there may be too little memory; ask again, or ask "
        "`csat-ledger what-if` beside the service", headers={"Retry-After": RETRY_AFTER_S},
    )  # fmt: skip


# In the process


def main() -> None:
    """Answers one question."""
    end_with(int(sys.argv[1]))
    _give_way()
    question: Question = pickle.load(sys.stdin.buffer)
    answer: tuple[Found | None, Told | None]
    try:
        answer = _found(question), None
    except Exception as error:
        answer = None, told_of(error)
    pickle.dump(answer, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)


def _found(question: Question) -> Found:
    require_room(IMPORTED_BYTES + EVENT_BYTES * question.known)
    from console.wiring import driver_errors, open_database
    from ledger.store.urls import without_password
    from projections.questions.view import view

    try:
        from projections.what_if.question import what_if
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "results") from None
    with (
        driver_errors(without_password(question.where)),
        closing(open_database(question.where)) as database,
        view(database) as seen,
    ):
        return what_if(seen, question.other, question.known)


def _give_way() -> None:
    """Nobody waits for this process; it ends by itself even where nobody ends it."""
    if hasattr(signal, "alarm"):
        signal.alarm(int(DEADLINE_S) + 1)
    with suppress(AttributeError, OSError):
        os.nice(NICE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


if __name__ == "__main__":
    main()
