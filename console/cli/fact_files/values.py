"""JSON values cut out of a text: the elements of an array, or objects that go over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Final

from console.cli.fact_files.byte_streams import joined
from console.cli.fact_files.lines import KEPT_BYTES, Line, Torn, read_lines

BLOCK_BYTES: Final = 65_536

_OUTSIDE: Final = re.compile(rb'["{}\[\],\s]')
_NESTED: Final = re.compile(rb'["{}\[\]]')
_IN_STRING: Final = re.compile(rb'["\\]')
_TO_BRACKET: Final = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+[{}\[\]]', re.DOTALL)
"""Over whole strings to the next bracket, in one step; where a string is cut, the others find their way."""

_WHITE: Final = re.compile(rb"[ \t\r\n]*")
_QUOTE, _BACKSLASH = b'"\\'


class Values:
    """JSON values of a text, one after the other; of an array that stands by itself, its elements.

    Nothing is held but a block of the text and a value, of which no more than KEPT_BYTES are kept. Values are only cut
    out, by their quotes and brackets: whether one is JSON, who parses it finds out.
    """

    def __init__(self, file: str, stream: IO[bytes], spread: bool) -> None:
        """`spread` says that objects by themselves go over several lines; else what is not in an array is lines."""
        self._file = file
        self._stream = stream
        self._spread = spread
        self._block = b""
        self._at = 0
        self._number = 1
        self._element = 0

    def lines(self) -> Iterator[Line]:
        """The values, each as a line."""
        while (byte := self._next_byte()) is not None:
            if byte == b"[":
                yield from self._elements()
            elif byte == b"{" and self._spread:
                yield self._value()
            else:
                rest = joined(self._block[self._at :], self._stream)
                yield from read_lines(self._file, rest, self._number - 1)
                return

    def _elements(self) -> Iterator[Line]:
        opened = self._number
        self._at += 1
        expected_next = False  # after a comma
        while (byte := self._next_byte()) is not None:
            if byte == b"]" and not expected_next:
                self._at += 1
                return
            if byte in b",]}":
                raise Torn(f"{self._file}:{self._number}: found {byte.decode()!r}, expected an element of the array")
            self._element += 1
            yield self._value()
            byte = self._next_byte()
            expected_next = byte == b","
            if expected_next:
                self._at += 1
            elif byte is not None and byte != b"]":
                raise Torn(f"{self._file}:{self._number}: found no comma and no ] after element {self._element}")
        raise self._breaks_off(f"the array of line {opened}")

    def _next_byte(self) -> bytes | None:
        """The next byte that is not white, without taking it; None at the end."""
        while True:
            white = _WHITE.match(self._block, self._at)
            if white is not None:
                self._number += white.group().count(b"\n")
                self._at = white.end()
            if self._at < len(self._block):
                return self._block[self._at : self._at + 1]
            if not self._fill():
                return None

    def _value(self) -> Line:
        """The value that begins here."""
        begins, kept, size = self._number, bytearray(), 0
        depth, in_string, skipped = 0, False, 0
        while True:
            block, start, place, end = self._block, self._at, self._at + skipped, -1
            while end < 0:
                if depth and not in_string:
                    found = _TO_BRACKET.match(block, place) or _NESTED.search(block, place)
                else:
                    found = (_IN_STRING if in_string else _OUTSIDE).search(block, place)
                if found is None:
                    break
                place = found.end()
                byte = block[place - 1]
                if in_string:
                    if byte == _BACKSLASH:
                        place += 1
                    else:
                        in_string = False
                        end = place if depth == 0 else -1
                elif byte == _QUOTE:
                    in_string = True
                elif byte in b"{[":
                    depth += 1
                elif byte in b"}]" and depth:
                    depth -= 1
                    end = place if depth == 0 else -1
                else:  # what follows a number or a word
                    end = place - 1
            skipped = max(0, place - len(block))
            taken = block[start : len(block) if end < 0 else end]
            kept += taken[: KEPT_BYTES - len(kept)]
            size += len(taken)
            self._number += taken.count(b"\n")
            self._at = start + len(taken)
            if end >= 0:
                break
            if not self._fill():
                raise self._breaks_off(f"the value of line {begins}")
        return Line(self._file, begins, bytes(kept), self._element, size if size > len(kept) else 0)

    def _fill(self) -> bool:
        self._block, self._at = self._stream.read1(BLOCK_BYTES), 0  # type: ignore[attr-defined]
        return bool(self._block)

    def _breaks_off(self, what: str) -> Torn:
        return Torn(f"{self._file}: found the end of the file within {what}, expected a whole one")


def is_balanced(line: bytes) -> bool:
    """Whether a line ends outside of all brackets and strings."""
    depth, in_string, place = 0, False, 0
    while found := (_IN_STRING if in_string else _NESTED).search(line, place):
        place, byte = found.end(), line[found.start()]
        if in_string:
            if byte == _BACKSLASH:
                place += 1
            else:
                in_string = False
        elif byte == _QUOTE:
            in_string = True
        else:
            depth += 1 if byte in b"{[" else -1
    return depth <= 0 and not in_string
