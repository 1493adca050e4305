"""A body cut into lines as it comes, byte for byte; of a line that is too long for a fact only the beginning is held."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Final, NamedTuple

from ledger.fact import LINE_BYTES_MAX

KEPT_BYTES: Final = LINE_BYTES_MAX + 2
"""A fact, and an end of line of two bytes."""


class FactLine(NamedTuple):
    """A line that is not blank: its number from 1 on, its beginning, and how many bytes it has."""

    number: int
    content: bytes
    size: int


class FactLines:
    """Cuts lines out of parts of a body."""

    def __init__(self) -> None:
        self._number = 0
        self._rest = bytearray()
        self._size = 0

    @property
    def number(self) -> int:
        """How many lines have ended."""
        return self._number

    def feed(self, part: bytes) -> list[FactLine]:
        """The lines that end within a part."""
        *whole, rest = part.split(b"\n")
        found: list[FactLine] = []
        for part_of_line in whole:
            content, size = part_of_line, len(part_of_line)
            if self._size:
                self._hold(part_of_line)
                content, size = bytes(self._rest), self._size
                self._rest.clear()
                self._size = 0
            self._number += 1
            if content.startswith(BOM_UTF8):  # not only of the first line: files are put together
                content, size = content[len(BOM_UTF8) :], size - len(BOM_UTF8)
            if size > KEPT_BYTES or content.strip():
                found.append(FactLine(self._number, content[:KEPT_BYTES], size))
        self._hold(rest)
        return found

    def end(self) -> list[FactLine]:
        """The last line, where it does not end with a line break."""
        return self.feed(b"\n") if self._size else []

    def _hold(self, part: bytes) -> None:
        self._size += len(part)
        if len(self._rest) < KEPT_BYTES:
            self._rest += part[: KEPT_BYTES - len(self._rest)]
