"""Values in what people read: nothing out of a file, its name, the book or an environment makes a line of its own there.

A line break in a value would let whoever wrote it write a line of our report, such as `verdict: confirmed`; another
control would let them move a terminal's cursor, hide text or turn it round. So each of these is shown as an escape:

    U+0000 to U+001F, U+007F to U+009F     line breaks, tabs and all other controls, NEL and the C1 set among them
    U+2028, U+2029                         line and paragraph separator
    U+061C, U+200E, U+200F                 marks of direction
    U+202A to U+202E, U+2066 to U+2069     embeddings, overrides and isolates

Whoever means several lines writes several.
"""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""A text as one line that any reader of UTF-8 takes, and any terminal.

    Controls are escapes as in Python (`\n`, `\x1b`, `\u2028`), and bytes that are no UTF-8, as arguments and names of
    files may have them, are `\xff`. A text that has been made so stays as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a pair of surrogates
        text = text.encode("utf-8", "backslashreplace").decode()
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def printable_json(text: str) -> str:
    r"""A JSON text on one line, with the same meaning: controls inside of its strings are `\u0085` and the like."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
