"""Streams of bytes made of others: with a beginning that was read already, unpacked, recoded."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from typing import IO, Final, cast

from console.cli.fact_files.lines import Torn

_KEEP: Final = "csat-ledger-keep"
"""What a decoder does with what is no text."""


def _keep(error: UnicodeError) -> tuple[str | bytes, int]:
    """A surrogate in place of what is no text: in UTF-8 that is none either, and what follows is read on."""
    try:
        return codecs.lookup_error("surrogatepass")(error)
    except UnicodeDecodeError as found:
        return "\udcff", found.end


codecs.register_error(_KEEP, _keep)


class Joined(io.RawIOBase):
    """A stream again whose beginning was read."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """What is there, at most as much as fits."""
        if self._head:
            data, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        else:
            data = self._more(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _more(self, size: int) -> bytes:
        data: bytes = self._rest.read1(size)  # type: ignore[attr-defined]
        return data


class Unpacked(Joined):
    """What gzip compressed."""

    def __init__(self, file: str, packed: IO[bytes]) -> None:
        super().__init__(b"", cast(IO[bytes], gzip.GzipFile(fileobj=packed)))
        self._file = file

    def _more(self, size: int) -> bytes:
        try:
            return super()._more(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Torn(f"{self._file}: found gzip data that break off or are damaged ({error})") from None


class Recoded(Joined):
    """A text of another encoding in UTF-8. What is no text stays none: it is refused with the line in which it stands."""

    def __init__(self, encoding: str, rest: IO[bytes]) -> None:
        super().__init__(b"", rest)
        self._decoder = codecs.getincrementaldecoder(encoding)(_KEEP)
        self._ended = False

    def _more(self, size: int) -> bytes:
        while not self._ended:
            data = super()._more(size // 2 or 1)
            self._ended = not data
            self._head = self._decoder.decode(data, final=self._ended).encode("utf-8", "surrogatepass")
            if self._head:
                return self._take_head(size)
        return b""

    def _take_head(self, size: int) -> bytes:
        data, self._head = self._head[:size], self._head[size:]
        return data


def joined(head: bytes, rest: IO[bytes]) -> IO[bytes]:
    return io.BufferedReader(Joined(head, rest), 1 << 20)
