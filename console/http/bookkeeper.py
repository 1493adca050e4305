"""The bookkeeper: a process that records, and keeps the projections up, so that neither takes the interpreter from who answers.

It is forked before its service opens anything: it holds no connection, lock or key but those that it opens itself. It
takes the facts of a group from a socket, records them, and says what became of them, in their order
(`console.http.commit_apart`); over another it says how far the projections are (`console.http.following_apart`). It ends when
its service does, however that ends.

A message is its length, four bytes, and a pickle: no one else can reach the sockets.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from console.http.end_with import end_with
from console.http.errors_apart import Told, error_of, told_of
from console.http.reading import Following
from console.http.reopening import Reopened, ReopenedRecorder
from console.throughput import collect_garbage_less
from ledger.errors import LedgerError
from ledger.writing.faults import record_apart
from ledger.writing.transaction import Outcome

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.fact import Fact

Complain = Callable[[str], None]
END_S: Final = 25.0
"""So long the process has to give back what it has when nobody needs it any more."""
KILLED_S: Final = 5.0
NOTED: Final = ("refused", "put-off")
"""Of facts with such an outcome their service tells others, and needs what recording has noted on them."""
CHUNK: Final = 1 << 18
"""Bytes that are read at once."""
LENGTH: Final = struct.Struct("!I")
UNHEEDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""They are the service's matter, which ends the bookkeeper."""
FAILED: Final = 1
"""The exit code of a bookkeeper that cannot go on."""


class Answer:
    """What became of the facts of a group."""

    def __init__(self, told: tuple[Any, ...]) -> None:
        """Of what the process says."""
        outcomes, notes, faults, error = told
        self.outcomes = [Outcome._make(one) for one in outcomes]
        self.notes: dict[int, dict[str, Any]] = notes
        """What recording has noted on facts, by their places (`Fact.take_notes`)."""
        self.faults = [(place, error_of(*one)) for place, one in faults]
        """Over which facts the program has failed, by their places."""
        self.error = None if error is None else error_of(*error)
        """Why nothing was recorded, and there are no outcomes."""


def can_fork() -> bool:
    """Whether this process can have a bookkeeper: what other threads hold would be held in it for ever."""
    return sys.platform == "linux" and threading.active_count() == 1


def processors() -> int:
    """How many this process may use; a bookkeeper is of use with more than one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Bookkeeper:
    """The process, and the sockets to it."""

    def __init__(self, opened: Callable[[], Ledger], name: str, complain: Complain) -> None:
        """`opened` opens a ledger there, which stands under a name in what is said of it; `complain` is told there, too."""
        self.records, records = socket.socketpair()
        self.follows, follows = socket.socketpair()
        self._complain = complain
        self._process = get_context("fork").Process(
            target=_work,
            args=(os.getpid(), (records, follows), (self.records, self.follows), opened, name, complain),
            name="bookkeeper",
            daemon=True,
        )
        self._ending = Lock()
        self._has_ended = False
        with _signals_wait():  # one that comes now is the service's, and finds it with a whole bookkeeper or none
            self._process.start()
        records.close()
        follows.close()

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it was found gone, or was ended."""
        return self._has_ended

    def resident_bytes(self) -> float | None:
        """How much memory it has; None where that cannot be seen, or it is gone."""
        with suppress(OSError, ValueError, IndexError):
            return float(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        return None

    def gone(self) -> None:
        """Somebody finds that it is gone, or does not answer: nothing of it is left when this returns. From any thread."""
        with self._ending:
            if not self._has_ended:
                self._complain(
                    f"found the bookkeeper, process {self.pid}, gone or without an answer ({self._end(0)}), expected it to go "
                    "on: the service itself records and keeps the projections up from now on"
                )

    def close(self) -> None:
        """It ends, if not by itself then by force."""
        with self._ending:
            if not self._has_ended:
                self._end(END_S)
        self.records.close()
        self.follows.close()

    def _end(self, patience_s: float) -> str:
        """It ends; says how it did."""
        self._has_ended = True
        for one in (self.records, self.follows):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        try:
            self._process.join(patience_s)
        finally:  # also where a second signal says that nobody wants to wait: at its end this process waits for its children
            if self._process.is_alive():
                self._process.kill()
                self._process.join(KILLED_S)
        code = self._process.exitcode
        return f"exit code {code}" if code is None or code >= 0 else f"signal {-code}"


@contextmanager
def bookkeeper(opened: Callable[[], Ledger], name: str, complain: Complain) -> Iterator[Bookkeeper]:
    """The bookkeeper, for as long as it is used."""
    with closing(Bookkeeper(opened, name, complain)) as process:
        yield process


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals that the bookkeeper is not to heed wait meanwhile; a process that is forked here inherits that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, UNHEEDED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def message(content: object) -> bytes:
    """A message, as it goes over the socket."""
    body = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


class Messages:
    """Puts together what comes over a socket."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """The messages that are whole with what came now."""
        rest = self._rest
        rest += data
        while len(rest) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(rest)[0]
            if len(rest) < end:
                return
            with memoryview(rest) as view:
                found = pickle.loads(view[LENGTH.size : end])
            del rest[:end]
            yield found


# In the process


def _work(
    service: int,
    own: tuple[socket.socket, socket.socket],
    others: tuple[socket.socket, socket.socket],
    opened: Callable[[], Ledger],
    name: str,
    complain: Complain,
) -> None:
    """What the process does until nobody asks it any more."""
    for one in others:  # else this end would hold them open, and never see that the service is gone
        one.close()
    for signum in UNHEEDED:
        signal.signal(signum, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, UNHEEDED)
    end_with(service)
    collect_garbage_less()
    records, follows = own
    follower = Thread(target=follow_over, args=(follows, opened, name, complain), name="follower")
    follower.start()
    try:
        record_over(records, opened, name)
    except (LedgerError, OSError, MemoryError) as error:
        complain(f"the bookkeeper ends: {error or type(error).__name__}")
        sys.exit(FAILED)
    finally:
        for one in own:  # from here on the service does the work
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        follower.join()


def record_over(connection: socket.socket, opened: Callable[[], Ledger], name: str) -> None:
    """Records what is asked for until nobody asks any more. Raises what closing the ledger raises."""
    with closing(Reopened(opened, name)) as ledger, suppress(OSError), connection.makefile("rb") as asked:
        recorder = ReopenedRecorder(ledger)
        while (facts := _asked(asked)) is not _END:
            connection.sendall(message(_answer(recorder, facts)))


_END: Final = object()


def _asked(asked: BinaryIO) -> Any:
    """The facts of the next group, or None; _END where the service is gone, perhaps in the middle of saying it."""
    head = asked.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return _END
    (length,) = LENGTH.unpack(head)
    body = asked.read(length)
    return pickle.loads(body) if len(body) == length else _END


def follow_over(connection: socket.socket, opened: Callable[[], Ledger], name: str, complain: Complain) -> None:
    """Keeps the projections up from the first byte on, and tells of each turn; each byte after says that somebody waits."""

    def tell(at: Following) -> None:
        with suppress(OSError):
            connection.sendall(message((at.position, at.end, at.failed_with, at.turned_s)))

    with suppress(OSError):
        if not connection.recv(CHUNK):
            return
        following = Following(opened, name, complain, tell)
        following.go_on()
        try:
            while connection.recv(CHUNK):
                following.want()
        finally:
            following.close()


def _answer(recorder: ReopenedRecorder, facts: Sequence[Fact] | None) -> tuple[Any, ...]:
    """What became of the facts of a group; None has what is behind opened, before the first."""
    faults: list[tuple[int, Told]] = []
    try:
        if facts is None:
            recorder.open()
            return [], {}, [], None
        places = {id(fact): place for place, fact in enumerate(facts)}
        outcomes = record_apart(
            recorder.record, facts, lambda fact, error: faults.append((places[id(fact)], told_of(error)))
        )
    except BaseException as error:
        return [], {}, faults, told_of(error)
    notes = {place: facts[place].notes() for place, one in enumerate(outcomes) if one.status in NOTED}
    return [tuple(one) for one in outcomes], notes, faults, None
