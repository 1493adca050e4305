"""What every long-running process of the ledger shares: a loop that survives a lost store or broker, and says so.

A process is a `Role`, opened anew after every failure: the loop calls `step` until it is told to stop (SIGTERM,
SIGINT). Whatever a step raises closes the role, is logged, and is tried again after a pause that grows with each
failure up to a limit, with jitter, so that ten processes do not come back in one instant. Nothing here decides what a
failure means: a role is such that closing it in any state and opening it again loses nothing and repeats nothing.

On one port:
    /livez    200 while the process can work: its loop turns, and what its turns fail over is not in the process itself;
              503 where neither has been so for `LIVE_FOR_S`: whoever watches may restart it
    /readyz   200 while the role is open and its last step succeeded; 503 while it is lost, with what was found, and where a
              step has not come back for `READY_FOR_S`. Streams that are set aside since they cannot be read are named; the
              others go on, so it is 200 all the same
    /metrics  for Prometheus (see `consumers.roles.metrics`)

Log lines are JSON objects on stderr, one a line, each with `at`, `level`, `service`, `event` and its own fields. They
hold no passwords, and no facts.
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http import HTTPStatus
from types import FrameType
from typing import IO, Any, Final, Protocol, TypeVar

from consumers.broker.backoff import Backoff
from consumers.client_errors import code_of
from consumers.roles.metrics import Metrics
from ledger.errors import BadInput, LedgerError, StoreUnreachable
from ledger.instants import format_instant
from ledger.printable import printable_json

STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
LIVE_FOR_S: Final = 60.0
READY_FOR_S: Final = 15.0
BAD_OPTIONS: Final = "bad-request"
"""The code of options that the broker's client refuses."""
"""A step takes a second or so: after this, what it waits for is not there, though nothing has said so."""
SET_ASIDE_SHOWN: Final = 20
LOGGERS: Final = "csat_ledger"
"""What the names of our loggers start with. `extra={"fields": {…}}` of a record become fields of its line."""
SIGNAL_BASE: Final = 128
_PASSWORD_IN_URL: Final = re.compile(r"(://[^:/@\s]*):[^@/\s]+@")
_PASSWORD_SETTING: Final = re.compile(r"(?i)\b(\w*(?:password|secret|token)\w*)\s*[=:]\s*\S+")


Figures = TypeVar("Figures")


class Stopped(BaseException):
    """The process was told to stop while it was doing something long. Only `Service` catches it."""


class Role(Protocol):
    """What a process does, once it is connected to what it needs."""

    def step(self) -> float:
        """One round, of a second or so at most; returns for how many seconds nothing is to be done."""
        ...


class Service:
    """One long-running process: its log, its metrics, its port and its loop."""

    def __init__(
        self,
        name: str,
        *,
        listen: tuple[str, int] | None = None,
        stream: IO[str] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self.metrics = Metrics(name)
        self.log = Log(name, stream)
        self._place = listen
        self._backoff = backoff or Backoff()
        self._stop = _Stop()
        self._beat = self._sound = time.monotonic()
        """When the loop last turned, and when it last did so without a fault of the process itself."""
        self._trouble = "starting"
        self._unsound = False
        self._set_aside: Callable[[], Collection[str]] = tuple
        self._figures: dict[Any, Any] = {}
        self.metrics.ready.set_function(lambda: float(self.health("/readyz")[0] == HTTPStatus.OK))

    def run(
        self, connect: Callable[[], AbstractContextManager[Role]], fatal: tuple[type[Exception], ...] = (BadInput,)
    ) -> None:
        """Opens the role and turns its loop until the process is told to stop; returns when all is closed.

        Raises what is `fatal`: that which trying again does not mend.
        """
        with self._stop.installed(), self.log.installed(), self._serving():
            self.log.info("started", pid=os.getpid())
            failures, lost_at = 0, 0.0
            while not self._stop.asked:
                try:
                    with connect() as role:
                        while not self._stop.asked:
                            pause_s = role.step()
                            if self._trouble:
                                self._say_ready(failures, lost_at)
                                failures = 0
                            self.beat()
                            if pause_s > 0:
                                self._stop.wait(pause_s)
                except Stopped:
                    break
                except Exception as error:  # whatever it is, it is tried again
                    if isinstance(error, fatal) or code_of(error) == BAD_OPTIONS:
                        self.log.error("ends", error=str(error), kind=type(error).__name__)
                        raise
                    failures += 1
                    lost_at = lost_at if failures > 1 else time.monotonic()
                    self._pause_after(error, failures)
            self._trouble = "stopping"
            self.log.info("stopped")

    def stop(self) -> None:
        """As a signal would: the step under way is finished, then the loop ends."""
        self._stop.ask()

    @property
    def stopping(self) -> bool:
        """Whether the process was told to stop."""
        return self._stop.asked

    def beat(self) -> None:
        """Says that the loop is alive; what takes long calls it now and then. Raises Stopped where that is to end."""
        self._beat = time.monotonic()
        self.metrics.beat.set_to_current_time()

    def figures(self, kind: Callable[[Metrics], Figures]) -> Figures:
        """The role's own figures, made when they are first asked for: the role comes and goes, they stay."""
        if kind not in self._figures:
            self._figures[kind] = kind(self.metrics)
        found: Figures = self._figures[kind]
        return found

    def show_set_aside(self, streams: Callable[[], Collection[str]]) -> None:
        """Where the streams are told of that the role passes over for now: /readyz names them, and is not 503 for them."""
        self._set_aside = streams

    def check(self) -> None:
        """`beat` for something that may be given up in the middle: raises Stopped where the process is to end."""
        self.beat()
        if self._stop.asked:
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Waits, unless the process is told to stop."""
        self._stop.wait(seconds)

    def health(self, path: str) -> tuple[int, dict[str, Any]]:
        """The answer of /livez or /readyz: a status of HTTP, and an object."""
        now = time.monotonic()
        quiet_s, unsound_s = now - self._beat, now - self._sound
        alive = quiet_s < LIVE_FOR_S and (unsound_s < LIVE_FOR_S or not self._unsound)
        if path == "/livez":
            answer = {"service": self.name, "alive": alive, "last_beat_s": round(quiet_s, 3)}
            return (200 if alive else 503), answer | ({"trouble": self._trouble} if self._unsound else {})
        trouble = self._trouble
        if not trouble and quiet_s >= READY_FOR_S:
            trouble = (
                f"a step has not come back for {quiet_s:.0f} s: it waits for a store or a broker that says nothing"
            )
        ready = alive and not trouble
        answer = {"service": self.name, "ready": ready, "trouble": trouble or None}
        if aside := sorted(self._set_aside()):
            answer["set_aside"] = {"number": len(aside), "streams": aside[:SET_ASIDE_SHOWN]}
        return (200 if ready else 503), answer

    def _say_ready(self, failures: int, lost_at: float) -> None:
        self._trouble, self._unsound = "", False
        if failures:
            self.log.info("back", failures=failures, lost_for_s=round(time.monotonic() - lost_at, 3))
        else:
            self.log.info("ready")

    def _pause_after(self, error: Exception, failures: int) -> None:
        pause_s = self._backoff.pause_s(failures)
        what, lost = _kind_of(error)
        self.metrics.failures.labels(what).inc()
        self._trouble = hide_passwords(f"{what}: {error}" if str(error) else f"{what}: {type(error).__name__}")
        fields: dict[str, Any] = {"what": what, "error": str(error) or type(error).__name__, "failures": failures}
        self._note_soundness(lost)
        if not lost:
            fields["traceback"] = "".join(traceback.format_exception(error))
        (self.log.warning if lost else self.log.error)("lost", **fields, retry_in_s=round(pause_s, 3))
        self.beat()
        self._stop.wait(pause_s)

    def _note_soundness(self, lost: bool) -> None:
        """A store or broker that is lost is no reason to restart this process; a fault is, or that it has no means left."""
        sound = lost and has_means()
        if sound or not self._unsound:
            self._sound = time.monotonic()
        self._unsound = not sound

    @contextmanager
    def _serving(self) -> Iterator[None]:
        if self._place is None:
            yield
            return
        from consumers.roles.metrics import serve

        with serve(self._place, self.metrics, self.health) as port:
            self.log.info("listening", port=port)
            yield


def has_means() -> bool:
    """Whether the process can still open what it needs to reach anything: a connection, and a thread."""
    try:
        one, other = socket.socketpair()
        one.close()
        other.close()
        thread = threading.Thread(target=int, name="means")
        thread.start()
        thread.join()
    except (OSError, RuntimeError, MemoryError):
        return False
    return True


def _kind_of(error: Exception) -> tuple[str, bool]:
    """What was lost, and whether that may happen to a program without a fault."""
    if isinstance(error, StoreUnreachable):
        return "store", True
    if (code := code_of(error)) is not None:
        return ("broker" if code == "broker-unreachable" else "ledger"), True
    return ("ledger", True) if isinstance(error, LedgerError) else ("fault", False)


class _Stop:
    """A wish to stop that a signal handler may utter: a pipe wakes whoever waits, no lock is taken."""

    def __init__(self) -> None:
        self.asked = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    def ask(self) -> None:
        self.asked = True
        with suppress(BlockingIOError):  # it is full of wishes already
            os.write(self._write, b"\x00")

    def wait(self, seconds: float) -> None:
        if not self.asked:
            select.select([self._read], [], [], seconds)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listens to the signals; only the main thread can, elsewhere `Service.stop` is called."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = [(signum, signal.signal(signum, self._handle)) for signum in STOPPING]
        try:
            yield
        finally:
            for signum, handler in before:
                signal.signal(signum, handler)

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise SystemExit(SIGNAL_BASE + signum)  # asked twice: whatever is under way is not waited for
        self.ask()


class Log:
    """A log of one service: `log.info("recorded", accepted=3)`. What libraries log comes out in the same form."""

    def __init__(self, service: str, stream: IO[str] | None = None) -> None:
        self._logger = logging.getLogger(f"{LOGGERS}.{service}")
        self._handler = logging.StreamHandler(stream or sys.stderr)
        self._handler.setFormatter(_JSONLines(service))

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Lines are written inside."""
        root = logging.getLogger()
        level = root.level
        root.addHandler(self._handler)
        root.setLevel(logging.WARNING)
        logging.getLogger(LOGGERS).setLevel(logging.INFO)
        try:
            yield
        finally:
            root.removeHandler(self._handler)
            root.setLevel(level)

    def info(self, event: str, **fields: Any) -> None:
        """What is as it should be."""
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: Any) -> None:
        """What somebody may have to look at, if it lasts."""
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, **fields: Any) -> None:
        """What somebody has to look at."""
        self._logger.error(event, extra={"fields": fields})


class _JSONLines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": format_instant(int(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "service": self._service,
            "event": record.getMessage(),
        }
        if not record.name.startswith(LOGGERS):
            line["logger"] = record.name
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = self.formatException(record.exc_info)
        cleaned = {key: hide_passwords(value) if isinstance(value, str) else value for key, value in line.items()}
        return printable_json(json.dumps(cleaned, default=str, ensure_ascii=False))


def hide_passwords(text: str) -> str:
    """A text without what stands in it as a password: in a URL, or after a name that says so."""
    return _PASSWORD_SETTING.sub(r"\1=…", _PASSWORD_IN_URL.sub(r"\1@", text))
