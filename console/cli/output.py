"""What the commands print: answers on stdout, words and progress on stderr.

With --json an answer is one object, a list one object a line. Without, it is text and tables (`console.cli.tables`). Every
output works in any encoding: what an encoding lacks is printed as an escape, JSON as ASCII wherever stdout is not UTF-8.
What people read is printed by the line: a line break inside of a text, as a value may hold one, is an escape, as every
control is (`ledger.printable`), so that no value writes a line of its own. Several lines are given as several texts.

An answer that cannot be written raises Unwritten; words that cannot be written are dropped, since they often tell of a
failure, and telling must not fail too.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, Final

import orjson

from console.cli.exits import BROKEN_PIPE, UNWRITTEN, Failure
from console.cli.tables import table_lines, text_width, wrapped_at_spaces
from ledger.printable import printable, printable_json

CONTINUED: Final = 4
"""How far the rest of a line is moved in, where it goes on beneath itself."""
TRACED: Final = "  | "
"""What stands before each line of a traceback."""
Advance = Callable[[int, int | None], None]
"""Called with (done, of how many or None)."""


class Unwritten(Failure):
    """An answer that stdout did not take: its reader went away (then nothing needs to be said), or its disk is full."""

    def __init__(self, error: Exception) -> None:
        gone = isinstance(error, OSError) and error.errno == errno.EPIPE
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        super().__init__(
            "answer-not-written", f"the answer could not be written: {why}", BROKEN_PIPE if gone else UNWRITTEN
        )
        self.nobody_listens = gone


class Output:
    """Where answers go. The streams are looked up when they are used, so that tests may replace them."""

    def __init__(self, as_json: bool, stdout: IO[str] | None = None, stderr: IO[str] | None = None) -> None:
        self.as_json = as_json
        self._stdout = stdout
        self._stderr = stderr

    @property
    def stdout(self) -> IO[str]:
        """Answers go here."""
        return self._stdout or sys.stdout

    @property
    def stderr(self) -> IO[str]:
        """Words go here."""
        return self._stderr or sys.stderr

    def json(self, answer: Any) -> None:
        """An answer, a dataclass of its own, as one line of JSON."""
        self._write(json_text(answer, ascii_only=not _is_utf8(self.stdout)) + "\n")

    def text(self, *lines: str) -> None:
        """Lines of an answer for people; an empty one where none is given."""
        for line in lines or ("",):
            self._write(self._shown(line) + "\n")

    def flowing(self, line: str, rest: str = "") -> None:
        """A line of an answer; where a terminal is too narrow for it, `rest` goes on beneath it, and so on at spaces."""
        width, whole = self.width(), self._shown(f"{line}  {rest}" if rest else line)
        if width is None or text_width(whole) <= width:
            self.text(whole)
            return
        for number, part in enumerate((line, rest) if rest else (line,)):
            for place, piece in enumerate(wrapped_at_spaces(self._shown(part), width - CONTINUED)):
                self.text(f"{' ' * CONTINUED}{piece.lstrip()}" if number or place else piece)

    def words(self, line: str) -> None:
        """Something said beside the answer."""
        self._say(f"csat-ledger: {line}")

    def trace(self, text: str) -> None:
        """A traceback on stderr, line by line, each behind a mark: what the error says begins none."""
        for line in text.splitlines():
            self._say(f"{TRACED}{line}")

    def _say(self, line: str) -> None:
        """A line on stderr; dropped where stderr takes none."""
        with suppress(OSError, ValueError):
            self.stderr.write(printable(line) + "\n")
            self.stderr.flush()

    def flush(self) -> None:
        """Answers reach the reader now."""
        try:
            self.stdout.flush()
        except (OSError, ValueError) as error:
            raise Unwritten(error) from error

    def abandon(self) -> None:
        """What cannot be written any more is dropped, also when the interpreter flushes at its end."""
        for stream in (self.stdout, self.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                with suppress(OSError, ValueError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    def _shown(self, text: str) -> str:
        """As `printable`, with the escapes for what stdout's encoding lacks: lines are laid out as they will stand."""
        text = printable(text)
        if text.isascii() or _is_utf8(self.stdout):
            return text
        encoding = _encoding(self.stdout)
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def _write(self, text: str) -> None:
        try:
            self.stdout.write(text)
        except (OSError, ValueError) as error:
            raise Unwritten(error) from error

    def width(self) -> int | None:
        """How wide a line may be: the terminal's columns; None where stdout is a file or a pipe."""
        return shutil.get_terminal_size().columns if self.stdout.isatty() else None

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        *,
        wrap: Sequence[str] = (),
        spare: Sequence[str] = (),
    ) -> None:
        """Rows under headings. Numbers stand to the right, None is a dash, truth is yes or no.

        Where a terminal is too narrow, `wrap` may be wrapped (names and sentences) and `spare` left out.
        """
        right = [bool(rows) and all(_is_number(row[place]) for row in rows) for place in range(len(columns))]
        cells = [[self._shown(cell(value)) for value in row] for row in rows]
        for line in table_lines(columns, cells, right, self.width(), wrap=wrap, spare=spare):
            self.text(line)

    @contextmanager
    def progress(self, label: str) -> Iterator[Advance]:
        """A bar on stderr while something long is done; nothing at all where stderr is no terminal."""
        if not self.stderr.isatty():
            yield lambda _done, _total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(file=self.stderr), transient=True) as bar:
            task = bar.add_task(label, total=None, figures="")

            def advance(done: int, total: int | None) -> None:
                figures = f"{done:,}" if total is None else f"{done:,} of {total:,}"
                bar.update(task, completed=done, total=total, figures=figures)

            yield advance


def cell(value: Any) -> str:
    """A value as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return yes_no(value)
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def json_text(answer: Any, *, ascii_only: bool = False) -> str:
    """An answer as JSON that any reader takes, on one line."""
    from projections.questions.answer import members, plain

    try:
        text = printable_json(orjson.dumps(answer, members, orjson.OPT_PASSTHROUGH_DATACLASS).decode())
    except TypeError:
        text = printable_json(orjson.dumps(_printable_all(plain(answer))).decode())
    if not ascii_only or text.isascii():
        return text
    import json

    return json.dumps(orjson.loads(text), separators=(",", ":"))


def _printable_all(answer: Any) -> Any:
    if isinstance(answer, str):
        return printable(answer)
    if isinstance(answer, dict):
        return {_printable_all(key): _printable_all(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [_printable_all(value) for value in answer]
    return answer


def _encoding(stream: IO[str]) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _is_utf8(stream: IO[str]) -> bool:
    return _encoding(stream).lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig"}


def yes_no(value: bool) -> str:
    """Truth in a word."""
    return "yes" if value else "no"


def short(instant: str) -> str:
    """A canonical instant without the decimals where they are zero: easier on the eye, and no less exact."""
    return instant[:19] + "Z" if instant.endswith(".000000Z") else instant


def plural(number: int, noun: str) -> str:
    """`1 fact`, `2,000 facts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))
