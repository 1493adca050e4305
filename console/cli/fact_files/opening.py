"""Files of facts as lines: found out what a file is, unpacked and recoded where that is plain, read in bounded memory.

What is read: JSON lines; one or several JSON arrays; pretty-printed JSON; each of them in UTF-8, with or without a byte
order mark, in UTF-16 or UTF-32, and compressed by gzip. Of anything else that is recognised (CSV, a ZIP archive, an SQL
dump, another binary) `open_facts` says what it is and what to do. A file that looks like none of these is read as
lines, so that one broken line, be it the first, is refused by itself.
"""

from __future__ import annotations

import io
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import IO, Final, NamedTuple

from console.cli.fact_files.byte_streams import Recoded, Unpacked, joined
from console.cli.fact_files.foreign import HEAD_BYTES, refuse_foreign
from console.cli.fact_files.lines import Line, read_lines
from console.cli.fact_files.values import Values, is_balanced

PACKED_MAX: Final = 3
"""So many layers of gzip are unpacked."""

_ENCODINGS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32-le", 4),
    (b"\x00\x00\xfe\xff", "utf-32-be", 4),
    (b"\xff\xfe", "utf-16-le", 2),
    (b"\xfe\xff", "utf-16-be", 2),
    (b"{\x00", "utf-16-le", 0),
    (b"[\x00", "utf-16-le", 0),
    (b"\x00{", "utf-16-be", 0),
    (b"\x00[", "utf-16-be", 0),
)
"""What a file in another encoding begins with, the encoding, and the bytes that are its byte order mark."""

_GZIP: Final = b"\x1f\x8b"


class Facts(NamedTuple):
    """A file of facts that is open: what it was found to be, where that is not JSON lines, and its lines."""

    found: str | None
    lines: Iterator[Line]


def open_facts(file: str, stream: IO[bytes]) -> Facts:
    """Looks at the beginning of a file, so far as that can be done without waiting for more than its first line.

    Raises Failure where it is something that cannot be read as facts, saying what and what to do.
    """
    found: list[str] = []
    head = _read_head(stream)
    while head.startswith(_GZIP) and len(found) < PACKED_MAX:
        found.append("compressed by gzip")
        stream = io.BufferedReader(Unpacked(file, joined(head, stream)), 1 << 20)
        head = _read_head(stream)
    for mark, encoding, length in _ENCODINGS:
        if head.startswith(mark):
            found.append(f"in {encoding.upper()}")
            stream = io.BufferedReader(Recoded(encoding, joined(head[length:], stream)), 1 << 20)
            head = _read_head(stream)
            break
    head = head.removeprefix(BOM_UTF8)
    refuse_foreign(file, head)
    start = head.lstrip()
    spread = start.startswith(b"{") and _is_spread(start)
    if spread or start.startswith(b"["):
        found.insert(0, "pretty-printed JSON" if spread else "a JSON array")
        lines = Values(file, joined(head, stream), spread).lines()
    else:
        lines = read_lines(file, joined(head, stream))
    return Facts(", ".join(found) or None, lines)


def _read_head(stream: IO[bytes]) -> bytes:
    """The beginning of a stream: to the end of its first line that is not blank, or what came together with that.

    Where that line is no whole JSON object, the beginning of the next line is waited for too.
    """
    head = b""
    while len(head) < HEAD_BYTES and not _is_enough(head):
        data: bytes = stream.read1(HEAD_BYTES)  # type: ignore[attr-defined]
        if not data:
            break
        head += data
    return head


def _is_enough(head: bytes) -> bool:
    if len(head) < 16 and not head.rstrip(b" \t\r\n").endswith(b"}"):
        return False
    first, newline, rest = head.lstrip().partition(b"\n")
    return bool(newline) and (not first.startswith(b"{") or is_balanced(first) or bool(rest.strip()))


def _is_spread(start: bytes) -> bool:
    """Whether the object that begins here goes on in the next line: that one begins with a key, a value or a bracket.

    A first line that only broke off is followed by a line that begins with an object of its own.
    """
    first, _, rest = start.partition(b"\n")
    return not is_balanced(first) and rest.lstrip()[:1] in (b'"', b"}", b"]")
