"""From lines of files to facts in the ledger: read in bounded memory, recorded in batches, every refusal kept.

Nothing that is refused is lost: each refused line goes, with its file, number, code and sentence, to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import orjson

from ledger.errors import Refused
from ledger.facts import LINE_BYTES_MAX, Fact, parse_fact

if TYPE_CHECKING:
    from ledger.writer import Outcome

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line of a file, and where it stands. Of a line longer than a fact can be only the beginning is kept."""

    file: str
    number: int
    content: bytes


class RefusedLine(NamedTuple):
    """A line that was refused, and why."""

    line: Line
    code: str
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file of refusals; `fact` is the line's text as it was."""
        text = self.line.content.decode("utf-8", "backslashreplace")
        return {
            "file": self.line.file,
            "line": self.line.number,
            "code": self.code,
            "sentence": self.sentence,
            "fact": text.rstrip("\r\n"),
        }


def read_lines(file: str, stream: BinaryIO) -> Iterator[Line]:
    """The lines of a file that are not blank. A line without end is never held whole."""
    number = 0
    limit = LINE_BYTES_MAX + 2  # with its end of line
    while content := stream.readline(limit):
        number += 1
        if len(content) >= limit and not content.endswith(b"\n"):
            while (rest := stream.readline(limit)) and not rest.endswith(b"\n"):
                pass
        if number == 1:
            content = content.removeprefix(BYTE_ORDER_MARK)
        if not content.isspace() and content:
            yield Line(file, number, content)


class RefusalsFile:
    """Where refusals go: made when there is the first one, added to and never overwritten."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def write(self, refused: Sequence[RefusedLine]) -> None:
        """Adds refusals; they have left the program when this returns."""
        if not refused:
            return
        if self._file is None:
            self._file = self.path.open("ab")
        self._file.write(b"".join(orjson.dumps(line.as_json()) + b"\n" for line in refused))
        self._file.flush()

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._file is not None:
            self._file.close()


class Intake:
    """Records lines in batches, each in one transaction, and keeps account of what became of them."""

    def __init__(
        self,
        record: Callable[[Sequence[Fact]], list[Outcome]],
        refusals: RefusalsFile,
        batch_max: int,
        put_off_signals: Callable[[], AbstractContextManager[None]],
        on_refused: Callable[[RefusedLine], None] = lambda _: None,
    ) -> None:
        self._record = record
        self._refusals = refusals
        self._batch_max = batch_max
        self._put_off_signals = put_off_signals
        self._on_refused = on_refused
        self._lines: list[Line] = []
        self._facts: list[Fact] = []
        self._refused: list[RefusedLine] = []
        self.lines = 0
        self.accepted = 0
        self.duplicates = 0
        self.refused = 0

    def take(self, line: Line) -> bool:
        """Takes a line in; returns whether a batch was recorded with it."""
        self.lines += 1
        try:
            self._facts.append(parse_fact(line.content.rstrip()))
            self._lines.append(line)
        except Refused as refusal:
            self._refused.append(RefusedLine(line, refusal.code, refusal.sentence))
        if len(self._facts) + len(self._refused) < self._batch_max:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Records what was taken in since the last time. A signal waits until the refusals are written too."""
        with self._put_off_signals():
            outcomes = self._record(self._facts) if self._facts else []
            for line, outcome in zip(self._lines, outcomes, strict=True):
                if outcome.status == "accepted":
                    self.accepted += 1
                elif outcome.status == "duplicate":
                    self.duplicates += 1
                else:
                    self._refused.append(RefusedLine(line, outcome.code or "", outcome.sentence or ""))
            self.refused += len(self._refused)
            refused = sorted(self._refused, key=lambda entry: entry.line.number)
            self._refusals.write(refused)
            for entry in refused:
                self._on_refused(entry)
            self._lines, self._facts, self._refused = [], [], []
