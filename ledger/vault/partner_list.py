"""A partner's list: a CSV file with a header and a line for each person, read strictly and in bounded memory.

    column         holds
    email          the mail address; needed
    customer_org   the customer organisation, as the book spells it; needed
    consent        given, withdrawn or none; needed
    consent_at     when that was said, RFC 3339 with an offset; needed where consent is given or withdrawn, and the caller
                   has no instant for those without
    name, phone    as they are
    language       one of the 34 tags of `languages`

Columns stand in any order; any other, a missing one or one that stands twice is an error of the file, of which nothing is
taken then. The delimiter is what makes columns of the header: comma, semicolon, tab or bar. The encoding is UTF-8 or, with
a byte order mark, UTF-16. White space around a cell is dropped.

A line that is wrong is refused by itself, with a code and a sentence that repeats nothing of it. Only where it cannot be told
where a line ends (a quote that does not close) reading stops: what would follow might be part of a cell.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final, Literal, NamedTuple
from unicodedata import normalize

from ledger.errors import BadInput
from ledger.instants import parse_instant
from ledger.vault.contact import (
    BadCell,
    Contact,
    checked_email,
    checked_language,
    checked_name,
    checked_organisation,
    checked_phone,
)

Consent = Literal["given", "withdrawn", "none"]
CONSENTS: Final[tuple[Consent, ...]] = ("given", "withdrawn", "none")
NEEDED: Final = ("email", "customer_org", "consent")
COLUMNS: Final = (*NEEDED, "consent_at", "name", "phone", "language")
DELIMITERS: Final = (",", ";", "\t", "|")
LINE_CHARACTERS_MAX: Final = 8_192
"""Of a line of the file, or of several that make one line of the list."""
LINES_MAX: Final = 1_000_000
"""A file has no more: which addresses stood in it before is kept in memory."""
_NO_TEXT: Final = re.compile("[\ud800-\udfff\ufffd\x00]")
"""What stands for bytes that the encoding does not have."""


@dataclass(frozen=True, slots=True, repr=False)
class ListLine:
    """A line of a partner's list, sound in itself."""

    number: int
    """Where it begins in the file, the header is 1."""
    contact: Contact
    customer_org: str
    consent: Consent
    consent_us: int | None
    """When permission was given or taken back; None where consent is none."""


class RefusedLine(NamedTuple):
    """A line that is not taken, and why."""

    number: int
    code: str
    sentence: str


def read_list(
    file: str, stream: IO[bytes], *, delimiter: str | None = None, consent_us: int | None = None
) -> Iterator[ListLine | RefusedLine]:
    """The lines of a list, in order. `consent_us` holds for those that say of no instant.

    Raises BadInput where the file is no such list, or where a quote in it does not close; lines before were yielded.
    """
    lines = _Lines(file, _decoded(file, stream))
    header, found = _header(file, lines, delimiter)
    records = csv.reader(lines, delimiter=found, strict=True)
    while True:
        first = lines.number + 1
        if first > LINES_MAX:
            raise BadInput(f"{file}: found more than {LINES_MAX:,} lines, expected fewer: split the file")
        lines.begin()
        try:
            cells = next(records, None)
        except csv.Error:
            yield lines.refused(
                first, "quotes", "found a quote in the middle of a cell, expected quotes around whole cells"
            )
            continue
        except _TooLong:
            yield lines.refused(
                first, "too-long", f"found more than {LINE_CHARACTERS_MAX:,} characters, expected fewer"
            )
            continue
        if cells is None:
            return
        if cells:
            yield _line(first, header, cells, consent_us)


def _line(number: int, header: Sequence[str], cells: Sequence[str], default_us: int | None) -> ListLine | RefusedLine:
    if len(cells) != len(header):
        sentence = f"found {len(cells)} cells, expected {len(header)} as in the header"
        return RefusedLine(number, "columns", sentence)
    by_name = {name: normalize("NFC", cell).strip(" \t\u00a0") for name, cell in zip(header, cells, strict=True)}
    try:
        for name, cell in by_name.items():
            if _NO_TEXT.search(cell):
                raise BadCell("encoding", f"{name}: found bytes that are no text in the file's encoding, expected text")
        for name in NEEDED:
            if not by_name[name]:
                raise BadCell("missing", f"{name}: found an empty cell, expected one that says it")
        person, phone, language = (by_name.get(column) for column in ("name", "phone", "language"))
        contact = Contact(
            email=checked_email(by_name["email"]),
            name=checked_name(person) if person else None,
            phone=checked_phone(phone) if phone else None,
            language=checked_language(language) if language else None,
        )
        organisation = checked_organisation(by_name["customer_org"])
        consent = _consent(by_name["consent"])
        return ListLine(number, contact, organisation, consent, _consent_us(consent, by_name, default_us))
    except BadCell as error:
        return RefusedLine(number, error.code, error.sentence)


def _consent(text: str) -> Consent:
    for consent in CONSENTS:
        if text.lower() == consent:
            return consent
    raise BadCell("consent", f"consent: found another word, expected one of {', '.join(CONSENTS)}")


def _consent_us(consent: Consent, by_name: dict[str, str], default_us: int | None) -> int | None:
    if consent == "none":
        return None
    text = by_name.get("consent_at")
    if not text:
        if default_us is None:
            raise BadCell("consent-at", "consent_at: found an empty cell, expected when consent was given or withdrawn")
        return default_us
    try:
        return parse_instant(text)
    except BadInput:  # which repeats what it found
        raise BadCell(
            "consent-at",
            "consent_at: found another text, expected RFC 3339 with an offset, such as 2010-06-15T10:22:33Z",
        ) from None


def _header(file: str, lines: _Lines, delimiter: str | None) -> tuple[list[str], str]:
    """The columns in their order, and the delimiter. Names that are none of ours are told by their place alone."""
    lines.begin()
    try:
        line = next(lines, "")
    except _TooLong:
        raise BadInput(f"{file}: found a first line of more than {LINE_CHARACTERS_MAX:,} characters") from None
    best: list[str] = []
    for candidate in DELIMITERS if delimiter is None else (delimiter,):
        try:
            names = [cell.strip().lower() for cell in next(csv.reader([line], delimiter=candidate, strict=True), [])]
        except csv.Error:
            continue
        if len(set(names) & set(COLUMNS)) > len(set(best) & set(COLUMNS)):
            best, delimiter = names, candidate
    known = [name for name in best if name in COLUMNS]
    strange = [str(place) for place, name in enumerate(best, 1) if name not in COLUMNS]
    twice = sorted({name for name in known if known.count(name) > 1})
    missing = [name for name in NEEDED if name not in known]
    wrong = [
        f"{what} {', '.join(names)}"
        for what, names in (
            ("no column", missing),
            ("twice the column", twice),
            ("an unknown column at place", strange),
        )
        if names
    ]
    if wrong or delimiter is None:
        raise BadInput(
            f"{file}: found {' and '.join(wrong)} in the first line, expected the columns {', '.join(NEEDED)}, and of "
            f"{', '.join(COLUMNS[len(NEEDED) :])} those that there are, each once; nothing was taken"
        )
    return best, delimiter


_FOREIGN: Final = (
    (b"PK\x03\x04", "a ZIP archive (a spreadsheet is one)"),
    (b"\x1f\x8b", "a file compressed by gzip"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
)


def _decoded(file: str, stream: IO[bytes]) -> IO[str]:
    buffered = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
    head: bytes = buffered.peek(16)[:16]  # type: ignore[attr-defined]
    for mark, what in _FOREIGN:
        if head.startswith(mark):
            raise BadInput(f"{file}: found {what}, expected CSV in UTF-8 or UTF-16; nothing was taken")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return io.TextIOWrapper(buffered, "utf-16", "replace", newline="")
    return io.TextIOWrapper(buffered, "utf-8-sig", "surrogateescape", newline="")


class _TooLong(Exception):
    """A line of the list has more characters than it may have."""


class _Lines:
    """The lines of a text, for csv's reader, with a bound on what one line of the list may take of them."""

    def __init__(self, file: str, text: IO[str]) -> None:
        self.number = 0
        """The last line that was read, from 1 on."""
        self._file = file
        self._text = text
        self._left = 0
        self._quotes = 0

    def begin(self) -> None:
        """A line of the list begins here."""
        self._left = LINE_CHARACTERS_MAX
        self._quotes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LINE_CHARACTERS_MAX + 1)
        if not line:
            if self._quotes % 2:
                raise BadInput(f"{self._file}: found the end of the file within quotes, expected them closed")
            raise StopIteration
        self.number += 1
        self._quotes += line.count('"')
        self._left -= len(line)
        if self._left < 0:
            while line and not line.endswith(("\n", "\r")):
                line = self._text.readline(LINE_CHARACTERS_MAX)
                self._quotes += line.count('"')
            raise _TooLong
        return line

    def refused(self, first: int, code: str, sentence: str) -> RefusedLine:
        """A refusal of the line of the list that began at a line. Raises BadInput where it may not end here: within quotes.

        With an even number of quotes no cell is open at the end of the line, however they are read.
        """
        if self._quotes % 2:
            raise BadInput(
                f"{self._file}: line {first}: {sentence}; the quotes do not close where the line ends, so nobody can tell what "
                "follows; the lines before were taken: mend this one, and give the file again"
            )
        return RefusedLine(first, code, sentence)
