"""Lines of files, read in bounded memory, and what a file is that breaks off."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import IO, Final, NamedTuple

from console.cli.exits import Failure
from ledger.fact import LINE_BYTES_MAX

KEPT_BYTES: Final = LINE_BYTES_MAX + 2  # a fact with its end of line


class Line(NamedTuple):
    """A line of a file, or an element of a JSON array, and where it begins.

    Of a line longer than a fact can be only the beginning is kept, and `cut_from` has its length in bytes. `element`
    counts the elements of a file's arrays from 1 on; 0 is a line of JSON lines.
    """

    file: str
    number: int
    content: bytes
    element: int = 0
    cut_from: int = 0

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.file}:{self.number}" + (f" (element {self.element})" if self.element else "")


class Torn(Failure):
    """A file that breaks off or is damaged. What was read of it before is good."""

    def __init__(self, message: str) -> None:
        super().__init__("unreadable", message)


def read_lines(file: str, stream: IO[bytes], number: int = 0) -> Iterator[Line]:
    """The lines of a file that are not blank, counted from `number` + 1 on. A line without end is never held whole."""
    while content := stream.readline(KEPT_BYTES):
        number += 1
        cut_from = 0
        if len(content) >= KEPT_BYTES and not content.endswith(b"\n"):
            cut_from = len(content)
            while rest := stream.readline(KEPT_BYTES):
                cut_from += len(rest)
                if rest.endswith(b"\n"):
                    break
        content = content.removeprefix(BOM_UTF8)  # not only of the first line: files are put together
        if not content.isspace() and content:
            yield Line(file, number, content, 0, cut_from)
