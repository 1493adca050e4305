"""A form with files, as it is posted from a page: bounded, with its mark first, and kept in memory alone.

    the body                          what is taken of it
    --b                               the mark of forms, before anything else: without it nothing more is read
    … name="mark"
    --b                               small fields, each once
    … name="membership"
    --b                               files of the names that the page has, each once and each within its bound
    … name="evidence"; filename="…"

A file's own name is not taken: it says nothing that a page needs. The bytes of files go into memory that is no file of any
folder (`memfd_create`), so that nothing is on disk at any time, and another program can be handed them. Nothing is unpacked:
a body that says it is compressed is refused, and a file that is is whatever its reader makes of it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from console.http.problems import RETRY_AFTER_S, Problem
from console.pages import forms

if TYPE_CHECKING:
    from console.pages.rendering import Shown
    from console.pages.visiting import Visit

MULTIPART: Final = "multipart/form-data"
FIELD_BYTES_MAX: Final = 2_000
PARTS_MAX: Final = 20
AROUND_BYTES: Final = 65_536
"""So much of a body may be fields, and what stands around the parts."""
BOUNDARY_BYTES_MAX: Final = 70
"""RFC 2046, 5.1.1."""


@dataclass(slots=True)
class Posted:
    """What was posted. `close` gives its memory back."""

    fields: dict[str, str] = field(default_factory=dict)
    """Without the mark; stripped, and those that were left free left out."""
    files: dict[str, IO[bytes]] = field(default_factory=dict)
    """Those that were chosen and are not empty, each at its beginning."""

    def close(self) -> None:
        """Gives the memory back."""
        for file in self.files.values():
            file.close()


@dataclass(frozen=True, slots=True)
class Posting:
    """What a page takes: the memory that it may need is `at_once` times `bytes_max`."""

    shown: Callable[[Visit, Posted], Awaitable[Shown]]
    """What is answered; it is asked once the mark was found to be the visitor's own."""
    fields: frozenset[str]
    """Names of fields."""
    files: Mapping[str, int]
    """Name of a file -> how many bytes it may have."""
    bytes_max: int
    """Bytes of all files together."""
    at_once: int
    """So many are read and answered at once; one more is 503."""
    of_one: int
    """So many of them of one visitor; one more is 429."""


class Places:
    """How many are posting to a page, and who."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting
        self._of: Counter[str] = Counter()

    @contextmanager
    def one(self, who: str) -> Iterator[None]:
        """A place of a visitor. Raises Problem (429, 503) where there is none."""
        again = {"Retry-After": RETRY_AFTER_S}
        if self._of[who] >= self._posting.of_one:
            raise Problem(
                429, "busy", "found files of yours that are being read, expected them one by one", None, again
            )
        if self._of.total() >= self._posting.at_once:
            raise Problem(
                503, "busy", "found files of others that are being read, expected fewer: try again", None, again
            )
        self._of[who] += 1
        try:
            yield
        finally:
            self._of[who] -= 1
            if not self._of[who]:
                del self._of[who]


async def read_posted(request: Request, posting: Posting, secret: bytes, seed: str | None) -> Posted:
    """What was posted from a page of our own. Raises Problem (400, 403, 413, 415), of which the bytes after it are not read."""
    forms.require_own_page(request)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(415, "bad-input", "found a body that is compressed, expected one as it is", "Content-Encoding")
    most = posting.bytes_max + AROUND_BYTES
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared[:20]) > most:
        raise _too_much(posting)
    reading = _Reading(posting, _boundary(request), lambda text: forms.require_mark(secret, seed, text))
    try:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise _too_much(posting)
            reading.take(chunk)
        return reading.finish()
    except BaseException:
        reading.posted.close()
        raise


class _Reading:
    """Takes a body piece by piece."""

    def __init__(self, posting: Posting, boundary: bytes, require_mark: Callable[[str], None]) -> None:
        self.posted = Posted()
        self._posting = posting
        self._require_mark = require_mark
        self._marked = self._whole = False
        self._parts = 0
        self._header = self._value = b""
        self._disposition = b""
        self._name = ""
        self._held = bytearray()
        self._file: IO[bytes] | None = None
        self._size = self._sizes = 0
        self._seen: set[str] = set()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._named,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._over,
            },
        )

    def take(self, chunk: bytes) -> None:
        """The next bytes. Raises Problem."""
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _none() from None

    def finish(self) -> Posted:
        """What was posted. Raises Problem where the body has no end, or no mark."""
        if not self._whole:
            raise _none()
        if not self._marked:
            self._require_mark("")
        for file in self.posted.files.values():
            file.seek(0)
        return self.posted

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise _none()
        self._disposition = self._header = self._value = b""
        self._held.clear()
        self._file, self._size = None, 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _named(self) -> None:
        kind, said = parse_options_header(self._disposition)
        self._name = said.get(b"name", b"").decode("ascii", "replace")
        if kind != b"form-data" or self._name in self._seen:
            raise _none()
        self._seen.add(self._name)
        if not self._marked and self._name != forms.FIELD:
            self._require_mark("")  # raises: it stands first in every form of ours
        if b"filename" in said:
            if self._name not in self._posting.files:
                raise _none()
            try:
                self._file = memory()
            except OSError:
                raise _no_room() from None
            self.posted.files[self._name] = self._file
        elif self._name != forms.FIELD and self._name not in self._posting.fields:
            raise _none()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._file is None:
            if self._size > FIELD_BYTES_MAX:
                raise Problem(413, "too-long", f"found a longer field, expected {FIELD_BYTES_MAX:,} bytes", self._name)
            self._held += data[start:end]
            return
        most = self._posting.files[self._name]
        self._sizes += end - start
        if self._size > most:
            raise Problem(413, "too-long", f"found a longer file, expected {most:,} bytes at most", self._name)
        if self._sizes > self._posting.bytes_max:
            raise _too_much(self._posting)
        left = memoryview(data)[start:end]
        try:
            while left:  # what is not buffered may take a part, and what is cut off would be judged as if it were all
                left = left[self._file.write(left) :]
        except OSError:
            raise _no_room() from None

    def _end(self) -> None:
        if self._file is not None:
            if not self._size:  # a field for a file that was left free
                self.posted.files.pop(self._name).close()
            return
        try:
            text = self._held.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise _none() from None
        if self._name == forms.FIELD:
            self._require_mark(text)
            self._marked = True
        elif text:
            self.posted.fields[self._name] = text

    def _over(self) -> None:
        self._whole = True


def memory() -> IO[bytes]:
    """Memory that can be handed to another program as a file; where the system has none, a file without a name."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("posted", os.MFD_CLOEXEC), "w+b", buffering=0)
    return TemporaryFile(buffering=0)


def _no_room() -> Problem:
    return Problem(
        503,
        "busy",
        "found no room to take the file in, expected some: try again",
        headers={"Retry-After": RETRY_AFTER_S},
    )


def _boundary(request: Request) -> bytes:
    kind, said = parse_options_header(request.headers.get("content-type", ""))
    if kind != MULTIPART.encode():
        raise Problem(415, "bad-input", f"found another content type, expected {MULTIPART}", "Content-Type")
    boundary = said.get(b"boundary", b"")
    if not 0 < len(boundary) <= BOUNDARY_BYTES_MAX:
        raise _none()
    return boundary


def _none() -> Problem:
    return Problem(400, "bad-input", "found a form that is none of ours, expected its fields, each once")


def _too_much(posting: Posting) -> Problem:
    return Problem(
        413, "too-long", f"found more to read, expected files of {posting.bytes_max:,} bytes together at most",
        headers={"Connection": "close"},
    )  # fmt: skip
