r"""The access log: a JSON object a line for each request that was answered.

    {"at":"2026-11-27T06:12:32.123456Z","service":"serve","event":"request","id":"4bf92f35…","method":"GET","route":"status",
     "status":200,"code":null,"ms":1.27,"bytes":512,"roles":["auditor"],"caller":"5f1d0c7a9b3e"}

`route` is the route's name in the OpenAPI document, null for what is none; `status` is 499 where the client went away; `code`
is that of a problem. `caller` is the token's `sub` as HMAC-SHA-256, 12 hex digits, under a key that is drawn when the process
starts and kept nowhere: one caller has one pseudonym for as long as the process lives, and nobody can try out names.

Not in it: paths and queries (they name memberships, and people whom somebody searched for), ids of facts, tokens, addresses,
user agents. All that a caller can choose of a line is its `id`, of a form that no line can be broken with.

No request waits for its line: a thread writes what has gathered. A line that cannot be written (a full disk, a reader that
went away or reads nothing) is lost and counted, and the next one is tried again.
"""

from __future__ import annotations

import errno
import hmac
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from threading import Event, Thread
from typing import Final

import orjson

from ledger.errors import BadInput
from ledger.instants import format_instant

WAITING_MAX: Final = 10_000
"""So many lines wait to be written; more are lost."""
AT_ONCE_BYTES: Final = 4_096
"""So much is written at once, in whole lines: of a pipe that is as much as nobody else's words can come between."""
GATHER_S: Final = 0.02
"""So long lines gather after some were written: waking for each takes longer than writing it."""
CLOSING_S: Final = 2.0
STDERR: Final = "-"
PSEUDONYM_CHARS: Final = 12
PSEUDONYMS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Access:
    """A request, when it is over."""

    at_us: int
    id: str
    method: str
    route: str | None
    status: int
    code: str | None
    seconds: float
    size: int
    """Bytes of the answer's body."""
    roles: tuple[str, ...]
    subject: str | None
    """The claim `sub`; it is not written."""


class AccessLog:
    """Writes accesses to a file, or to stderr."""

    def __init__(self, place: str, lost: Callable[[int], None], complain: Callable[[str], None]) -> None:
        """`lost` is told how many lines could not be written, `complain` why, once each time it begins. Raises BadInput."""
        self._path = None if place == STDERR else Path(place)
        self._lost = lost
        self._complain = complain
        self._key = token_bytes(32)
        self._failing = self._torn = False
        self._reopen = False
        self._file = os.dup(2) if self._path is None else _opened(self._path)
        self._lines: deque[Access] = deque()
        self._some = Event()
        self._closed = False
        self._pseudonyms: dict[str, str] = {}
        self._thread = Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def write(self, access: Access) -> None:
        """Returns at once; the line is written soon, or lost."""
        if len(self._lines) >= WAITING_MAX:
            self._lost(1)
            return
        self._lines.append(access)
        if not self._some.is_set():
            self._some.set()

    def reopen(self) -> None:
        """The next line goes into a file of the log's name: whoever rotates it has moved the present one away."""
        self._reopen = True

    def close(self) -> None:
        """Writes what has gathered, for a bounded time: a pipe may take nothing any more."""
        self._closed = True
        self._some.set()
        self._thread.join(CLOSING_S)

    def pseudonym(self, subject: str) -> str:
        """By what a subject is told from others."""
        found = self._pseudonyms.get(subject)
        if found is None:
            found = hmac.digest(self._key, subject.encode("utf-8", "replace"), "sha256").hex()[:PSEUDONYM_CHARS]
            if len(self._pseudonyms) >= PSEUDONYMS_MAX:
                self._pseudonyms.clear()
            self._pseudonyms[subject] = found
        return found

    def _line(self, access: Access) -> bytes:
        said = {
            "at": format_instant(access.at_us),
            "service": "serve",
            "event": "request",
            "id": access.id,
            "method": access.method,
            "route": access.route,
            "status": access.status,
            "code": access.code,
            "ms": round(access.seconds * 1_000, 3),
            "bytes": access.size,
            "roles": access.roles,
            "caller": None if access.subject is None else self.pseudonym(access.subject),
        }
        return orjson.dumps(said) + b"\n"

    def _run(self) -> None:
        while not (self._closed and not self._lines):
            self._some.wait()
            self._some.clear()
            self._write_gathered()
            if not self._closed:
                time.sleep(GATHER_S)
                self._write_gathered()
        os.close(self._file)

    def _write_gathered(self) -> None:
        gathered, number = b"", 0
        while self._lines:
            line = self._line(self._lines.popleft())
            if gathered and len(gathered) + len(line) > AT_ONCE_BYTES:
                self._written(gathered, number)
                gathered, number = b"", 0
            gathered, number = gathered + line, number + 1
        self._written(gathered, number)

    def _written(self, lines: bytes, number: int) -> None:
        if not lines:
            return
        self._take_the_new_file()
        lines = b"\n" + lines if self._torn else lines  # what a full disk cut off becomes no part of the next line
        try:
            while lines:
                done = os.write(self._file, lines)
                self._torn, lines = done < len(lines), lines[done:]
        except OSError as error:
            self._lost(number)
            if not self._failing:
                self._complain(
                    f"the access log cannot be written: {error.strerror}; its lines are lost until it can be"
                )
            self._failing = True
        else:
            self._failing = False

    def _take_the_new_file(self) -> None:
        if not self._reopen or self._path is None:
            return
        self._reopen = False
        try:
            opened = _opened(self._path)
        except BadInput as error:
            self._complain(f"{error}; the log goes on where it was")
            return
        os.close(self._file)
        self._file, self._torn = opened, False


def _opened(path: Path) -> int:
    """The file to append to, made where it is not there; a pipe must have its reader. Raises BadInput."""
    try:
        found = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        said = "a pipe that nobody reads" if error.errno == errno.ENXIO else error.strerror
        raise BadInput(f"{path}: found {said}, expected a file for the access log") from None
    os.set_blocking(found, True)
    return found
