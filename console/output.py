"""What the commands print: answers on stdout, words and progress on stderr.

With --json an answer is one object, a list one object a line. Without, it is text: tables by rich where stdout is a
terminal, plain columns where it is a file or a pipe. rich is imported only for a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import orjson

Advance = Callable[[int, int | None], None]
"""Called with (done, of how many or None)."""


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
        """An answer as one line of JSON."""
        self.stdout.write(orjson.dumps(answer).decode() + "\n")

    def text(self, line: str = "") -> None:
        """A line of an answer for people."""
        self.stdout.write(line + "\n")

    def words(self, line: str) -> None:
        """Something said beside the answer."""
        self.stderr.write(f"csat-ledger: {line}\n")

    def flush(self) -> None:
        """Answers reach the reader now."""
        self.stdout.flush()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Rows under headings. Numbers stand to the right, None is a dash, truth is yes or no."""
        if self.stdout.isatty():
            self._rich_table(columns, rows)
            return
        cells = [list(columns), *([cell(value) for value in row] for row in rows)]
        widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
        right = [bool(rows) and all(_is_number(row[place]) for row in rows) for place in range(len(columns))]
        for row in cells:
            padded = (
                text.rjust(width) if to_right else text.ljust(width)
                for text, width, to_right in zip(row, widths, right, strict=True)
            )
            self.text("  ".join(padded).rstrip())

    def _rich_table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        from rich.box import SIMPLE
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE, header_style="bold")
        for place, column in enumerate(columns):
            number = bool(rows) and all(_is_number(row[place]) for row in rows)
            table.add_column(column, justify="right" if number else "left")
        for row in rows:
            table.add_row(*(Text(cell(value)) for value in row))  # as Text: a name is no markup
        Console(file=self.stdout).print(table)

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
