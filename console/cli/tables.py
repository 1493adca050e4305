"""Tables for people: whole columns side by side where there is room, wrapped where there is less, never cut.

A table that is too wide for its terminal gets narrower in steps, and stops at the first that fits:

1. headings of several words stand on several lines, and columns of names and sentences, and only these, are wrapped:
   a date, a state, a number or an id stays whole;
2. columns that the caller can spare are left out, one after the other, and a last line names them;
3. each row becomes a block, a line for each column, with all columns again.

Without a width (a file, a pipe) every row is one line, however long.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

GAP: Final = "  "
WRAPPED_MIN: Final = 12
"""A wrapped column is not made narrower than this: a word a line is harder to read than a block."""

Cells = Sequence[str]


def table_lines(
    columns: Cells,
    rows: Sequence[Cells],
    right: Sequence[bool],
    width: int | None = None,
    *,
    wrap: Cells = (),
    spare: Cells = (),
) -> Iterator[str]:
    """The lines of a table. `right` says which columns stand to the right, `wrap` names those that may be wrapped,

    `spare` those that may be left out, the first of them first.
    """
    natural = [max(map(text_width, (heading, *(row[place] for row in rows)))) for place, heading in enumerate(columns)]
    if width is None or _total(natural) <= width:
        yield from _laid_out(columns, rows, right, natural)
        return
    for left_out in range(len(spare) + 1):
        kept = [place for place, heading in enumerate(columns) if heading not in spare[:left_out]]
        widths = _shrunk(columns, rows, kept, wrap, width)
        if _total(widths) <= width:
            shown = ([[row[place] for place in kept] for row in rows], [right[place] for place in kept])
            yield from _laid_out([columns[place] for place in kept], *shown, widths)
            if left_out:
                yield from wrapped_at_spaces(f"(too narrow for: {', '.join(spare[:left_out])})", width)
            return
    yield from _blocks(columns, rows, width)


def _laid_out(columns: Cells, rows: Sequence[Cells], right: Sequence[bool], widths: Sequence[int]) -> Iterator[str]:
    heads = [wrapped(heading, size) for heading, size in zip(columns, widths, strict=True)]
    yield from _side_by_side(heads, widths, right, bottom=True)
    for row in rows:
        yield from _side_by_side([wrapped(text, size) for text, size in zip(row, widths, strict=True)], widths, right)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _shrunk(columns: Cells, rows: Sequence[Cells], kept: Sequence[int], wrap: Cells, width: int) -> list[int]:
    """Widths of the columns that are kept: the widest that may be wrapped made narrower, until all fit or none can."""
    widths = [max(map(text_width, (*columns[place].split(), *(row[place] for row in rows)))) for place in kept]
    while _total(widths) > width:
        wide = [at for at, place in enumerate(kept) if columns[place] in wrap and widths[at] > WRAPPED_MIN]
        if not wide:
            break
        widths[max(wide, key=lambda at: widths[at])] -= 1
    return widths


def _side_by_side(
    cells: Sequence[list[str]], widths: Sequence[int], right: Sequence[bool], *, bottom: bool = False
) -> Iterator[str]:
    """Cells of one or several lines beside one another; headings stand at the bottom of theirs."""
    height = max(map(len, cells))
    for number in range(height):
        line = []
        for lines, size, to_right in zip(cells, widths, right, strict=True):
            place = number - (height - len(lines)) if bottom else number
            text = lines[place] if 0 <= place < len(lines) else ""
            space = " " * (size - text_width(text))
            line.append(space + text if to_right else text + space)
        yield GAP.join(line).rstrip()


def _blocks(columns: Cells, rows: Sequence[Cells], width: int) -> Iterator[str]:
    """Each row as a block of lines, `heading  value`."""
    size = max(map(text_width, columns))
    left = max(WRAPPED_MIN, width - size - len(GAP))
    for number, row in enumerate(rows):
        if number:
            yield ""
        for heading, text in zip(columns, row, strict=True):
            first, *others = wrapped_at_spaces(text, left)
            yield f"{heading}{' ' * (size - text_width(heading))}{GAP}{first}"
            yield from (f"{' ' * size}{GAP}{other}" for other in others)


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most a width: at spaces, within a word only where it is longer than a line."""
    lines = []
    for rest in wrapped_at_spaces(text, width):
        start = 0
        while text_width(rest[start:]) > width:
            fitting = _fitting(rest[start:], width)
            lines.append(rest[start : start + fitting])
            start += fitting
        lines.append(rest[start:])
    return lines


def wrapped_at_spaces(text: str, width: int) -> list[str]:
    """A text in lines of at most a width, but for words that are longer, which stay whole."""
    if text_width(text) <= width:
        return [text]
    first, *words = text.split(" ")
    lines = [first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if text_width(longer) > width and not lines[-1].isspace():
            lines.append(word)
        else:
            lines[-1] = longer
    return [line.rstrip() for line in lines]


def _fitting(text: str, width: int) -> int:
    """How many characters of a text fit into a width; one at least."""
    taken = 0
    for number, character in enumerate(text):
        taken += text_width(character)
        if taken > width and number:
            return number
    return len(text)


def text_width(text: str) -> int:
    """How many columns of a terminal a text takes: letters of East Asia two, what stands upon another letter none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
