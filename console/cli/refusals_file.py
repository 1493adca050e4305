"""The file of refusals: every line that was refused as it was, beside its code, until it is taken again or removed.

A refusal is one JSON object a line:

    {"file":"facts.jsonl","line_number":7,"code":"consent-missing","sentence":"…","line":"{\\"type\\":…}"}

`line` is the line without its line feed, to the byte; where it is no UTF-8, `line_base64` has its bytes instead. An
element of a JSON array has `element` too, counted from 1 on. Of a line that is longer than a fact can be only the
beginning is kept, and `cut_from` says how many bytes it had.

The file is made with access for its owner alone. Who adds to it or rewrites it holds a lock on it while doing so, so
that nothing is lost between a `record` and a `record --retry` that run at once.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import orjson

from console.cli.exits import UNWRITTEN, Failure
from console.cli.fact_files.lines import Line

if TYPE_CHECKING:
    from ledger.fact import Fact

REFUSAL_BYTES_MAX: Final = 1 << 20
"""No refusal is longer: a line of 65,538 bytes, each escaped in six, and its sentence."""

NO_ROOM_AGAIN: Final = "the file stays as it is; make room beside it and take it again"


class RefusedLine(NamedTuple):
    """A line that was refused, and why."""

    line: Line
    code: str
    sentence: str
    field: str | None = None
    """The member that the form of a fact says is wrong; it does not stand in the file."""
    fact: Fact | None = None
    """What it was parsed as, where that is at hand; nor does this."""

    def encoded(self) -> bytes:
        """As it stands in the file of refusals, with its end of line."""
        line = self.line
        refusal: dict[str, Any] = {"file": _printable(line.file), "line_number": line.number}
        if line.element:
            refusal["element"] = line.element
        refusal |= {"code": self.code, "sentence": self.sentence}
        if line.cut_from:
            refusal["cut_from"] = line.cut_from
        content = line.content.removesuffix(b"\n")
        try:
            refusal["line"] = content.decode("utf-8")
        except UnicodeDecodeError:
            refusal["line_base64"] = base64.b64encode(content).decode()
        return orjson.dumps(refusal) + b"\n"

    def digest(self) -> bytes:
        """What tells refusals apart: the line and why it was refused, not from where it came."""
        return _digest(self.code, self.line.content.removesuffix(b"\n"))


def decode_refusal(encoded: bytes) -> RefusedLine | None:
    """A refusal as it was encoded; None where the bytes are none."""
    try:
        found = orjson.loads(encoded)
        if "line" in found:
            content = found["line"].encode("utf-8")
        else:
            content = base64.b64decode(found["line_base64"], validate=True)
        line = Line(
            str(found["file"]), int(found["line_number"]), content,
            int(found.get("element", 0)), int(found.get("cut_from", 0)),
        )  # fmt: skip
        return RefusedLine(line, str(found["code"]), str(found["sentence"]))
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
        return None


class Refusals(Protocol):
    """Where refusals go."""

    def write(self, refused: Sequence[RefusedLine]) -> None:
        """Adds refusals; they have left the program when this returns."""


class RefusalsFile:
    """A file that refusals are added to: made when there is the first one, never overwritten.

    What stands in it from before is not added again, so that recording a file twice leaves its refusals once. To know
    them costs some 100 bytes of memory for each, once something is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before: frozenset[bytes] | None = None

    def write(self, refused: Sequence[RefusedLine]) -> None:
        """Adds refusals. Raises Failure where that fails, and leaves the file as it was before."""
        if not refused:
            return
        with _naming(self.path, "make room, or name another file with --refused"):
            self._write(refused)

    def _write(self, refused: Sequence[RefusedLine]) -> None:
        if self.path.exists() and not self.path.is_file():  # a pipe, a terminal, /dev/null
            with os.fdopen(_open_to_write(self.path), "wb") as file:
                file.write(b"".join(entry.encoded() for entry in refused))
            return
        with _locked(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, fcntl.LOCK_EX) as file:
            if self._before is None:
                self._before = frozenset(_digests(file))
            new = b"".join(entry.encoded() for entry in refused if entry.digest() not in self._before)
            _append(file, new)


class RefusalsTakenAgain:
    """A file of refusals whose lines are taken again: what is refused again takes the place of what was there.

    The file is replaced in one step by `finish`; until then it stays as it is, so that whatever happens in between,
    the same can be done again: what was accepted then comes as a duplicate, and leaves.
    """

    def __init__(self, path: Path, file: IO[bytes], part: IO[bytes], part_path: Path) -> None:
        """See `take_again`."""
        self.path = path
        self.strange = 0
        self._file = file
        self._part = part
        self._part_path = part_path
        self._written: set[bytes] = set()

    def lines(self) -> Iterator[Line]:
        """The lines that were refused. What is no refusal stays as it is, and is counted as `strange`."""
        self._file.seek(0)
        while encoded := self._file.readline(REFUSAL_BYTES_MAX + 1):
            if len(encoded) > REFUSAL_BYTES_MAX:
                raise Failure("unreadable", f"{self.path}: found no file of refusals, expected one that `record` wrote")
            refused = decode_refusal(encoded)
            if refused is not None:
                yield refused.line
            elif not encoded.isspace():
                self.strange += 1
                self._keep(encoded if encoded.endswith(b"\n") else encoded + b"\n")

    def write(self, refused: Sequence[RefusedLine]) -> None:
        """Keeps what was refused again: a line that was there under two codes stays once."""
        for entry in refused:
            place = _digest(f"{entry.line.number}:{entry.line.element}:{entry.code}", entry.line.content)
            if place not in self._written:
                self._written.add(place)
                self._keep(entry.encoded())

    def finish(self) -> None:
        """Puts what is left in the place of the file. Raises Failure where that fails, and leaves the file as it was."""
        with _naming(self.path, NO_ROOM_AGAIN):
            self._part.flush()
            os.fsync(self._part.fileno())
            self._part_path.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _keep(self, encoded: bytes) -> None:
        with _naming(self.path, NO_ROOM_AGAIN):
            self._part.write(encoded)


@contextmanager
def take_again(path: Path) -> Iterator[RefusalsTakenAgain]:
    """A file of refusals, locked for as long as its lines are taken again.

    Raises Failure where another has it, OSError where it cannot be opened.
    """
    path = path.resolve()  # a link stays one
    part_path = path.with_name(f".{path.name}.part")
    if path.exists() and not path.is_file():
        raise Failure("unreadable", f"{path}: found what is no plain file, expected a file of refusals")
    with _locked(path, os.O_RDWR, fcntl.LOCK_EX | fcntl.LOCK_NB) as file:
        part_path.unlink(missing_ok=True)  # of one that was killed
        descriptor = os.open(part_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        part = os.fdopen(descriptor, "wb")
        try:
            yield RefusalsTakenAgain(path, file, part, part_path)
        finally:
            with suppress(OSError):  # what is still unwritten of it is given up
                part.close()
            part_path.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path, advice: str) -> Iterator[None]:
    """An error of the system while refusals are written, as one that names the file and what to do."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise Failure(
            "refusals-not-written", f"{path}: refusals could not be written: {why}; {advice}", UNWRITTEN
        ) from error


@contextmanager
def _locked(path: Path, flags: int, how: int) -> Iterator[IO[bytes]]:
    """A file, opened and locked, that is the one at its path: not one that was replaced while this waited."""
    while True:
        with os.fdopen(os.open(path, flags, 0o600), "r+b") as file:
            try:
                fcntl.flock(file, how)
            except BlockingIOError:
                raise Failure("unreadable", f"{path}: found another `record` at work on it, expected none") from None
            if _is_at(file, path):
                yield file
                return


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        there, here = path.stat(), os.fstat(file.fileno())
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _open_to_write(path: Path) -> int:
    """What is no plain file, opened without waiting for somebody to read from it: who waits so cannot be stopped."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return descriptor


def _digests(file: IO[bytes]) -> Iterator[bytes]:
    """The digests of all refusals in a file."""
    file.seek(0)
    while encoded := file.readline(REFUSAL_BYTES_MAX):
        refused = decode_refusal(encoded)
        if refused is not None:
            yield refused.digest()


def _append(file: IO[bytes], data: bytes) -> None:
    """Adds data to the end: all of it or nothing, and not onto a line that broke off."""
    size = file.seek(0, os.SEEK_END)
    if size and data:
        file.seek(size - 1)
        data = data if file.read(1) == b"\n" else b"\n" + data
    try:
        while data:
            data = data[os.write(file.fileno(), data) :]  # past the buffer, which would write again what failed
    except OSError:
        with suppress(OSError):
            file.truncate(size)
        raise


def _digest(label: str, content: bytes) -> bytes:
    return blake2b(label.encode("utf-8", "surrogateescape") + b"\0" + content, digest_size=16).digest()


def _printable(name: str) -> str:
    """A file's name as a text that any encoding takes: bytes that are no UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
