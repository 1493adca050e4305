"""The XML of a workbook, read as it comes: no document type, no depth, no endless tag.

A document type is refused as soon as it begins, so there are no entities: none that grow, none that lead to other files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Final
from xml.parsers import expat

from ledger.errors import BadInput

CHUNK: Final = 65_536
DEPTH_MAX: Final = 64
TAG_BYTES_MAX: Final = 1 << 20
"""Of what the parser has to hold before it knows what it is: a tag with its attributes, a comment."""

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


def parsed(stream: IO[bytes], start: Start, end: End, text: Text) -> Iterator[None]:
    """Calls back for each element, by its name without a prefix; yields now and then, so that what was made is taken away.

    Raises BadInput for what is not taken, expat.ExpatError for what is no XML.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.CharacterDataHandler = text
    names: dict[str, str] = {}
    depth = 0

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH_MAX:
            raise BadInput(f"found XML of more than {DEPTH_MAX} elements inside of one another, expected fewer")
        start(names.get(name) or _local(names, name), attributes)

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(names[name])

    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.StartDoctypeDeclHandler = _refuse_doctype
    fed = 0
    while data := stream.read(CHUNK):
        parser.Parse(data, False)
        fed += len(data)
        if fed - max(parser.CurrentByteIndex, 0) > TAG_BYTES_MAX:
            raise BadInput(f"found XML with a tag of more than {TAG_BYTES_MAX:,} bytes, expected fewer")
        yield
    parser.Parse(b"", True)
    yield


def _local(names: dict[str, str], name: str) -> str:
    if len(names) > 1_000:
        raise BadInput("found XML with more than 1,000 kinds of elements, expected a workbook")
    names[name] = name.rpartition(":")[2]
    return names[name]


def _refuse_doctype(*_: object) -> None:
    raise BadInput("found XML with a document type, expected none in a workbook")
